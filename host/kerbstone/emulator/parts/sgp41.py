"""Virtual SGP41: two hot metal-oxide pixels behind Sensirion's command set (data sheet version 1.0, December 2021)."""

from __future__ import annotations

import math
from typing import ClassVar

from kerbstone.emulator.kernel import Event
from kerbstone.emulator.parts.base import I2CPart, Nack, PartContext
from kerbstone.emulator.parts.sht4x import crc8, words
from kerbstone.emulator.world.noise import SmoothNoise

_CONDITION, _MEASURE, _SELF_TEST, _HEATER_OFF, _SERIAL = 0x2612, 0x2619, 0x280E, 0x3615, 0x3682
# Command -> us until the answer may be read.
_DURATION_US = {_CONDITION: 50_000, _MEASURE: 50_000, _SELF_TEST: 320_000, _HEATER_OFF: 1_000, _SERIAL: 1_000}
_CONDITION_MAX_US = 10_000_000

# The raw signals are proportional to the logarithm of the resistance; a reducing gas lowers it, NO2 raises it. SGP40 data
# sheet table 1: doubling ethanol takes 870 ticks. The rest of this table is assumed: the sheets do not give it.
_VOC_TICKS, _VOC_OFFSET_PPB, _VOC_CLEAN_TICKS = 870.0, 30.0, 35_000.0  # a doubling; what clean air looks like; its signal at 1 ppb
_NOX_TICKS, _NOX_OFFSET_PPB, _NOX_CLEAN_TICKS = 600.0, 10.0, 13_500.0
_HUMIDITY_TICKS = -60.0  # a g/m3 of water, before compensation
_REFERENCE_G_M3 = 11.5  # 50 % at 25 C, which the default arguments stand for
_COMPENSATED = 0.9  # share of the humidity effect the chip removes
_NOISE_TICKS = 5.0
_DRIFT_TICKS, _DRIFT_US = 150.0, 24 * 3600 * 1_000_000  # slow ageing and poisoning
_WARM_UP_TICKS, _WARM_UP_US = 2_500.0, 15_000_000.0  # the film settles after the heater came on
_UNCONDITIONED_TICKS, _UNCONDITIONED_US = 1_500.0, 600_000_000.0  # the NOx pixel without its 10 s of conditioning


def water_g_m3(rh_pct: float, temp_c: float) -> float:
    """Absolute humidity by the Magnus formula (Sonntag 1990)."""
    vapour_hpa = rh_pct / 100 * 6.112 * math.exp(17.62 * temp_c / (243.12 + temp_c))
    return 216.7 * vapour_hpa / (273.15 + temp_c)


