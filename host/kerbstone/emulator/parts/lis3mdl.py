"""Virtual LIS3MDL, data sheet DocID024204 Rev 6: four ranges, rates to 80 Hz, single and continuous conversions, block data update."""

from __future__ import annotations

from typing import ClassVar

from kerbstone.emulator.parts.magnetometer import Magnetometer

_PER_UT = (68.42, 34.21, 22.81, 17.11)
_RATES_HZ = (0.625, 1.25, 2.5, 5.0, 10.0, 20.0, 40.0, 80.0)


class Lis3mdl(Magnetometer):
    address = 0x1E
    CURRENT_UA: ClassVar[dict[str, float]] = {"off": 0.0, "power_down": 1.0, "run": 270.0}  # 20 Hz, best mode; not confirmed
    ID_AT = 0x0F
    RESET: ClassVar[dict[int, int]] = {0x0F: 0x3D, 0x20: 0x10, 0x22: 0x03, 0x30: 0xE8}
    WRITABLE = frozenset((*range(0x05, 0x0B), *range(0x20, 0x25), 0x30, 0x32, 0x33))
    NOISE_UT = 0.35  # 3.2 to 4.1 mG in the best mode (not confirmed)

    def changed(self, register: int, value: int) -> None:
        if register == 0x21 and value & 0x0C:  # REBOOT, SOFT_RST
            self.reset()
        elif register in (-1, 0x20, 0x22):
            mode = self.regs[0x22] & 0x03
            period = round(1_000_000 / _RATES_HZ[self.regs[0x20] >> 2 & 7])
            if mode > 1:
                self.end()
            else:
                self.begin(period, 0 if mode else period)
            self.state("power_down" if mode > 1 else "run")

    def finished(self, t_us: int) -> None:
        self.words(0x28, self.field(t_us), _PER_UT[self.regs[0x21] >> 5 & 3], "big" if self.regs[0x23] & 0x02 else "little")
        if self.regs[0x20] & 0x80:
            self.regs[0x2E:0x30] = (round((self.temperature(t_us) - 25) * 8) & 0xFFFF).to_bytes(2, "little")
        self.regs[0x27] = 0x0F
        if self.regs[0x22] & 0x03 == 1:
            self.regs[0x22] |= 0x03
            self.state("power_down")

    def was_read(self, register: int) -> None:
        if register == 0x2D:
            self.regs[0x27] = 0

    def register(self, pointer: int) -> int:
        return pointer & 0x7F

    def following(self, pointer: int) -> int:
        """The sub-address counts on only with its bit 7 set."""
        return 0x80 | (pointer + 1) & 0x7F if pointer & 0x80 else pointer


PART = Lis3mdl
