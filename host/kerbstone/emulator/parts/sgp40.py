"""Virtual SGP40: the VOC pixel of the SGP41 behind its own commands (data sheet version 1.2, February 2022)."""

from __future__ import annotations

import math
from typing import ClassVar

from kerbstone.emulator.parts.base import Nack, PartContext
from kerbstone.emulator.parts.sensirion import SensirionPart, words
from kerbstone.emulator.parts.sgp41 import water_g_m3
from kerbstone.emulator.world.noise import SmoothNoise

# Doubling ethanol takes 870 ticks (table 1); the rest is assumed as for the SGP41.
_TICKS, _OFFSET_PPB, _CLEAN_TICKS = 870.0, 30.0, 35_000.0
_HUMIDITY_TICKS, _REFERENCE_G_M3, _COMPENSATED = -60.0, 11.5, 0.9
_NOISE_TICKS = 5.0
_DRIFT_TICKS, _DRIFT_US = 150.0, 24 * 3600 * 1_000_000
_WARM_UP_TICKS, _WARM_UP_US = 2_500.0, 15_000_000.0


class Sgp40(SensirionPart):
    """`fault`: "nack", "crc", "pixel" (broken: the self-test says so, the signal stays at 65535)."""

    address = 0x59
    CURRENT_UA: ClassVar[dict[str, float]] = {"off": 0.0, "idle": 34.0, "measuring": 2_600.0}  # data sheet 1.1: at 3.3 V; idle at 1.8 V

    def __init__(self, ctx: PartContext):
        super().__init__(ctx)
        self.serial = ctx.rng.getrandbits(48)
        self._unit = ctx.rng.gauss(0.0, 600.0)
        self._drift = SmoothNoise(ctx.rng.getrandbits(63), _DRIFT_US, _DRIFT_TICKS)
        self._heated_at: int | None = None
        self.power_on()

    def power_on(self) -> None:
        self.free_at, self.answer = 0, b""
        self._off()

    def _off(self) -> bytes:
        self._heated_at = None
        self.state("idle")
        return b""

    def _serial(self) -> bytes:
        return words(self.serial >> 32, self.serial >> 16 & 0xFFFF, self.serial & 0xFFFF)

    def _self_test(self) -> bytes:
        return words(0x4B00 if self.fault == "pixel" else 0xD400)

    def _measure(self, *arguments: int) -> bytes:
        if len(arguments) != 2:
            raise Nack
        now = self.kernel.now
        if self._heated_at is None:
            self._heated_at = now
            self.state("measuring")
        if self.fault == "pixel":
            return words(0xFFFF)
        rh_pct, temp_c = arguments[0] / 65535 * 100, arguments[1] / 65535 * 175 - 45
        true = water_g_m3(self.read("rh_pct"), self.read("temp_c")) - _REFERENCE_G_M3
        told = water_g_m3(rh_pct, temp_c) - _REFERENCE_G_M3
        ticks = _CLEAN_TICKS - _TICKS * math.log2(self.read("voc_ppb") + _OFFSET_PPB) + self._unit
        ticks -= _WARM_UP_TICKS * math.exp(-(now - self._heated_at) / _WARM_UP_US)
        ticks += _HUMIDITY_TICKS * (true - _COMPENSATED * told) + self._drift.at(now) + self.rng.gauss(0.0, _NOISE_TICKS)
        return words(min(max(round(ticks), 0), 0xFFFF))

    COMMANDS: ClassVar = {0x260F: (_measure, 30_000), 0x280E: (_self_test, 320_000), 0x3615: (_off, 1_000), 0x3682: (_serial, 1_000)}


PART = Sgp40
