"""Virtual HC-SR04 (and JSN-SR04T, AJ-SR04M without a mode resistor): trigger in, a pulse as long as the flight out."""

from __future__ import annotations

import math
from typing import ClassVar

from kerbstone.emulator.parts.base import PartContext
from kerbstone.emulator.parts.ranging import Ranging

# Model: nearest and farthest mm, shortest trigger us, us of the pulse without an echo. Sellers' sheets, not confirmed.
_MODELS = {
    "hc_sr04": (20.0, 4000.0, 10, 38_000),
    "jsn_sr04t": (200.0, 6000.0, 20, 60_000),
    "aj_sr04m": (200.0, 8000.0, 20, 60_000),
}
_BURST_US = 460  # trigger's end to echo high: eight cycles of 40 kHz and the chip's own time; not confirmed


class HcSr04(Ranging):
    """Lines "trig" and "echo", option `model`. `fault`: also "hung" (the echo line stays high, until the supply is switched off)."""

    CURRENT_UA: ClassVar[dict[str, float]] = {
        "off": 0.0,
        "idle": 2000.0,  # HC-SR04 sheet: < 2 mA
        "measuring": 15_000.0,  # HC-SR04 sheet
    }

    def __init__(self, ctx: PartContext):
        self.NEAR_MM, self.FAR_MM, self._trigger_us, self._lost_us = _MODELS[str(ctx.options.get("model", "hc_sr04"))]
        self._raised_at = -1
        trigger = ctx.lines.get("trig")
        if trigger:
            trigger.watchers.append(self._triggered)
        super().__init__(ctx)

    def wake_up(self) -> None:
        self.state("idle")
        self._echo(1 if self.fault == "hung" else 0)

    def power_off(self) -> None:
        super().power_off()
        self._echo(0)

    def _triggered(self, level: int) -> None:
        now = self.kernel.now
        if level:
            self._raised_at = now
        elif self.powered and self._next is None and now - self._raised_at >= self._trigger_us and self.fault != "silent":
            self.state("measuring")
            self._next = self.kernel.after(_BURST_US, self._fly)

    def _fly(self) -> None:
        mm = self.echo_mm()
        us = self._lost_us if math.isnan(mm) else round(2000 * mm / self.sound_m_s())
        self._echo(1)
        self._next = self.kernel.after(us, self._land)

    def _land(self) -> None:
        self._next = None
        self.state("idle")
        self._echo(1 if self.fault == "hung" else 0)

    def _echo(self, level: int) -> None:
        line = self.line("echo")
        if line:
            line.drive(level)


PART = HcSr04
