"""Virtual MMC5983MA, data sheet Rev A: 18 bits, SET and RESET by command."""

from __future__ import annotations

from typing import ClassVar

from kerbstone.emulator.parts.memsic import Memsic


class Mmc5983ma(Memsic):
    ID_AT = 0x2F
    RESET: ClassVar[dict[int, int]] = {0x2F: 0x30, 0x08: 0x10}
    WRITABLE = frozenset(range(0x09, 0x0D))
    CTRL_0, STATUS = 0x09, 0x08
    NOISE_UT = 0.04  # 0.4 mG (data sheet)
    LOW_AT = ((6, 6), (6, 4), (6, 2))


PART = Mmc5983ma
