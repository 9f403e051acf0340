"""All that a LoRaWAN session remembers, in one record of fixed length (see SIZE).

The record is the same in RTC memory and on flash: a version, the owner (CRC-32 of identity and region), the numbers, the keys, the channel
mask, the MAC answers still to send, the sub-band credits, sixteen channels, and a CRC-32 over it all.

On flash lies what a power cut must never make the node repeat, in three small blobs, each written atomically by the store:
`lw.join`     DevNonce to use next and the last JoinNonce; written before a join request leaves.
`lw.session`  the session record, after a join and whenever the network changed a parameter.
`lw.fcnt`     the lease of uplink counters and the downlink counter, tagged with the session they belong to.
"""

from binascii import crc32
from struct import calcsize, pack, unpack_from

from micropython import const

from kerb.errors import UplinkError

_VERSION = const(3)
_SLOTS = const(16)
_BANDS = const(8)
_AGAIN = const(7)  # numbers that begin again
_NO_CHANNEL = (0, 0, 0, 0)
_MASK_BYTES = const(10)  # 72 channels of the fixed plans and room
ANSWERS = const(51)  # bytes of MAC answers kept: what the slowest EU868 rate can carry on port 0

# Every number in the order of _LAYOUT; all start at 0, and the first of them begin again with each activation. `size` is the length of
# the answers.
_NAMES = (
    "joined ack_due power rx1_offset duty_exponent adr_count quiet_until"
    " dr nb_trans rx_delay rx2_dr dwell max_eirp size doubt join_tries dev_nonce"
    " join_period rx2_hz dev_addr fcnt_up lease fcnt_down join_start join_used clock slip"
).split()  # a list of the names would take three times the bytes
_LAYOUT = "<BI5BHI8B3H8Ii16s16s10s51s8i" + "IIBB" * _SLOTS
_KEYS_AT = const(29)  # index of the first key among the values: version, owner, numbers lie before
SIZE = const(191 + 16 * 10 + 4)

LEASE = const(32)  # uplinks between two writes; a cold start skips at most this many counters
_JOIN = "<IHi"
_COUNTERS = "<IHII"


class Session:
    """State of one activation. Attributes:

    every name of the numbers; `keys` (NwkSKey, AppSKey); `mask` enabled channels; `credit` list by sub-band;
    `channels` list of None or [uplink Hz, RX1 Hz, lowest DR, highest DR]; `answers` bytearray of MAC answers for the next uplink.
    `fcnt_up` is the counter the next uplink gets, `lease` the first one not yet reserved on flash, `fcnt_down` the lowest
    acceptable next. `slip`: how many millionths the node's clock runs fast, as downlinks told; `doubt`: how often the windows were doubled
    because an answer stayed out. `clock` is the second (since power-on) the credits are true at. `dwell`: bit 0 uplinks, bit 1 downlinks
    limited.
    """

    clock: int
    dev_addr: int
    dev_nonce: int
    doubt: int
    dr: int
    dwell: int
    fcnt_up: int
    join_start: int
    join_tries: int
    joined: int
    lease: int
    slip: int

    def __init__(self, region, owner):
        self.owner = crc32(region.name.encode(), owner)  # a node moved to another region joins anew
        for name in _NAMES:
            setattr(self, name, 0)
        self.credit = list(region.caps)
        self.keys = (b"", b"")
        self.reset_mac(region)

    def reset_mac(self, region):
        """Everything the network may have changed goes back to the region's defaults; for a new activation only."""
        for name in _NAMES[:_AGAIN]:
            setattr(self, name, 0)
        self.nb_trans = 1
        self.rx_delay = region.rx_delay_s
        self.rx2_hz, self.rx2_dr = region.rx2
        self.dwell, self.max_eirp = region.dwell, region.max_eirp_dbm
        self.channels = [list(row) for row in region.defaults]
        while len(self.channels) < region.channel_slots:
            self.channels.append(None)
        self.mask = region.default_mask
        self.answers = bytearray()

    def pack(self):
        """The record, SIZE bytes. The channels of a fixed plan never change; the first sixteen stand in the record all the same."""
        self.size = len(self.answers)
        values = [_VERSION, self.owner] + [getattr(self, name) for name in _NAMES]
        values += self.keys
        values += (self.mask.to_bytes(_MASK_BYTES, "little"), bytes(self.answers))
        values += (self.credit + [0] * _BANDS)[:_BANDS]
        for i in range(_SLOTS):
            values += (self.channels[i] if i < len(self.channels) else None) or _NO_CHANNEL
        out = pack(_LAYOUT, *values)
        return out + crc32(out).to_bytes(4, "little")

    def unpack(self, data):
        """Takes over a record; False (and no change) when it is damaged, of another version or of another device."""
        if len(data) != SIZE or crc32(data[:-4]).to_bytes(4, "little") != data[-4:]:
            return False
        values = unpack_from(_LAYOUT, data)
        if values[:2] != (_VERSION, self.owner):
            return False
        for i, name in enumerate(_NAMES):
            setattr(self, name, values[2 + i])
        self.keys = values[_KEYS_AT : _KEYS_AT + 2]
        self.mask = int.from_bytes(values[_KEYS_AT + 2], "little")
        self.answers = bytearray(values[_KEYS_AT + 3][: self.size])
        self.credit = list(values[_KEYS_AT + 4 : _KEYS_AT + 4 + len(self.credit)])
        for i in range(min(_SLOTS, len(self.channels))):
            channel = list(values[_KEYS_AT + 12 + 4 * i :][:4])
            self.channels[i] = channel if channel[0] else None
        return True


class Vault:
    """`store.put(name, bytes)` and `store.get(name)` are atomic; `owner` ties the blobs to one device identity."""

    def __init__(self, store, owner):
        self.store = store
        self.owner = owner

    def _get(self, name, layout):
        """The values of a blob without its owner; None when it is not there or another device's."""
        blob = self.store.get(name)
        if blob and len(blob) == calcsize(layout):
            values = unpack_from(layout, blob)
            if values[0] == self.owner:
                return values[1:]
        return None

    def take_nonces(self):
        """(a DevNonce never used before, the last accepted JoinNonce or -1); when this returns, the flash already names the next one."""
        nonces = self._get("lw.join", _JOIN) or (0, -1)  # JoinNonce 0 is a valid first one, so "none yet" lies below it
        dev_nonce, join_nonce = nonces
        if dev_nonce == 0xFFFF:
            raise UplinkError("DevNonce is used up: give the device a new identity")
        self.store.put("lw.join", pack(_JOIN, self.owner, dev_nonce + 1, join_nonce))
        return nonces

    def save_join(self, session, join_nonce):
        """Keeps a new activation. The nonce goes first: losing the session costs a join, accepting the nonce twice a key."""
        self.store.put("lw.join", pack(_JOIN, self.owner, session.dev_nonce + 1, join_nonce))
        self.save(session)

    def save(self, session):
        self.store.put("lw.session", session.pack())

    def reserve(self, session):
        """Makes sure the next uplink counter is reserved on flash before it is used."""
        if session.fcnt_up >= session.lease:
            self.save_counters(session, session.fcnt_up + LEASE)
            session.lease = session.fcnt_up + LEASE

    def save_counters(self, session, lease):
        """Keeps a lease and the downlink counter, so that a power cut reopens no old downlink."""
        self.store.put("lw.fcnt", pack(_COUNTERS, self.owner, session.dev_nonce, lease, session.fcnt_down))

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
