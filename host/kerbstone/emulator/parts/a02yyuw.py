"""Virtual A02YYUW: a frame every 100 ms while its supply is on, in real-time or filtered output alike.

No echo (the site's distance is nan or out of range) sends the code FFFD, as DFRobot states for its successor SEN0754; what
the A02YYUW itself sends then is not documented, users only report frames that are out of range.
"""

from __future__ import annotations

import math
from typing import ClassVar

from kerbstone.emulator.parts.ranging import SerialRanging

NO_TARGET, INTERFERENCE = 0xFFFD, 0xFFFE


def frame(mm: int) -> bytes:
    """FF H L SUM."""
    high, low = mm >> 8, mm & 0xFF
    return bytes((0xFF, high, low, 0xFF + high + low & 0xFF))


class A02yyuw(SerialRanging):
    """`fault`: also "interference" (another sensor of its kind nearby: every second frame is FFFE)."""

    CURRENT_UA: ClassVar[dict[str, float]] = {
        "off": 0.0,
        "measuring": 8000.0,  # average, SEN0311 page: <= 8 mA at 3.3..5 V
    }
    NEAR_MM, FAR_MM = 30.0, 4500.0
    NOISE_MM = 3.0  # rms; the data sheet's accuracy is 1 cm
    CYCLE_US = 100_000  # DFRobot wiki SEN0311
    _disturbed = False

    def message(self, mm: float) -> bytes:
        self._disturbed = self.fault == "interference" and not self._disturbed
        if self._disturbed:
            return frame(INTERFERENCE)
        return frame(NO_TARGET if math.isnan(mm) else round(mm))


PART = A02yyuw
