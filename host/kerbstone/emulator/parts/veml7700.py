"""Virtual VEML7700: configuration, gain and integration time, identity (data sheet rev. 1.8)."""

from __future__ import annotations

from typing import ClassVar

from kerbstone.emulator.parts.base import I2CPart, PartContext

_GAIN = {0: 1.0, 1: 2.0, 2: 0.125, 3: 0.25}
_TIME_MS = {0b1100: 25, 0b1000: 50, 0b0000: 100, 0b0001: 200, 0b0010: 400, 0b0011: 800}
_FINEST_LUX = 0.0042  # a count at gain 2 and 800 ms; application note 84323, revised figure
_SPREAD = 0.02


class Veml7700(I2CPart):
    """Reads "lux". `fault`: "stuck" (repeats its last value), "wrong" (another chip's identity)."""

    address = 0x10
    CURRENT_UA: ClassVar[dict[str, float]] = {
        "off": 0.0,
        "down": 0.5,  # typical
        "on": 45.0,  # typical
    }

    def __init__(self, ctx: PartContext):
        super().__init__(ctx)
        self.fault = str(ctx.options.get("fault", ""))
        self._gain = 1 + self.rng.uniform(-_SPREAD, _SPREAD)
        self.power_on()

    def power_on(self) -> None:
        """Shut down."""
        self._registers = {0: 1, 1: 0, 2: 0, 3: 0}
        self._pointer = 0
        self._since = self.kernel.now
        self._light = 0
        self.state("down")

    def i2c_write(self, data: bytes) -> None:
        self._pointer = data[0]
        if len(data) >= 3 and self._pointer in self._registers:
            self._integrate()
            self._registers[self._pointer] = data[1] | data[2] << 8
            if self._pointer == 0:
                self._since = self.kernel.now
                self.state("down" if data[1] & 1 else "on")

    def _integrate(self) -> None:
        config = self._registers[0]
        ms = _TIME_MS.get(config >> 6 & 15, 100)
        if config & 1 or self.kernel.now - self._since < ms * 1000 or (self.fault == "stuck" and self._light):
            return
        lux = _seen(self.read("lux") * self._gain)
        self._light = min(round(lux / (_FINEST_LUX * 2 / _GAIN[config >> 11 & 3] * 800 / ms)), 0xFFFF)

    def i2c_read(self, count: int) -> bytes:
        if self._pointer == 4:
            self._integrate()
        value = {4: self._light, 5: self._light, 7: 0xC400 | (0x55 if self.fault == "wrong" else 0x81)}
        word = value.get(self._pointer, self._registers.get(self._pointer, 0))
        return (word.to_bytes(2, "little") + b"\xff" * count)[:count]


def _seen(lux: float) -> float:
    """What the diode makes of bright light: the inverse of the application note's correction."""
    if lux <= 1000:
        return lux
    low, high = 500.0, lux
    for _ in range(40):
        middle = (low + high) / 2
        corrected = (((6.0135e-13 * middle - 9.3924e-9) * middle + 8.1488e-5) * middle + 1.0023) * middle
        low, high = (middle, high) if corrected < lux else (low, middle)
    return high


PART = Veml7700
