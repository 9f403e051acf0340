"""Virtual SCD30: continuous measurement, its first value 0 (interface description version 1.0, May 2020)."""

from __future__ import annotations

from struct import pack
from typing import ClassVar

from kerbstone.emulator.kernel import SECOND_US
from kerbstone.emulator.parts.base import Nack, PartContext
from kerbstone.emulator.parts.sensirion import SensirionPart, words

_ANSWER_US = 3_000
_GAIN, _NOISE_PPM = 0.01, 5.0  # of a unit; of a reading. The sheet allows 30 ppm + 3 %


class Scd30(SensirionPart):
    """`fault`: "nack", "crc", "stale" (no new value), "stuck" (the same value for ever)."""

    address = 0x61
    CURRENT_UA: ClassVar[dict[str, float]] = {
        "off": 0.0,
        "idle": 5_000.0,  # not in the sheet: assumed, not confirmed
        "measuring": 19_000.0,  # average at one value every 2 s, data sheet 1.0
    }

    def __init__(self, ctx: PartContext):
        super().__init__(ctx)
        self._gain = 1.0 + ctx.rng.gauss(0.0, _GAIN)
        self._measuring, self._interval_s = False, 2  # both outlive a power cut
        self.power_on()

    def power_on(self) -> None:
        self.free_at, self.answer = 0, b""
        self._started, self._read = self.kernel.now, 0
        self._last = b""
        self.state("measuring" if self._measuring else "idle")

    def _start(self, _mbar: int) -> bytes:
        if not self._measuring:
            self._started, self._read = self.kernel.now, 0
        self._measuring = True
        self.state("measuring")
        return b""

    def _stop(self) -> bytes:
        self._measuring = False
        self.state("idle")
        return b""

    def _interval(self, *seconds: int) -> bytes:
        if not seconds:
            return words(self._interval_s)
        if not 2 <= seconds[0] <= 1800:
            raise Nack
        self._interval_s = seconds[0]
        return b""

    def _count(self) -> int:
        if not self._measuring or self.fault == "stale":
            return 0
        return (self.kernel.now - self._started) // (self._interval_s * SECOND_US)

    def _ready(self) -> bytes:
        return words(int(self._count() > self._read))

    def _values(self) -> bytes:
        self._read = self._count()
        if self._read <= 1:
            values = (0.0, self.read("temp_c"), self.read("rh_pct"))
        else:
            values = (
                self.read("co2_ppm") * self._gain + self.rng.gauss(0.0, _NOISE_PPM),
                self.read("temp_c") + self.rng.gauss(0.0, 0.1),
                self.read("rh_pct") + self.rng.gauss(0.0, 0.4),
            )
        if self.fault != "stuck" or not self._last:
            raw = pack(">fff", *values)
            self._last = words(*(raw[i] << 8 | raw[i + 1] for i in range(0, 12, 2)))
        return self._last

    COMMANDS: ClassVar = {
        0x0010: (_start, _ANSWER_US),
        0x0104: (_stop, _ANSWER_US),
        0x4600: (_interval, _ANSWER_US),
        0x0202: (_ready, _ANSWER_US),
        0x0300: (_values, _ANSWER_US),
        0xD100: (lambda self: words(0x0342), _ANSWER_US),
    }


PART = Scd30
