"""Virtual QMC5883P, data sheet Rev C: its own map, four ranges, single and continuous conversions."""

from __future__ import annotations

from typing import ClassVar

from kerbstone.emulator.parts.magnetometer import Magnetometer

_RATES_HZ = (10, 50, 100, 200)
_PER_UT = (10.0, 25.0, 37.5, 150.0)
_SINGLE_US = 5_000  # at the highest oversampling, not confirmed


class Qmc5883p(Magnetometer):
    address = 0x2C
    CURRENT_UA: ClassVar[dict[str, float]] = {"off": 0.0, "suspend": 22.0, "run": 75.0}  # not confirmed
    ID_AT = 0x00
    RESET: ClassVar[dict[int, int]] = {0x00: 0x80}
    WRITABLE = frozenset((0x0A, 0x0B, 0x29))
    NOISE_UT = 0.2  # not confirmed

    def changed(self, register: int, value: int) -> None:
        if register == 0x0B and value & 0x80:
            self.reset()
        elif register in (-1, 0x0A):
            mode = value & 0x03
            if mode in (0, 2):
                self.end()
            if mode == 2:
                self.begin(_SINGLE_US)
            elif mode:
                period = 1_000_000 // _RATES_HZ[value >> 2 & 3]
                self.begin(period, period)
            self.state("run" if mode else "suspend")

    def finished(self, t_us: int) -> None:
        full = self.words(0x01, self.field(t_us), _PER_UT[self.regs[0x0B] >> 2 & 3], "little")
        self.regs[0x09] = 0x01 | full << 1
        if self.regs[0x0A] & 0x03 == 2:
            self.regs[0x0A] &= ~0x03
            self.state("suspend")

    def was_read(self, register: int) -> None:
        if register == 0x09:
            self.regs[0x09] &= ~0x02
        elif register == 0x06:
            self.regs[0x09] &= ~0x01


PART = Qmc5883p
