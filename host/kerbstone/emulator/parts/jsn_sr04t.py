"""Virtual JSN-SR04T and AJ-SR04M with a serial output: mode 1 speaks every 100 ms, mode 2 after a 0x55.

No echo sends distance 0 (not confirmed; what users report differs from batch to batch). The module counts with 340 m/s.
"""

from __future__ import annotations

import math
from typing import ClassVar

from kerbstone.emulator.parts.base import PartContext
from kerbstone.emulator.parts.ranging import SHEET_M_S, SerialRanging

_FAR_MM = {"jsn_sr04t": 6000.0, "aj_sr04m": 8000.0}  # the latter not confirmed
_TIMEOUT_US = 60_000  # until it gives up on an echo


def frame(mm: int, model: str = "jsn_sr04t") -> bytes:
    """FF H L SUM; the AJ-SR04M leaves the header out of the sum."""
    high, low = mm >> 8, mm & 0xFF
    return bytes((0xFF, high, low, (0xFF if model == "jsn_sr04t" else 0) + high + low & 0xFF))


class JsnSr04t(SerialRanging):
    """Options `model` ("jsn_sr04t", "aj_sr04m") and `mode` (1, 2)."""

    CURRENT_UA: ClassVar[dict[str, float]] = {
        "off": 0.0,
        "idle": 5000.0,  # mode 2 between two triggers; sellers' sheets, not confirmed
        "measuring": 8000.0,  # sellers' sheets: < 8 mA
    }
    NEAR_MM = 200.0
    NOISE_MM = 3.0  # rms; the sheet's accuracy is 1 cm

    def __init__(self, ctx: PartContext):
        self.model = str(ctx.options.get("model", "jsn_sr04t"))
        self.mode = int(ctx.options.get("mode", 1))
        self.FAR_MM = _FAR_MM[self.model]
        super().__init__(ctx)

    def wake_up(self) -> None:
        if self.mode == 1:
            super().wake_up()
        else:
            self.state("idle")

    def uart_write(self, data: bytes) -> None:
        if self.powered and self.mode == 2 and 0x55 in data and self._next is None:
            self.state("measuring")
            self._next = self.kernel.after(_TIMEOUT_US, self._answer)

    def _answer(self) -> None:
        self._next = None
        self.state("idle")
        self.speak()

    def message(self, mm: float) -> bytes:
        return frame(0 if math.isnan(mm) else round(mm * SHEET_M_S / self.sound_m_s()), self.model)


PART = JsnSr04t
