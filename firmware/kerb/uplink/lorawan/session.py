"""All that a LoRaWAN session remembers, in one record of fixed length (see SIZE).

The record is the same in RTC memory and on flash: a version, the owner (CRC-32 of the EUIs), the numbers, the keys, the channel
mask, the sub-band credits, sixteen channels, the MAC answers still to send, and a CRC-32 over it all.
"""

import struct
from binascii import crc32

from micropython import const

from kerb.uplink.lorawan import duty

_VERSION = const(1)
_SLOTS = const(16)
_BANDS = const(8)
_MASK_BYTES = const(10)  # 72 channels of the fixed plans and room
ANSWERS = const(51)  # bytes of MAC answers kept: what the slowest EU868 rate can carry on port 0

# name and struct code of every number; all start at 0 unless _START says otherwise
_NUMBERS = (
    ("joined", "B"), ("ack_due", "B"), ("dr", "B"), ("power", "B"), ("nb_trans", "B"), ("rx_delay", "B"), ("rx1_offset", "B"),
    ("rx2_dr", "B"), ("duty_exponent", "B"), ("join_tries", "B"), ("adr_count", "H"), ("dev_nonce", "H"), ("join_period", "H"),
    ("rx2_hz", "I"), ("dev_addr", "I"), ("fcnt_up", "I"), ("lease", "I"), ("fcnt_down", "I"), ("quiet_until", "I"),
    ("join_start", "I"), ("join_used", "I"), ("clock", "I"),
)  # fmt: skip
_HEAD = "<BI" + "".join([code for _, code in _NUMBERS])
_HEAD_SIZE = struct.calcsize(_HEAD)
_CREDITS = "<%di" % _BANDS
_CHANNEL = "<IIB"
_CHANNEL_SIZE = const(9)

_KEYS_AT = _HEAD_SIZE
_MASK_AT = _KEYS_AT + 32
_CREDIT_AT = _MASK_AT + _MASK_BYTES
_CHANNELS_AT = _CREDIT_AT + 4 * _BANDS
_ANSWERS_AT = _CHANNELS_AT + _SLOTS * _CHANNEL_SIZE
_CRC_AT = _ANSWERS_AT + 1 + ANSWERS
SIZE = _CRC_AT + 4


class Session:
    """State of one activation. Attributes:

    every name in the number table; `keys` (NwkSKey, AppSKey); `mask` enabled channels; `credit` list by sub-band;
    `channels` list of None or [uplink Hz, RX1 Hz, lowest DR, highest DR]; `answers` bytearray of MAC answers for the next uplink.
    `fcnt_up` is the counter the next uplink gets, `lease` the first one not yet reserved on flash, `fcnt_down` the lowest
    acceptable next. `clock` is the second (since power-on) the credits are true at.
    """

    clock: int
    dev_nonce: int
    dr: int
    fcnt_up: int
    join_start: int
    joined: int
    lease: int

    def __init__(self, region, owner):
        self.owner = owner
        for name, _ in _NUMBERS:
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
        self.channels = [[row[0], row[0], row[1], row[2]] for row in region.defaults]
        self.channels += [None] * (region.channel_slots - len(self.channels))
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
        """The record, SIZE bytes."""
        out = bytearray(SIZE)
        struct.pack_into(_HEAD, out, 0, _VERSION, self.owner, *[getattr(self, name) for name, _ in _NUMBERS])
        out[_KEYS_AT:_MASK_AT] = self.keys[0] + self.keys[1] if self.joined else bytes(32)
        out[_MASK_AT:_CREDIT_AT] = self.mask.to_bytes(_MASK_BYTES, "little")
        struct.pack_into(_CREDITS, out, _CREDIT_AT, *(self.credit + [0] * (_BANDS - len(self.credit))))
        for i, channel in enumerate(self.channels):
            if channel:
                rates = channel[2] | channel[3] << 4
                struct.pack_into(_CHANNEL, out, _CHANNELS_AT + i * _CHANNEL_SIZE, channel[0], channel[1], rates)
        out[_ANSWERS_AT] = len(self.answers)
        out[_ANSWERS_AT + 1 : _ANSWERS_AT + 1 + len(self.answers)] = self.answers
        struct.pack_into("<I", out, _CRC_AT, crc32(memoryview(out)[:_CRC_AT]))
        return bytes(out)

    def unpack(self, data):
        """Takes over a record; False (and no change) when it is damaged, of another version or of another device."""
        if len(data) != SIZE or struct.unpack_from("<I", data, _CRC_AT)[0] != crc32(memoryview(data)[:_CRC_AT]):
            return False
        values = struct.unpack_from(_HEAD, data, 0)
        if values[0] != _VERSION or values[1] != self.owner:
            return False
        for i, row in enumerate(_NUMBERS):
            setattr(self, row[0], values[2 + i])
        self.keys = (bytes(data[_KEYS_AT : _KEYS_AT + 16]), bytes(data[_KEYS_AT + 16 : _MASK_AT]))
        self.mask = int.from_bytes(bytes(data[_MASK_AT:_CREDIT_AT]), "little")
        self.credit = list(struct.unpack_from(_CREDITS, data, _CREDIT_AT))[: len(self.credit)]
        for i in range(len(self.channels)):
            up, down, rates = struct.unpack_from(_CHANNEL, data, _CHANNELS_AT + i * _CHANNEL_SIZE)
            self.channels[i] = [up, down, rates & 15, rates >> 4] if up else None
        size = data[_ANSWERS_AT]
        self.answers = bytearray(data[_ANSWERS_AT + 1 : _ANSWERS_AT + 1 + size])
        return True
