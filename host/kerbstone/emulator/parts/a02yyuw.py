"""Virtual A02YYUW: a frame every 100 ms while its supply is on, in real-time or filtered output alike.

No echo (the site's distance is nan or out of range) sends the code FFFD, as DFRobot states for its successor SEN0754; what
the A02YYUW itself sends then is not documented, users only report frames that are out of range.
"""

from __future__ import annotations

import math
from typing import ClassVar

from kerbstone.emulator.kernel import Event
from kerbstone.emulator.parts.base import PartContext, UartPart

NO_TARGET = 0xFFFD
_MIN_MM, _MAX_MM = 30, 4500
_CYCLE_US = 100_000  # DFRobot wiki SEN0311
_FIRST_US = 200_000  # supply on to first frame; not confirmed
_NOISE_MM = 3.0  # rms; the data sheet's accuracy is 1 cm


def frame(mm: int) -> bytes:
    """FF H L SUM."""
    high, low = mm >> 8, mm & 0xFF
    return bytes((0xFF, high, low, 0xFF + high + low & 0xFF))


class A02yyuw(UartPart):
    """Line "power" is the supply switch, active at option `power_on_level` (1); without it the part is always on.

    Options `false_echo` and `lost_echo` (0..1): share of frames that show something nearer, or nothing. `fault`: "silent",
    "garbage" (noise on the wire), "sum" (wrong check sums), "stuck" (the same distance for ever).
    """

    baud = 9600
    CURRENT_UA: ClassVar[dict[str, float]] = {
        "off": 0.0,
        "measuring": 8000.0,  # average, SEN0311 page: <= 8 mA at 3.3..5 V
    }

    def __init__(self, ctx: PartContext):
        super().__init__(ctx)
        self.fault = str(ctx.options.get("fault", ""))
        self._false = float(ctx.options.get("false_echo", 0.0))
        self._lost = float(ctx.options.get("lost_echo", 0.0))
        self._next: Event | None = None
        self._stuck_mm = NO_TARGET
        supply = self.line("power")
        if supply:
            self._on_level = int(ctx.options.get("power_on_level", 1))
            supply.drive(1 - self._on_level)  # the switch's own resistor keeps it off until the MCU speaks
            self.powered = False
            supply.watchers.append(self._switched)
        self.power_on()

    def _switched(self, level: int) -> None:
        self.set_power(level == self._on_level)

    def power_on(self) -> None:
        self._stop()
        if self.powered:
            self.state("measuring")
            self._next = self.kernel.after(_FIRST_US, self._cycle)
        else:
            self.state("off")

    def power_off(self) -> None:
        super().power_off()
        self._stop()

    def _stop(self) -> None:
        if self._next:
            self._next.cancel()
            self._next = None

    def _cycle(self) -> None:
        self._next = self.kernel.after(_CYCLE_US, self._cycle)
        if self.to_mcu is None:
            return  # nobody has the receiver open
        data = frame(self._distance())
        if self.fault == "garbage":
            data = self.rng.randbytes(4)
        elif self.fault == "sum":
            data = data[:3] + bytes((data[3] ^ 0x55,))
        if self.fault != "silent":
            self.send(data)

    def _distance(self) -> int:
        if self.fault == "stuck" and self._stuck_mm != NO_TARGET:
            return self._stuck_mm
        true = self.read("distance_mm")
        if math.isnan(true) or self.rng.random() < self._lost:
            return NO_TARGET
        if self.rng.random() < self._false:
            true = self.rng.uniform(_MIN_MM, max(_MIN_MM, true))
        mm = round(true + self.rng.gauss(0.0, _NOISE_MM))
        self._stuck_mm = mm if _MIN_MM <= mm <= _MAX_MM else NO_TARGET
        return self._stuck_mm


PART = A02yyuw
