"""Virtual BMM150, data sheet Rev 1.4: power bit, forced and normal mode, trim registers; counts by the inverse of the compensation.

The trim is that of one chip. The Hall resistance follows the temperature, and with it the counts of one and the same field.
"""

from __future__ import annotations

from struct import pack
from typing import ClassVar

from kerbstone.emulator.parts.magnetometer import Magnetometer

_TRIM = {"x1": 0, "y1": 0, "x2": 26, "y2": 26, "z1": 24747, "z2": 763, "z3": 0, "z4": 0, "xy1": 29, "xy2": -3, "xyz1": 7053}
_HALL_PER_C = -4.0  # counts a C; not confirmed
_ALWAYS = (0x4B,)  # what a suspended chip still answers


class Bmm150(Magnetometer):
    address = 0x10
    CURRENT_UA: ClassVar[dict[str, float]] = {
        "off": 0.0, "suspend": 1.0, "sleep": 3.0,
        "forced": 4900.0, "normal": 500.0,  # not confirmed
    }  # fmt: skip
    ID_AT = 0x40
    WRITABLE = frozenset((*range(0x4B, 0x53),))
    NOISE_UT = 0.6  # regular preset
    BOOT_US = 1_000

    def changed(self, register: int, value: int) -> None:
        if register == -1:
            self._suspend()
        elif register == 0x4B:
            if value & 0x82 == 0x82 or not value & 0x01:
                self._suspend()
            else:
                self._wake()
        elif register == 0x4C:
            mode = value >> 1 & 3
            self.regs[0x48] &= ~0x01
            duration = (145 * (1 + 2 * self.regs[0x51]) + 500 * (1 + self.regs[0x52])) + 980
            if mode == 1:
                self.state("forced")
                self.begin(duration)
                self.kernel.after(duration, self._rested)
            elif mode == 0:
                self.state("normal")
                self.begin(duration, 100_000)
            else:
                self.end()
                self.state("sleep")

    def _suspend(self) -> None:
        self.end()
        self.regs[:] = bytes(256)
        self.state("suspend")

    def _wake(self) -> None:
        t = _TRIM
        self.regs[0x40], self.regs[0x4C] = 0x32, 0x06
        self.regs[0x5D:0x5F] = pack("<bb", t["x1"], t["y1"])
        self.regs[0x62:0x66] = pack("<hbb", t["z4"], t["x2"], t["y2"])
        self.regs[0x68:0x72] = pack("<hHHhbB", t["z2"], t["z1"], t["xyz1"], t["z3"], t["xy2"], t["xy1"])
        self.state("sleep")

    def _rested(self) -> None:
        if self.regs[0x4B] & 0x01 and self.regs[0x4C] >> 1 & 3 == 1:
            self.state("sleep")

    def finished(self, t_us: int) -> None:
        t = _TRIM
        hall = round(t["xyz1"] + _HALL_PER_C * (self.temperature(t_us) - 25))
        ratio = t["xyz1"] * 16384 / hall - 16384
        gain = t["xy2"] * ratio * ratio / 268435456 + ratio * t["xy1"] / 16384 + 256
        x, y, z = self.field(t_us)
        counts = [
            (16 * x - 8 * t["x1"]) * 8192 / (gain * (t["x2"] + 160)),
            (16 * y - 8 * t["y1"]) * 8192 / (gain * (t["y2"] + 160)),
            (z * 64 * (t["z2"] + t["z1"] * hall / 32768) + t["z3"] * (hall - t["xyz1"])) / 131072 + t["z4"],
        ]
        for at, value, shift, lowest in zip((0x42, 0x44, 0x46), counts, (3, 3, 1), (-4096, -4096, -16384), strict=True):
            whole = round(value)
            if not lowest < whole < -lowest:
                whole = lowest  # the code of an overflow
            self.regs[at : at + 2] = (whole << shift & 0xFFFF).to_bytes(2, "little")
        self.regs[0x48:0x4A] = (hall << 2 | 1).to_bytes(2, "little")

    def was_read(self, register: int) -> None:
        if register == 0x49:
            self.regs[0x48] &= ~0x01


PART = Bmm150
