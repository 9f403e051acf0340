"""A sensor that grows old: the adversary whom no checksum finds."""

from __future__ import annotations

from kerbstone.emulator.world.site import Site, SiteOver

_MONTH_US = 365.25 / 12 * 86_400e6
# What grows old: counters lose light and air stream to dirt, cells and films lose sensitivity and gain a zero. Unit of the zero: its own.
_DUST = ("pm1_ug", "pm25_ug", "pm4_ug", "pm10_ug")
_GAS = ("voc_ppb", "nox_ppb", "no2_ppb", "o3_ppb", "co_ppb", "so2_ppb", "ch2o_ppb", "co2_ppm")


class AgedSite(SiteOver):
    """The surroundings as an old sensor sees them: `loss_pct` of its sensitivity a month since `t_us`, compound, and a growing zero."""

    def __init__(self, site: Site, t_us: int, loss_pct: float, zero: float):
        super().__init__(site)
        self._t_us = t_us
        self._kept = 1.0 - loss_pct / 100
        self._zero = zero

    def read(self, quantity: str, t_us: int) -> float:
        value = self._site.read(quantity, t_us)
        if quantity not in _DUST and quantity not in _GAS:
            return value
        months = max(t_us - self._t_us, 0) / _MONTH_US
        return max(0.0, value * self._kept**months + self._zero * months)
