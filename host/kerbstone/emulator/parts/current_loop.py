"""Virtual 4-20 mA transmitter over a shunt: on a pin of the MCU, or on an ADS1115 (TI SBAS444E) that it shares the file with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from kerbstone.emulator.parts.base import I2CPart, Nack, Part, PartContext

_LIMITS_MA = (3.8, 20.5)  # NE 43: where a healthy transmitter stops
_NOISE_MA = 0.004
_FULL_SCALE_V = (6.144, 4.096, 2.048, 1.024, 0.512, 0.256, 0.256, 0.256)  # table 7-3, PGA
_RATES = (8, 16, 32, 64, 128, 250, 475, 860)  # samples a second, DR
_CONFIG_AT_RESET = 0x8583
_NOISE_COUNTS = 0.5


class Transmitter:
    """The current in the loop. Options: `quantity` of the site, `low`, `high` (values at 4 and 20 mA).

    `fault`: "cut" (0 mA), "short" (24 mA, the loop's limit), "lying" (21.6 mA, the transmitter's own alarm), "drift" (3.7 mA).
    """

    _FAULTS_MA: ClassVar[dict[str, float]] = {"cut": 0.0, "short": 24.0, "lying": 21.6, "drift": 3.7}

    def __init__(self, part: Part, options: Mapping[str, Any]):
        self._part = part
        self._quantity = str(options.get("quantity", "pressure_bar"))
        self._low, self._high = float(options.get("low", 0)), float(options.get("high", 100))
        self.shunt_ohm = float(options.get("shunt_ohm", 100))

    def volt(self, fault: str) -> float:
        """What stands over the shunt now."""
        if fault in self._FAULTS_MA:
            return self._FAULTS_MA[fault] * self.shunt_ohm / 1000
        value = self._part.read(self._quantity)
        ma = 4 + 16 * (value - self._low) / (self._high - self._low) + self._part.rng.gauss(0.0, _NOISE_MA)
        return max(_LIMITS_MA[0], min(_LIMITS_MA[1], ma)) * self.shunt_ohm / 1000


class OnPin(Part):
    """The shunt on an ADC pin: `adc_uv`."""

    def __init__(self, ctx: PartContext):
        super().__init__(ctx)
        self.fault = str(ctx.options.get("fault", ""))
        self._loop = Transmitter(self, ctx.options)
        self.state("off")  # a loop is fed from its own supply

    def adc_uv(self, t_us: int) -> int:
        """Microvolts over the shunt."""
        return max(0, round(self._loop.volt(self.fault) * 1e6))


class Ads1115(I2CPart):
    """The shunt on input `input` (0) of an ADS1115. More `fault`: "nack", "stranger" (keeps no configuration), "busy" (never ready)."""

    address = 0x48
    CURRENT_UA: ClassVar[dict[str, float]] = {
        "off": 0.0,
        "down": 0.5,  # SBAS444E, electrical characteristics, typical
        "converting": 150.0,
    }

    def __init__(self, ctx: PartContext):
        super().__init__(ctx)
        self.fault = str(ctx.options.get("fault", ""))
        self._loop = Transmitter(self, ctx.options)
        self._input = int(ctx.options.get("input", 0))
        self.power_on()

    def power_on(self) -> None:
        self._pointer = 0
        self._registers = [0, _CONFIG_AT_RESET, 0x8000, 0x7FFF]
        self._ready_at = 0
        self.state("down")

    def i2c_write(self, data: bytes) -> None:
        if self.fault == "nack":
            raise Nack
        if not data:
            return
        self._pointer = data[0] & 3
        if len(data) >= 3 and self._pointer:
            value = data[1] << 8 | data[2]
            self._registers[self._pointer] = 0 if self.fault == "stranger" else value
            if self._pointer == 1 and value & 0x8000:
                self._convert(value)

    def i2c_read(self, count: int) -> bytes:
        if self.fault == "nack":
            raise Nack
        value = self._registers[self._pointer]
        if self.fault == "stranger":
            value = 0
        elif self._pointer == 1:
            ready = self.kernel.now >= self._ready_at and self.fault != "busy"
            value = value & 0x7FFF | (0x8000 if ready else 0)
        return value.to_bytes(2, "big")[:count].ljust(count, b"\xff")

    def _convert(self, config: int) -> None:
        """One shot: the result stands in register 0 from the end of the conversion."""
        us = 1_000_000 * 11 // 10 // _RATES[config >> 5 & 7] + 25  # the rate is right to 10 %
        self._ready_at = self.kernel.now + us
        self.ctx.meter.add("converting", (self.CURRENT_UA["converting"] - self.CURRENT_UA["down"]) * us / 1e6)
        mux = config >> 12 & 7
        volt = self._loop.volt(self.fault) if mux == 4 + self._input else 0.0
        counts = round(volt / _FULL_SCALE_V[config >> 9 & 7] * 32768 + self.rng.gauss(0.0, _NOISE_COUNTS))
        self.kernel.at(self._ready_at, self._settle, max(-32768, min(32767, counts)) & 0xFFFF)

    def _settle(self, word: int) -> None:
        self._registers[0] = word


def PART(ctx: PartContext) -> Part:
    """The part the node file means: with a `pin` the MCU measures, else the ADS1115."""
    return OnPin(ctx) if "pin" in ctx.options else Ads1115(ctx)
