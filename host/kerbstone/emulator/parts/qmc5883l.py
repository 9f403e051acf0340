"""Virtual QMC5883L, data sheet Rev 1.0: continuous mode at 10 to 200 Hz, 2 or 8 G, standby."""

from __future__ import annotations

from typing import ClassVar

from kerbstone.emulator.parts.magnetometer import Magnetometer

_RATES_HZ = (10, 50, 100, 200)


class Qmc5883l(Magnetometer):
    address = 0x0D
    CURRENT_UA: ClassVar[dict[str, float]] = {"off": 0.0, "standby": 3.0, "run": 75.0}  # not confirmed
    ID_AT = 0x0D
    RESET: ClassVar[dict[int, int]] = {0x0D: 0xFF, 0x0B: 0x00}
    WRITABLE = frozenset((0x09, 0x0A, 0x0B))
    NOISE_UT = 0.2  # 2 mG (data sheet: resolution)

    def changed(self, register: int, value: int) -> None:
        if register == 0x0A and value & 0x80:
            self.reset()
        elif register in (-1, 0x09):
            if value & 0x03 == 1:
                period = 1_000_000 // _RATES_HZ[value >> 2 & 3]
                self.begin(period, period)
                self.state("run")
            else:
                self.end()
                self.state("standby")

    def finished(self, t_us: int) -> None:
        per_ut = 30.0 if self.regs[0x09] & 0x10 else 120.0
        full = self.words(0x00, self.field(t_us), per_ut, "little")
        self.regs[0x06] = 0x01 | full << 1

    def was_read(self, register: int) -> None:
        if register == 0x05:
            self.regs[0x06] &= ~0x05

    def register(self, pointer: int) -> int:
        return pointer & 0x0F


PART = Qmc5883l
