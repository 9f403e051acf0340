"""What every virtual energy meter on the lamp's supply needs: true values with noise, and energy summed from change to change."""

from __future__ import annotations

from kerbstone.emulator.parts.base import Part, PartContext

_LONGEST_STEP_US = 60_000_000  # a site need not announce what its actuators do


class Metered(Part):
    """Reads lamp_power_w, lamp_pf and mains_v."""

    NOISE = 0.001  # of reading: linearity over the dynamic range

    def __init__(self, ctx: PartContext):
        super().__init__(ctx)
        self.joules = 0.0
        self.volt_seconds = 0.0
        self.amp_seconds = 0.0
        self._settled = self.kernel.now

    def settle(self) -> None:
        """Sums power, voltage and current since the last time."""
        now, t, site = self.kernel.now, self._settled, self.site
        while t < now:
            until = min(now, t + _LONGEST_STEP_US, max(site.next_change(t), t + 1))
            seconds = (until - t) / 1e6
            watt, volt, factor = (site.read(q, t) for q in ("lamp_power_w", "mains_v", "lamp_pf"))
            self.joules += watt * seconds
            self.volt_seconds += volt * seconds
            self.amp_seconds += watt / (volt * factor) * seconds if volt and factor else 0.0
            t = until
        self._settled = now

    def now(self) -> tuple[float, float, float]:
        """(V, A, W) with the meter's noise."""
        volt, watt = (self.read(q) * (1 + self.rng.gauss(0.0, self.NOISE / 3)) for q in ("mains_v", "lamp_power_w"))
        factor = self.read("lamp_pf")
        return volt, watt / (volt * factor) if volt and factor else 0.0, watt
