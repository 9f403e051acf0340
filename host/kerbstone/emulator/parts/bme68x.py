"""Virtual BME680/BME688: register map, forced mode with hot plate, raw samples that compensate to the site's air (BST-BME680-DS001-09)."""

from __future__ import annotations

import math
from struct import pack
from typing import ClassVar

from kerbstone.emulator.parts.base import I2CPart, Nack, PartContext
from kerbstone.emulator.parts.bme280 import invert

_ID, _RESET, _VARIANT, _MEAS, _HUM, _GAS_0, _GAS_1, _FIELD = 0xD0, 0xE0, 0xF0, 0x74, 0x72, 0x70, 0x71, 0x1D
_RES_HEAT_0, _GAS_WAIT_0 = 0x5A, 0x64
_BASE_US, _SAMPLE_US = 4_293, 1_963  # switching times of pressure, humidity and gas; one sample (data sheet, table 8 and its driver)
_NOISE_C, _NOISE_PA, _NOISE_RH = 0.005, 1.7, 0.05
_CLEAN_OHM, _HALF_PPB = 120_000.0, 200.0  # a hot plate in clean air; the VOC that halves it. Not in the sheet: assumed
# Trimming values of one chip: a plausible set, signed as the registers are.
_T = (26125, 26330, 3)
_P = (36283, -10354, 88, 7026, -123, 30, 42, -3296, -2330, 30)
_H = (790, 1002, 0, 45, 20, 120, -100)
_G = (-25, -10752, 18)
_HEATER = (1, 43, 0)  # range, value, switching error
_RANGES = range(16)


def t_fine(adc: int) -> int:
    """The integer variant of the data sheet, so that the driver's floating-point one meets an independent one."""
    t1, t2, t3 = _T
    part = (adc >> 3) - (t1 << 1)
    return (part * t2 >> 11) + ((((part >> 1) * (part >> 1)) >> 12) * (t3 << 4) >> 14)


