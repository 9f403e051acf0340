"""What must be on flash so that a power cut never makes the node repeat itself.

Three small blobs, each written atomically by the store:
`lw.join`     DevNonce to use next and the last JoinNonce; written before a join request leaves.
`lw.session`  the session record, after a join and whenever the network changed a parameter.
`lw.fcnt`     the lease of uplink counters and the downlink counter, tagged with the session they belong to.
"""

import struct

from micropython import const

from kerb.errors import UplinkError

LEASE = const(32)  # uplinks between two writes; a cold start skips at most this many counters
_JOIN = "<IHi"
_COUNTERS = "<IHII"


class Vault:
    """`store.put(name, bytes)` and `store.get(name)` are atomic; `owner` ties the blobs to one device identity."""

    def __init__(self, store, owner):
        self.store = store
        self.owner = owner

    def _get(self, name, layout):
        """The values of a blob without its owner; None when it is not there or another device's."""
        blob = self.store.get(name)
        if blob and len(blob) == struct.calcsize(layout):
            values = struct.unpack(layout, blob)
            if values[0] == self.owner:
                return values[1:]
        return None

    def _join(self):
        return self._get("lw.join", _JOIN) or (0, -1)  # JoinNonce 0 is a valid first one, so "none yet" lies below it

    def take_dev_nonce(self):
        """A DevNonce never used before; when this returns, the flash already names the next one."""
        dev_nonce, join_nonce = self._join()
        if dev_nonce == 0xFFFF:
            raise UplinkError("DevNonce is used up for this JoinEUI: give the device a new identity")
        self.store.put("lw.join", struct.pack(_JOIN, self.owner, dev_nonce + 1, join_nonce))
        return dev_nonce

    def join_nonce(self):
        """The last accepted JoinNonce, -1 when there was none."""
        return self._join()[1]

    def save_join(self, session, join_nonce):
        """Keeps a new activation. The nonce goes first: losing the session costs a join, accepting the nonce twice a key."""
        self.store.put("lw.join", struct.pack(_JOIN, self.owner, self._join()[0], join_nonce))
        self.save(session)

    def save(self, session):
        self.store.put("lw.session", session.pack())

    def reserve(self, session):
        """Makes sure the next uplink counter is reserved on flash before it is used."""
        if session.fcnt_up >= session.lease:
            self._counters(session, session.fcnt_up + LEASE)
            session.lease = session.fcnt_up + LEASE

    def save_downlink(self, session):
        """Keeps the downlink counter, so that a power cut reopens no old downlink."""
        self._counters(session, session.lease)

    def _counters(self, session, lease):
        self.store.put("lw.fcnt", struct.pack(_COUNTERS, self.owner, session.dev_nonce, lease, session.fcnt_down))

    def counters(self, session):
        """Takes the stored counters of this session: none of them was used by a frame. False when there are none."""
        nonce, lease, down = self._get("lw.fcnt", _COUNTERS) or (-1, 0, 0)
        known = nonce == session.dev_nonce
        session.fcnt_up = session.lease = lease if known else 0
        session.fcnt_down = down if known else 0
        return known

    def load(self, session):
        """Cold start: the stored session with counters no frame has used. False when there is none."""
        blob = self.store.get("lw.session")
        if not blob or not session.unpack(blob):
            return False
        session.quiet_until = session.join_period = session.join_used = 0  # the node's clock starts again with the power
        used = session.lease
        # Where counters were used but their lease is gone, only a new join helps.
        return (self.counters(session) or not used) and session.joined == 1
