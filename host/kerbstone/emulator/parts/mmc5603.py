"""Virtual MMC5603NJ, data sheet Rev B: 20 bits in nine registers, low nibbles in bits 7..4 of 0x06..0x08."""

from __future__ import annotations

from typing import ClassVar

from kerbstone.emulator.parts.memsic import Memsic


class Mmc5603(Memsic):
    ID_AT = 0x39
    RESET: ClassVar[dict[int, int]] = {0x39: 0x10, 0x18: 0x10}
    WRITABLE = frozenset(range(0x1A, 0x20))
    CTRL_0, STATUS, TEMP = 0x1B, 0x18, 0x09
    DONE, DONE_T = 0x40, 0x80
    BITS, PER_UT = 20, 160.0
    NOISE_UT = 0.2  # 2 mG total (data sheet)
    CONVERSION_US = 6_600  # not confirmed
    LOW_AT = ((6, 4), (7, 4), (8, 4))


PART = Mmc5603