def pascal(fine: int, adc: int) -> int:
    p1, p2, p3, p4, p5, p6, p7, p8, p9, p10 = _P
    x = (fine >> 1) - 64_000
    y = ((((x >> 2) * (x >> 2)) >> 11) * p6) >> 2
    y = ((y + ((x * p5) << 1)) >> 2) + (p4 << 16)
    x = ((((((x >> 2) * (x >> 2)) >> 13) * (p3 << 5)) >> 3) + ((p2 * x) >> 1)) >> 18
    x = ((32_768 + x) * p1) >> 15
    p = (1_048_576 - adc - (y >> 12)) * 3125
    p = (p // x) << 1
    a = (p9 * (((p >> 3) * (p >> 3)) >> 13)) >> 12
    b = ((p >> 2) * p8) >> 13
    c = ((p >> 8) * (p >> 8) * (p >> 8) * p10) >> 17
    return p + ((a + b + c + (p7 << 7)) >> 4)


def milli_rh(fine: int, adc: int) -> int:
    h1, h2, h3, h4, h5, h6, h7 = _H
    t = ((fine * 5) + 128) >> 8
    x = adc - (h1 << 4) - ((t * h3 // 100) >> 1)
    y = h2 * ((t * h4 // 100) + ((t * (t * h5 // 100)) >> 6) // 100 + (1 << 14)) >> 10
    z = x * y
    w = ((h6 << 7) + t * h7 // 100) >> 4
    value = (z + ((w * (((z >> 14) * (z >> 14)) >> 10)) >> 1) >> 10) * 1000 >> 12
    return min(max(value, 0), 100_000)


class Bme68x(I2CPart):
    """Options: `addr` (0x76), `variant` (0 = BME680, 1 = BME688), `chip_id`. `fault`: "nack", "busy", "cold" (the plate stays cold)."""

    address = 0x76
    CURRENT_UA: ClassVar[dict[str, float]] = {
        "off": 0.0,
        "sleep": 0.15,
        "measuring": 714.0,  # pressure, the highest of the three (BME680 data sheet 1.0, table 1)
        "heating": 12_000.0,  # plate at 320 C; not confirmed
    }

    def __init__(self, ctx: PartContext):
        super().__init__(ctx)
        self.fault = str(ctx.options.get("fault", ""))
        self.address = int(ctx.options.get("addr", 0x76))
        self._variant = int(ctx.options.get("variant", 0))
        self.power_on()

    def power_on(self) -> None:
        r = self._registers = bytearray(256)
        r[_ID], r[_VARIANT] = int(self.ctx.options.get("chip_id", 0x61)), self._variant
        p1, p2, p3, p4, p5, p6, p7, p8, p9, p10 = _P
        r[0x8A : 0x8A + 23] = pack("<hbxHhbxhhbbxxhhB", _T[1], _T[2], p1, p2, p3, p4, p5, p7, p6, p8, p9, p10)
        h1, h2 = _H[:2]
        r[0xE1:0xE4] = bytes((h2 >> 4, (h2 & 15) << 4 | h1 & 15, h1 >> 4))
        r[0xE4 : 0xE4 + 11] = pack("<bbbBbHhbb", *_H[2:], _T[0], _G[1], _G[0], _G[2])
        r[0x00], r[0x02], r[0x04] = _HEATER[1], _HEATER[0] << 4, _HEATER[2] << 4
        self._pointer = 0
        self._done_at: int | None = None
        self.state("sleep")

    def i2c_write(self, data: bytes) -> None:
        if self.fault == "nack":
            raise Nack
        if len(data) == 1:
            self._pointer = data[0]
        for register, value in zip(data[::2], data[1::2], strict=False):
            if register == _RESET and value == 0xB6:
                self.power_on()
            elif 0x50 <= register <= 0x75:
                self._registers[register] = value
                if register == _MEAS and value & 3 == 1:
                    self._begin()

    def i2c_read(self, count: int) -> bytes:
        if self.fault == "nack":
            raise Nack
        if self._done_at is not None and self.kernel.now >= self._done_at and self.fault != "busy":
            self._done_at = None
            self._sample()
        start, self._pointer = self._pointer, (self._pointer + count) & 0xFF
        return bytes(self._registers[(start + i) & 0xFF] for i in range(count))

    @property
    def _heats(self) -> bool:
        return bool(self._registers[_GAS_1] & (0x20 if self._variant else 0x10)) and not self._registers[_GAS_0] & 8

    def _begin(self) -> None:
        r = self._registers
        samples = [1 << min(osrs - 1, 4) if osrs else 0 for osrs in (r[_MEAS] >> 5, r[_MEAS] >> 2 & 7, r[_HUM] & 7)]
        us = _BASE_US + _SAMPLE_US * sum(samples)
        self.ctx.meter.add("measuring", self.CURRENT_UA["measuring"] * us / 1e6)
        if self._heats:
            wait = r[_GAS_WAIT_0]
            heat_us = (wait & 63) * 4 ** (wait >> 6) * 1000
            self.ctx.meter.add("heating", self.CURRENT_UA["heating"] * heat_us / 1e6)
            us += heat_us
        r[_FIELD] = 0x20
        self._done_at = self.kernel.now + us

    def _sample(self) -> None:
        r = self._registers
        temp = self.read("temp_c") + self.rng.gauss(0.0, _NOISE_C)
        adc_t = invert(t_fine, temp * 5120, 20)
        fine = t_fine(adc_t)
        adc_p = invert(lambda adc: pascal(fine, adc), self.read("pressure_hpa") * 100 + self.rng.gauss(0.0, _NOISE_PA), 20)
        adc_h = invert(lambda adc: milli_rh(fine, adc), (self.read("rh_pct") + self.rng.gauss(0.0, _NOISE_RH)) * 1000, 16)
        raw = (adc_p << 4) << 40 | (adc_t << 4) << 16 | adc_h
        r[_FIELD] = 0x80
        r[_FIELD + 2 : _FIELD + 10] = raw.to_bytes(8, "big")
        r[_MEAS] &= 0xFC
        if self._heats:
            at = _FIELD + (15 if self._variant else 13)
            adc, range_ = self._gas()
            good = 0 if self.fault == "cold" or not r[_RES_HEAT_0] else 0x10
            r[at], r[at + 1] = adc >> 2, (adc & 3) << 6 | 0x20 | good | range_

    def _gas(self) -> tuple[int, int]:
        """ADC value and range of the plate's resistance: the range in which the ADC value is nearest to its middle, 512."""
        ohm = _CLEAN_OHM * 2.0 ** (-self.read("voc_ppb") / _HALF_PPB) * math.exp(self.rng.gauss(0.0, 0.005))
        found = min((abs(self._adc(ohm, i) - 512), i) for i in _RANGES)[1]
        return min(max(round(self._adc(ohm, found)), 0), 1023), found

    def _adc(self, ohm: float, range_: int) -> float:
        if self._variant:
            return 512 + ((1_000_000 * (262_144 >> range_) / ohm) - 4096) / 3
        return 512 + 1340 * (1 / (ohm * 1.25e-7 * (1 << range_)) - 1)


PART = Bme68x
