"""Register file of the virtual SX1262 (data sheet DS.SX1261-2.W.APP Rev 2.1, table 12-1): values after reset, what sleep keeps."""

from __future__ import annotations

import random

IQ_POLARITY = 0x0736
SYNC_WORD = 0x0740  # two bytes; 0x1424 private, 0x3444 public
RX_GAIN = 0x08AC
RANDOM = 0x0819  # four bytes, new at every read while receiving
RETENTION = 0x029F  # count, then up to four register addresses that a warm start keeps (section 9.6)

RX_BOOSTED = 0x96
IQ_STANDARD_BIT = 0x04  # section 15.4: set for standard IQ, cleared for inverted IQ

RESET: dict[int, int] = {
    0x0580: 0x00, 0x0583: 0x00, 0x0584: 0x00, 0x0585: 0x00,  # DIO output and input enable, pull-up, pull-down
    0x06B8: 0x01, 0x06B9: 0x00,  # whitening, initial value
    0x06BC: 0x1D, 0x06BD: 0x0F, 0x06BE: 0x10, 0x06BF: 0x21,  # CRC, initial value and polynomial
    0x06C0: 0x97, 0x06C1: 0x23, 0x06C2: 0x52, 0x06C3: 0x25, 0x06C4: 0x56, 0x06C5: 0x53, 0x06C6: 0x65, 0x06C7: 0x64,  # FSK sync word
    IQ_POLARITY: 0x0D,
    SYNC_WORD: 0x14, SYNC_WORD + 1: 0x24,
    0x0889: 0x01,  # TxModulation, section 15.1
    RX_GAIN: 0x94,
    0x08D8: 0xC8,  # TxClampConfig, section 15.2
    0x08E7: 0x38,  # over-current protection, 140 mA on the SX1262
    0x0902: 0x00, 0x0944: 0x00,  # RTC control, event mask
    0x0911: 0x05, 0x0912: 0x05,  # trim capacitors XTA, XTB
}  # fmt: skip
_NOT_KEPT = (RX_GAIN,)  # lost over a warm sleep unless it is in the retention list
_LIST_MAX = 4


class Registers:
    """Bytes by address; addresses the data sheet does not list read as written, 0 at first."""

    def __init__(self) -> None:
        self._bytes = dict(RESET)

    def reset(self) -> None:
        self._bytes = dict(RESET)

    def __getitem__(self, address: int) -> int:
        return self._bytes.get(address, 0)

    def __setitem__(self, address: int, value: int) -> None:
        self._bytes[address] = value

    def sleep_warm(self) -> None:
        """Forgets what a sleep with retention does not keep."""
        count = min(self[RETENTION], _LIST_MAX)
        kept = {self[at] << 8 | self[at + 1] for at in range(RETENTION + 1, RETENTION + 1 + 2 * count, 2)}
        for address in _NOT_KEPT:
            if address not in kept:
                self._bytes[address] = RESET[address]

    def renew_random(self, rng: random.Random) -> None:
        for at in range(RANDOM, RANDOM + 4):
            self._bytes[at] = rng.getrandbits(8)

    @property
    def sync_word(self) -> int:
        """The one-byte sync word that the two registers carry in their upper nibbles (0x3444 -> 0x34)."""
        return self[SYNC_WORD] & 0xF0 | self[SYNC_WORD + 1] >> 4
