"""What the two MEMSIC chips share: commands in CONTROL_0, SET and RESET pulses, unsigned counts around the middle, a thermometer."""

from __future__ import annotations

from typing import ClassVar

from kerbstone.emulator.parts.magnetometer import Magnetometer


class Memsic(Magnetometer):
    """CONTROL_0 bits: 0 measure the field, 1 the temperature, 3 SET, 4 RESET, 5 automatic SET and RESET."""

    address = 0x30
    CURRENT_UA: ClassVar[dict[str, float]] = {"off": 0.0, "idle": 1.0, "converting": 4000.0}
    OFFSET_UT = (50.0, 0.3)  # what SET and RESET take out: bridge offset up to 0.5 G; drift not confirmed
    CTRL_0 = 0
    STATUS = 0
    DONE, DONE_T = 0x01, 0x02
    BITS = 18
    PER_UT = 163.84
    CONVERSION_US = 8_000
    LOW_AT: tuple[tuple[int, int], ...] = ()  # (register, shift) of the low bits of an axis
    TEMP = 0x07

    def changed(self, register: int, value: int) -> None:
        if register == -1:
            self._sign, self._job = 1, 0
            self.state("idle")
        elif register == self.CTRL_0 + 1 and value & 0x80:
            self.reset()
        elif register == self.CTRL_0:
            if value & 0x18:
                self._sign = 1 if value & 0x08 else -1
            self._job = value & 0x23
            self.regs[register] = 0  # every bit that starts something clears itself
            if self._job & 0x03:
                self.regs[self.STATUS] &= ~(self.DONE if self._job & 1 else self.DONE_T) & 0xFF
                self.state("converting")
                self.begin(self.CONVERSION_US)
                self._idle = self.kernel.after(self.CONVERSION_US, self.state, "idle")

    def finished(self, t_us: int) -> None:
        if self._job & 1:
            field = self.field(t_us, self._sign)
            if self._job & 0x20:  # half the difference of a conversion after SET and one after RESET
                other = self.field(t_us, -1)
                field = [(a - b) / 2 for a, b in zip(self.field(t_us), other, strict=True)]
            extra = self.BITS - 16
            for i, value in enumerate(field):
                counts = min(max(round(value * self.PER_UT) + (1 << self.BITS - 1), 0), (1 << self.BITS) - 1)
                self.regs[2 * i : 2 * i + 2] = (counts >> extra).to_bytes(2, "big")
                register, shift = self.LOW_AT[i]
                mask = (1 << extra) - 1
                self.regs[register] = self.regs[register] & ~(mask << shift) & 0xFF | (counts & mask) << shift
            self.regs[self.STATUS] |= self.DONE
        else:
            self.regs[self.TEMP] = min(max(round((self.temperature(t_us) + 75) / 0.8), 0), 255)
            self.regs[self.STATUS] |= self.DONE_T
