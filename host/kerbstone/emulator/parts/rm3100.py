"""Virtual RM3100, user manual R08: polled and continuous conversions whose length and gain follow the cycle counts."""

from __future__ import annotations

from typing import ClassVar

from kerbstone.emulator.parts.magnetometer import Magnetometer

_AXIS_US_PER_CYCLE = 11.3  # 440 Hz on one axis at 200 cycles (manual, table 3-1)
_TMRC_US = 1_667  # 600 Hz at 0x92, half for each next code


class Rm3100(Magnetometer):
    address = 0x20
    CURRENT_UA: ClassVar[dict[str, float]] = {"off": 0.0, "idle": 1.0, "converting": 4770.0}  # 260 uA at 8 Hz x 6.8 ms, not confirmed
    ID_AT = 0x36
    RESET: ClassVar[dict[int, int]] = {0x36: 0x22, 0x05: 0xC8, 0x07: 0xC8, 0x09: 0xC8, 0x0B: 0x96, 0x35: 0x1B}
    WRITABLE = frozenset((0x00, 0x01, *range(0x04, 0x0A), 0x0B, 0x33, 0x35))
    NOISE_UT = 0.015  # at 200 cycles (not confirmed)

    def _cycles(self, axis: int) -> int:
        return self.regs[0x04 + 2 * axis] << 8 | self.regs[0x05 + 2 * axis]

    def changed(self, register: int, value: int) -> None:
        if register == -1:
            self.state("idle")
        elif register == 0x00 and value & 0x70:
            self._start(0)
        elif register == 0x01:
            if value & 0x01:
                self._start(_TMRC_US << min(max(self.regs[0x0B] - 0x92, 0), 13))
            else:
                self.end()
                self.state("idle")

    def _start(self, period_us: int) -> None:
        duration = round(sum(self._cycles(axis) for axis in range(3)) * _AXIS_US_PER_CYCLE)
        self.regs[0x34] = 0
        self.state("converting")
        self.begin(duration, max(period_us, duration) if period_us else 0)
        if not period_us:
            self.kernel.after(duration, self.state, "idle")

    def finished(self, t_us: int) -> None:
        for axis, value in enumerate(self.field(t_us)):
            counts = round(value * (0.3671 * self._cycles(axis) + 1.5))
            counts = min(max(counts, -(1 << 23)), (1 << 23) - 1) & 0xFFFFFF
            self.regs[0x24 + 3 * axis : 0x27 + 3 * axis] = counts.to_bytes(3, "big")
        self.regs[0x34] = 0x80

    def was_read(self, register: int) -> None:
        if 0x24 <= register <= 0x2C:
            self.regs[0x34] = 0


PART = Rm3100