class Sgp41(I2CPart):
    """Conditioning for more than 10 s is logged as "conditioning_exceeded" and counted in `exceeded`.

    `fault`: "nack", "crc", "voc_pixel" or "nox_pixel" (broken: the self-test says so, the signal stays at 65535).
    """

    address = 0x59
    WHOLE_ANSWER = True
    CURRENT_UA: ClassVar[dict[str, float]] = {
        "off": 0.0,
        "idle": 34.0,  # as the SGP40, data sheet table 2
        "measuring": 3_000.0,  # average at 3.3 V
    }

    def __init__(self, ctx: PartContext):
        super().__init__(ctx)
        self.fault = str(ctx.options.get("fault", ""))
        self.serial = ctx.rng.getrandbits(48)
        self.exceeded = 0
        self._offset = (ctx.rng.gauss(0.0, 600.0), ctx.rng.gauss(0.0, 400.0))  # from unit to unit
        self._drift = SmoothNoise(ctx.rng.getrandbits(63), _DRIFT_US, _DRIFT_TICKS)
        self._guard: Event | None = None
        self._heated_at: int | None = None
        self._conditioned_at = self._conditioned_us = 0
        self.power_on()

    def power_on(self) -> None:
        self._free_at = 0
        self._answer = b""
        self._off()

    def power_off(self) -> None:
        self._off()
        super().power_off()

    def i2c_write(self, data: bytes) -> None:
        if self.fault == "nack" or self.kernel.now < self._free_at or len(data) < 2:
            raise Nack
        command = data[0] << 8 | data[1]
        if command not in _DURATION_US:
            raise Nack
        self._answer = b""
        if command in (_CONDITION, _MEASURE):
            self._run(command, *_arguments(data[2:]))
        elif command == _HEATER_OFF:
            self._off()
        elif command == _SERIAL:
            self._answer = words(self.serial >> 32, self.serial >> 16 & 0xFFFF, self.serial & 0xFFFF)
        else:
            self._answer = words(0xD400 | (self.fault == "voc_pixel") | (self.fault == "nox_pixel") << 1)
        self._free_at = self.kernel.now + _DURATION_US[command]

    def i2c_read(self, count: int) -> bytes:
        if self.fault == "nack" or self.kernel.now < self._free_at or not self._answer:
            raise Nack
        answer, self._answer = self._answer, b""
        if self.fault == "crc":
            answer = answer[:2] + bytes((answer[2] ^ 1,)) + answer[3:]
        return answer[:count].ljust(count, b"\xff")

    def _run(self, command: int, rh_pct: float, temp_c: float) -> None:
        now = self.kernel.now
        if self._heated_at is None:
            self._heated_at = now
            self.state("measuring")
        if command == _CONDITION:
            if self._guard is None:
                self._conditioned_at = now
                self._guard = self.kernel.after(_CONDITION_MAX_US + 1, self._exceed)
            self._answer = words(self._voc(rh_pct, temp_c))
            return
        self._end_conditioning()
        self._answer = words(self._voc(rh_pct, temp_c), self._nox(rh_pct, temp_c))

    def _end_conditioning(self) -> None:
        if self._guard:
            self._guard.cancel()
            self._guard = None
            self._conditioned_us = min(self.kernel.now - self._conditioned_at, _CONDITION_MAX_US)

    def _exceed(self) -> None:
        self.exceeded += 1
        self.kernel.log.write(self.ctx.name, "conditioning_exceeded", limit_ms=_CONDITION_MAX_US // 1000)

    def _off(self) -> None:
        if self._guard:
            self._guard.cancel()
        self._guard = None
        self._heated_at = None
        self._conditioned_at = self._conditioned_us = 0
        self.state("idle")

    def _humidity(self, rh_pct: float, temp_c: float) -> float:
        """Ticks the water in the air adds, less what the chip removes with the arguments it was given."""
        true = water_g_m3(self.read("rh_pct"), self.read("temp_c")) - _REFERENCE_G_M3
        told = water_g_m3(rh_pct, temp_c) - _REFERENCE_G_M3
        return _HUMIDITY_TICKS * (true - _COMPENSATED * told)

    def _voc(self, rh_pct: float, temp_c: float) -> int:
        assert self._heated_at is not None
        age = self.kernel.now - self._heated_at
        film = _VOC_CLEAN_TICKS - _VOC_TICKS * math.log2(self.read("voc_ppb") + _VOC_OFFSET_PPB)
        cold = _WARM_UP_TICKS * math.exp(-age / _WARM_UP_US)
        return self._ticks(film - cold + self._humidity(rh_pct, temp_c) + self._offset[0], self.fault == "voc_pixel")

    def _nox(self, rh_pct: float, temp_c: float) -> int:
        assert self._heated_at is not None
        age = self.kernel.now - self._heated_at
        film = _NOX_CLEAN_TICKS + _NOX_TICKS * math.log2(self.read("nox_ppb") + _NOX_OFFSET_PPB)
        missing = 1.0 - self._conditioned_us / _CONDITION_MAX_US
        raw = _UNCONDITIONED_TICKS * missing * math.exp(-age / _UNCONDITIONED_US)
        return self._ticks(film - raw + 0.3 * self._humidity(rh_pct, temp_c) + self._offset[1], self.fault == "nox_pixel")

    def _ticks(self, value: float, broken: bool) -> int:
        if broken:
            return 0xFFFF
        value += self._drift.at(self.kernel.now) + self.rng.gauss(0.0, _NOISE_TICKS)
        return min(max(round(value), 0), 0xFFFF)


def _arguments(data: bytes) -> tuple[float, float]:
    """(%RH, C) of two words with CRC; Nack if a CRC is wrong."""
    if len(data) != 6 or crc8(data[:2]) != data[2] or crc8(data[3:5]) != data[5]:
        raise Nack
    return (data[0] << 8 | data[1]) / 65535 * 100, (data[3] << 8 | data[4]) / 65535 * 175 - 45


PART = Sgp41
