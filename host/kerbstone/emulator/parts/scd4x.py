"""Virtual SCD40/SCD41: periodic measurement, idle, power-down (data sheet version 1.5)."""

from __future__ import annotations

from typing import ClassVar

from kerbstone.emulator.kernel import SECOND_US
from kerbstone.emulator.parts.base import Nack, PartContext
from kerbstone.emulator.parts.sensirion import SensirionPart, words

_CYCLE_US = 5 * SECOND_US
_GAIN, _NOISE_PPM = 0.01, 5.0  # of a unit; of a reading. The sheet allows 40 ppm + 5 %
_HPA = 1013.0  # pressure the chip assumes until it is told another


class Scd4x(SensirionPart):
    """`fault`: "nack", "crc", "stale" (no new value), "stuck" (the same value for ever)."""

    address = 0x62
    CURRENT_UA: ClassVar[dict[str, float]] = {
        "off": 0.0,
        "power_down": 0.5,  # not confirmed
        "idle": 150.0,  # data sheet 1.1, single shot
        "measuring": 15_000.0,  # every 5 s, at 3.3 V, average; not confirmed
    }

    def __init__(self, ctx: PartContext):
        super().__init__(ctx)
        self.serial = ctx.rng.getrandbits(48)
        self._gain = 1.0 + ctx.rng.gauss(0.0, _GAIN)
        self.power_on()

    def power_on(self) -> None:
        self.mode = "idle"
        self.free_at, self.answer = self.kernel.now, b""
        self._started, self._read = 0, 0
        self._hpa = _HPA
        self._value: tuple[int, int, int] | None = None
        self.state("idle")

    def i2c_write(self, data: bytes) -> None:
        if self.mode == "power_down":
            if data == b"\x36\xf6" and self.fault != "nack":
                self.mode, self.free_at = "idle", self.kernel.now + 30_000
                self.state("idle")
            raise Nack  # not even the wake-up is acknowledged
        super().i2c_write(data)

    def _need(self, mode: str) -> None:
        if self.mode != mode:
            raise Nack

    def _start(self) -> bytes:
        self._need("idle")
        self.mode, self._started, self._read = "measuring", self.kernel.now, 0
        self.state("measuring")
        return b""

    def _stop(self) -> bytes:
        self._need("measuring")
        self.mode = "idle"
        self.state("idle")
        return b""

    def _count(self) -> int:
        if self.mode != "measuring" or self.fault == "stale":
            return 0
        return (self.kernel.now - self._started) // _CYCLE_US

    def _ready(self) -> bytes:
        return words(0x8006 if self._count() > self._read else 0x8000)

    def _values(self) -> bytes:
        if self._count() <= self._read:
            raise Nack
        self._read = self._count()
        if self.fault != "stuck" or self._value is None:
            # The absorption goes with the density of the gas: unless told, the chip is wrong by the pressure it assumes.
            ppm = self.read("co2_ppm") * self._gain * self.read("pressure_hpa") / self._hpa + self.rng.gauss(0.0, _NOISE_PPM)
            t, rh = self.read("temp_c") + self.rng.gauss(0.0, 0.1), self.read("rh_pct") + self.rng.gauss(0.0, 0.4)
            clip = [min(max(round(v), 0), 65535) for v in (ppm, (t + 45) / 175 * 65535, rh / 100 * 65535)]
            self._value = (clip[0], clip[1], clip[2])
        return words(*self._value)

    def _serial(self) -> bytes:
        self._need("idle")
        return words(self.serial >> 32, self.serial >> 16 & 0xFFFF, self.serial & 0xFFFF)

    def _pressure(self, hpa: int) -> bytes:
        self._hpa = float(hpa)
        return b""

    def _power_down(self) -> bytes:
        self._need("idle")
        self.mode = "power_down"
        self.state("power_down")
        return b""

    COMMANDS: ClassVar = {
        0x21B1: (_start, 0),
        0x3F86: (_stop, 500_000),
        0xE4B8: (_ready, 1_000),
        0xEC05: (_values, 1_000),
        0x3682: (_serial, 1_000),
        0xE000: (_pressure, 1_000),
        0x36E0: (_power_down, 1_000),
        0x36F6: (lambda self: b"", 0),  # awake: acknowledged, nothing happens
    }


PART = Scd4x
