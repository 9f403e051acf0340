"""All that a LoRaWAN session remembers, in one record of fixed length (see SIZE).

The record is the same in RTC memory and on flash: a version, the owner (CRC-32 of identity and region), the numbers, the keys, the channel
mask, the MAC answers still to send, the sub-band credits, sixteen channels, and a CRC-32 over it all.

On flash lies what a power cut must never make the node repeat, in three small blobs, each written atomically by the store:
`lw.join`     DevNonce to use next and the last JoinNonce; written before a join request leaves.
`lw.session`  the session record, after a join and whenever the network changed a parameter.
`lw.fcnt`     the lease of uplink counters and the downlink counter, tagged with the session they belong to.
"""

from binascii import crc32
from struct import calcsize, pack, pack_into, unpack_from

from micropython import const

from kerb.errors import UplinkError

from . import duty

_VERSION = const(2)
_SLOTS = const(16)
_BANDS = const(8)
_MASK_BYTES = const(10)  # 72 channels of the fixed plans and room
ANSWERS = const(51)  # bytes of MAC answers kept: what the slowest EU868 rate can carry on port 0

# Every number in the order of _HEAD: bytes, half words, words; all start at 0. `size` is the length of the answers.
_NAMES = (
    "joined ack_due dr power nb_trans rx_delay rx1_offset rx2_dr duty_exponent dwell max_eirp size join_tries adr_count dev_nonce"
    " join_period rx2_hz dev_addr fcnt_up lease fcnt_down quiet_until join_start join_used clock"
).split()  # a list of the names would take three times the bytes
_HEAD = "<BI12B4H9I16s16s10s51s8i"
_CHANNELS_AT = const(186)
_CHANNEL = "<IIB"
_CRC_AT = const(186 + 16 * 9)
SIZE = const(186 + 16 * 9 + 4)

LEASE = const(32)  # uplinks between two writes; a cold start skips at most this many counters
_JOIN = "<IHi"
_COUNTERS = "<IHII"


class Session:
    """State of one activation. Attributes:

    every name of the numbers; `keys` (NwkSKey, AppSKey); `mask` enabled channels; `credit` list by sub-band;
    `channels` list of None or [uplink Hz, RX1 Hz, lowest DR, highest DR]; `answers` bytearray of MAC answers for the next uplink.
    `fcnt_up` is the counter the next uplink gets, `lease` the first one not yet reserved on flash, `fcnt_down` the lowest
    acceptable next. `clock` is the second (since power-on) the credits are true at. `dwell`: bit 0 uplinks, bit 1 downlinks limited.
    """

    clock: int
    dev_addr: int
    dev_nonce: int
    dr: int
    dwell: int
    fcnt_up: int
    join_start: int
    join_tries: int
    joined: int
    lease: int

    def __init__(self, region, owner):
        self.owner = crc32(region.name.encode(), owner)  # a node moved to another region joins anew
        for name in _NAMES:
            setattr(self, name, 0)
        self.credit = [duty.cap(row[2]) for row in region.bands]
        self.keys = (b"", b"")
        self.reset_mac(region)

    def __repr__(self):
        return "Session(joined=%d, fcnt_up=%d, dr=%d)" % (self.joined, self.fcnt_up, self.dr)  # never the keys

    def reset_mac(self, region):
        """Everything the network may have changed goes back to the region's defaults; for a new activation only."""
        self.joined = self.ack_due = self.power = self.rx1_offset = 0
        self.duty_exponent = self.quiet_until = self.adr_count = 0
        self.nb_trans = 1
        self.rx_delay = region.rx_delay_s
        self.rx2_hz, self.rx2_dr = region.rx2
        self.dwell, self.max_eirp = region.dwell, region.max_eirp_dbm
        self.channels = [list(row) for row in region.defaults]
        while len(self.channels) < region.channel_slots:
            self.channels.append(None)
        self.mask = region.default_mask
        self.answers = bytearray()

    def defined(self):
        """Mask of the channels that exist."""
        out = 0
        for i, channel in enumerate(self.channels):
            if channel:
                out |= 1 << i
        return out

    def pack(self):
        """The record, SIZE bytes. The channels of a fixed plan never change; the first sixteen stand in the record all the same."""
        out = bytearray(SIZE)
        self.size = len(self.answers)
        values = [_VERSION, self.owner] + [getattr(self, name) for name in _NAMES]
        values += self.keys
        values += (self.mask.to_bytes(_MASK_BYTES, "little"), bytes(self.answers))
        values += (self.credit + [0] * _BANDS)[:_BANDS]
        pack_into(_HEAD, out, 0, *values)
        for i, channel in enumerate(self.channels[:_SLOTS]):
            if channel:
                pack_into(_CHANNEL, out, _CHANNELS_AT + i * 9, channel[0], channel[1], channel[2] | channel[3] << 4)
        pack_into("<I", out, _CRC_AT, crc32(memoryview(out)[:_CRC_AT]))
        return bytes(out)

    def unpack(self, data):
        """Takes over a record; False (and no change) when it is damaged, of another version or of another device."""
        if len(data) != SIZE or unpack_from("<I", data, _CRC_AT)[0] != crc32(memoryview(data)[:_CRC_AT]):
            return False
        values = unpack_from(_HEAD, data)
        if values[:2] != (_VERSION, self.owner):
            return False
        for i, name in enumerate(_NAMES):
            setattr(self, name, values[2 + i])
        values = values[2 + len(_NAMES) :]
        self.keys = values[:2]
        self.mask = int.from_bytes(values[2], "little")
        self.answers = bytearray(values[3][: self.size])
        self.credit = list(values[4 : 4 + len(self.credit)])
        for i in range(min(_SLOTS, len(self.channels))):
            up, down, rates = unpack_from(_CHANNEL, data, _CHANNELS_AT + i * 9)
            self.channels[i] = [up, down, rates & 15, rates >> 4] if up else None
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

    def _join(self):
        return self._get("lw.join", _JOIN) or (0, -1)  # JoinNonce 0 is a valid first one, so "none yet" lies below it

    def take_dev_nonce(self):
        """A DevNonce never used before; when this returns, the flash already names the next one."""
        dev_nonce, join_nonce = self._join()
        if dev_nonce == 0xFFFF:
            raise UplinkError("DevNonce is used up for this JoinEUI: give the device a new identity")
        self.store.put("lw.join", pack(_JOIN, self.owner, dev_nonce + 1, join_nonce))
        return dev_nonce

    def join_nonce(self):
        """The last accepted JoinNonce, -1 when there was none."""
        return self._join()[1]

    def save_join(self, session, join_nonce):
        """Keeps a new activation. The nonce goes first: losing the session costs a join, accepting the nonce twice a key."""
        self.store.put("lw.join", pack(_JOIN, self.owner, self._join()[0], join_nonce))
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
