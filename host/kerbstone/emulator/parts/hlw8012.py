"""Virtual HLW8012 or BL0937: pulses on CF and CF1 (HLW8012 rev 1.3, BL0937 V1.02)."""

from __future__ import annotations

from typing import ClassVar

from kerbstone.emulator.parts.base import PartContext
from kerbstone.emulator.parts.mains_meter import Metered

# Hertz a watt, an ampere and a volt, as functions of Vref, divider d and shunt s. HLW8012: 3.579 MHz oscillator.
_OSCILLATOR_HZ = 3_579_000
_CHIPS = {
    "HLW8012": (2.43, _OSCILLATOR_HZ * 24 / 64, _OSCILLATOR_HZ * 24 / 512, _OSCILLATOR_HZ / 256),
    "BL0937": (1.218, 1_721_506.0, 94_638.0, 15_397.0),
}


class Hlw8012(Metered):
    """Wires "cf", "cf1" (pulses) and "sel" (from the MCU: high = voltage on CF1).

    Options `model`, `voltage_divider`, `shunt_ohm` as the driver's. `fault`: "silent" (no pulses).
    """

    PULSES = ("cf", "cf1")
    CURRENT_UA: ClassVar[dict[str, float]] = {
        "off": 0.0,
        "on": 3_000.0,  # unconfirmed
    }

    def __init__(self, ctx: PartContext):
        super().__init__(ctx)
        options = ctx.options
        self.fault = str(options.get("fault", ""))
        vref, power, current, voltage = _CHIPS[str(options.get("model", "BL0937"))]
        divider, shunt = float(options.get("voltage_divider", 1600)), float(options.get("shunt_ohm", 0.001))
        self._hz_w, self._hz_a, self._hz_v = power * shunt / (vref * vref * divider), current * shunt / vref, voltage / (vref * divider)
        self._counted = {"cf": 0.0, "cf1": 0.0}
        self._before = (0.0, 0.0, 0.0)
        self._sel = self.line("sel")
        if self._sel:
            self._sel.watchers.append(lambda level: self._count(1 - level))
        self.power_on()

    def power_on(self) -> None:
        """The chip measures from its supply on."""
        self.state("on")

    def pulses(self, wire: str) -> int:
        """All rising edges there were on "cf" or "cf1"."""
        self._count(self._sel.level if self._sel else 1)
        return int(self._counted[wire])

    def _count(self, sel: int) -> None:
        """Adds what has beaten since the last time, with SEL at `sel` all the while."""
        self.settle()
        joules, amps, volts = self._before
        self._before = (self.joules, self.amp_seconds, self.volt_seconds)
        if self.fault == "silent" or not self.powered:
            return
        gain = 1 + self.rng.gauss(0.0, self.NOISE / 3)
        self._counted["cf"] += (self.joules - joules) * self._hz_w * gain
        more = (self.volt_seconds - volts) * self._hz_v if sel else (self.amp_seconds - amps) * self._hz_a
        self._counted["cf1"] += more * gain


PART = Hlw8012
