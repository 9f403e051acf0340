"""Virtual Alphasense cell on its sensor board behind an ADS1115 (cell data sheets; SBAS444E)."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from kerbstone.emulator.kernel import SECOND_US
from kerbstone.emulator.parts.base import I2CPart, Nack, PartContext

_FULL_MV = {0: 6144, 1: 4096, 2: 2048, 3: 1024, 4: 512, 5: 256, 6: 256, 7: 256}
_RATE_SPS = (8, 16, 32, 64, 128, 250, 475, 860)
_RESET_CONFIG = 0x8583
_QUANTITY = {"CO": "co_ppb", "NO": "no_ppb", "NO2": "no2_ppb", "OX": "o3_ppb", "SO2": "so2_ppb"}
_NOISE_MV = 0.15
_BASELINE_TAU_C = 18.0  # zero currents double every 12 C or so: smooth, and not the shape of anyone's correction table
_SETTLING_US, _SETTLING_MV = 1800 * SECOND_US, 40.0


class Alphasense(I2CPart):
    """Options: as the driver's (label of the cell), and `zero_growth_mv` (2) = drift of both zeros at 20 C above that of the label.

    `fault`: "nack", "open" (electrode cut: the input is at the rail), "stuck".
    """

    address = 0x48
    CURRENT_UA: ClassVar[dict[str, float]] = {
        "off": 0.0,
        "on": 1_000.5,  # sensor board: 1 mA; converter asleep: 0.5 uA
        "converting": 1_150.0,  # 150 uA more
    }

    def __init__(self, ctx: PartContext):
        super().__init__(ctx)
        self.fault = str(ctx.options.get("fault", ""))
        self.address = int(ctx.options.get("addr", 0x48))
        self.power_on()

    def power_on(self) -> None:
        self._config, self._pointer, self._ready_at, self._raw = _RESET_CONFIG, 0, 0, 0
        self._on_at = self.kernel.now
        self.state("on")

    def i2c_write(self, data: bytes) -> None:
        if self.fault == "nack" or not data:
            raise Nack
        self._pointer = data[0] & 3
        if len(data) == 3 and self._pointer == 1:
            self._config = data[1] << 8 | data[2]
            if self._config & 0x8000:
                us = 1_000_000 // _RATE_SPS[self._config >> 5 & 7]
                self._ready_at = self.kernel.now + us
                self.ctx.meter.add("converting", (self.CURRENT_UA["converting"] - self.CURRENT_UA["on"]) * us / 1e6)
                self._raw = self._convert()

    def i2c_read(self, count: int) -> bytes:
        if self.fault == "nack":
            raise Nack
        idle = 0x8000 if self.kernel.now >= self._ready_at else 0
        word = self._config & 0x7FFF | idle if self._pointer == 1 else self._raw & 0xFFFF
        return word.to_bytes(2, "big")[:count].ljust(count, b"\0")

    def _convert(self) -> int:
        if self.fault == "stuck" and self._raw:
            return self._raw
        channel = self._config >> 12 & 7
        o = self.ctx.options
        mv = 0.0
        if channel - 4 == int(o.get("we", 0)):
            mv = self._electrode(o, "we", self._gas_mv(o))
        elif channel - 4 == int(o.get("ae", 1)):
            mv = self._electrode(o, "ae", 0.0)
        full = _FULL_MV[self._config >> 9 & 7]
        return min(max(round(mv * 32768 / full), -32768), 32767)

    def _electrode(self, o: dict[str, Any], which: str, gas_mv: float) -> float:
        if self.fault == "open":
            return 5000.0
        grown = float(o.get("zero_growth_mv", 2.0)) * (math.exp((self.read("temp_c") - 20.0) / _BASELINE_TAU_C) - 1.0)
        cold = _SETTLING_MV * math.exp(-(self.kernel.now - self._on_at) / _SETTLING_US)
        zero = float(o.get(f"{which}_electronic_mv", 0.0)) + float(o.get(f"{which}_zero_mv", 0.0))
        return zero + grown + cold + gas_mv + self.rng.gauss(0.0, _NOISE_MV)

    def _gas_mv(self, o: dict[str, Any]) -> float:
        quantity = _QUANTITY[str(o.get("cell", "NO2-B43F")).split("-")[0]]
        mv = self.read(quantity) * float(o.get("sensitivity_mv_ppb", 0.3))
        if quantity == "o3_ppb":
            mv += self.read("no2_ppb") * float(o.get("no2_sensitivity_mv_ppb", 0.0))
        return mv


PART = Alphasense
