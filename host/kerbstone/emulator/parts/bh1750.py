"""Virtual BH1750FVI: commands, one-time and continuous modes, 1.2 counts a lux (data sheet rev. E)."""

from __future__ import annotations

from typing import ClassVar

from kerbstone.emulator.parts.base import I2CPart, Nack, PartContext

_HIGH_US, _LOW_US = 120_000, 16_000  # typical measuring time
_MODES = {0x10: (False, 1.2), 0x11: (False, 2.4), 0x13: (False, 1.2), 0x20: (True, 1.2), 0x21: (True, 2.4), 0x23: (True, 1.2)}
_SPREAD = 0.02  # of this unit; the data sheet allows 20 %


class Bh1750(I2CPart):
    """Reads "lux". `fault`: "stuck" (repeats its last value)."""

    address = 0x23
    CURRENT_UA: ClassVar[dict[str, float]] = {
        "off": 0.0,
        "down": 0.01,  # typical; 1.0 at most
        "on": 120.0,  # typical
    }

    def __init__(self, ctx: PartContext):
        super().__init__(ctx)
        self.fault = str(ctx.options.get("fault", ""))
        self._gain = 1 + self.rng.uniform(-_SPREAD, _SPREAD)
        self.power_on()

    def power_on(self) -> None:
        """Powered down, the data register at 0."""
        self._on = False
        self._mode: tuple[bool, float] | None = None
        self._ready_us = 0
        self._data = 0
        self.state("down")

    def i2c_write(self, data: bytes) -> None:
        for command in data:
            self._command(command)

    def _command(self, command: int) -> None:
        self._finish()
        if command in (0x00, 0x01):
            self._on = command == 0x01
            self._mode = None
            self.state("on" if self._on else "down")
        elif command == 0x07 and self._on:
            self._data = 0
        elif command in _MODES:
            self._on, self._mode = True, _MODES[command]
            self._ready_us = self.kernel.now + (_LOW_US if command & 3 == 3 else _HIGH_US)
            self.state("on")
        elif command & 0xF8 != 0x40 and command & 0xE0 != 0x60 and command != 0x07:
            raise Nack

    def _finish(self) -> None:
        if self._mode and self.kernel.now >= self._ready_us:
            once, counts = self._mode
            if self.fault != "stuck" or not self._data:
                self._data = min(round(self.read("lux") * self._gain * counts), 0xFFFF)
            if once:
                self._mode, self._on = None, False
                self.state("down")

    def i2c_read(self, count: int) -> bytes:
        self._finish()
        return (self._data.to_bytes(2, "big") + b"\xff" * count)[:count]


PART = Bh1750
