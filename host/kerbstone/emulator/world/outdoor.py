"""What every outdoor site shares: weather, local time, options with defaults, a battery."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from kerbstone.emulator.world.calendar import LocalClock
from kerbstone.emulator.world.weather import LAT, LON, UTC_OFFSET_H, Weather
from kerbstone.errors import NodeFileError

NEVER_US = 1 << 62
_BATTERY_V_PER_C = 0.002  # loaded Li-SOCl2 cell (ER34615 class) around room temperature


class OnGrid:
    """A slow curve computed once a grid step and joined by straight lines, so that a read costs almost nothing."""

    def __init__(self, curve: Callable[[int], float], step_us: int):
        self._curve = curve
        self._step_us = step_us
        self._index = -1
        self._left = self._right = 0.0

    def at(self, t_us: int) -> float:
        """The value at t_us."""
        index, rest = divmod(t_us, self._step_us)
        if index != self._index:
            self._index = index
            self._left = self._curve(index * self._step_us)
            self._right = self._curve((index + 1) * self._step_us)
        return self._left + (self._right - self._left) * rest / self._step_us


def checked_options(kind: str, defaults: Mapping[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """`options` over `defaults`; NodeFileError names an option this kind of site does not have."""
    for name in options:
        if name not in defaults:
            raise NodeFileError(f"The {kind} site has no option '{name}'; it has {', '.join(sorted(defaults))}.")
    return {**defaults, **options}


class Outdoor:
    """A site under the sky, in the weather of the station. Subclasses add their quantities to `self.quantities`."""

    KIND: ClassVar[str] = "outdoor"
    OPTIONS: ClassVar[dict[str, Any]] = {
        "lat": LAT,  # degrees, north positive
        "lon": LON,  # degrees, east positive
        "battery_v": 3.6,  # at 20 C
        "sun_heating_c": 0.012,  # K a W/m2: how much the sun warms the housing above the air
    }

    def __init__(self, start_utc: int, rng: random.Random, options: Mapping[str, Any]):
        self.options = checked_options(self.KIND, self.OPTIONS, options)
        self.rng = random.Random(rng.getrandbits(64))
        self.start_utc = start_utc
        self.weather = Weather(start_utc)
        self.clock = LocalClock(start_utc, UTC_OFFSET_H)
        self._temp = OnGrid(self._sunlit_temp_c, 60_000_000)
        self.quantities: dict[str, Callable[[int], float]] = {
            "temp_c": self._temp.at,
            "rh_pct": self.weather.rh_pct,
            "pressure_hpa": self.weather.pressure_hpa,
            "battery_v": self._battery_v,
        }

    def read(self, quantity: str, t_us: int) -> float:
        """The true value at t_us; KeyError if this site does not have the quantity."""
        return self.quantities[quantity](t_us)

    def act(self, quantity: str, value: float, t_us: int) -> None:
        """Nothing here can be set: KeyError."""
        raise KeyError(quantity)

    def next_change(self, t_us: int) -> int:
        """No fast changes."""
        return NEVER_US

    def changing_until(self, t_us: int) -> int:
        """No fast changes."""
        return t_us

    def extra_loss_db(self, t_us: int) -> float:
        """Radio loss caused by what stands on or around the node."""
        return 0.0

    def truth(self, t0_us: int, t1_us: int) -> dict[str, Any]:
        """Temperature every ten minutes."""
        return {"series": {"temp_c": self.sampled("temp_c", t0_us, t1_us)}, "events": []}

    def sampled(self, quantity: str, t0_us: int, t1_us: int, step_us: int = 600_000_000) -> list[list[float]]:
        """[[t_us, value], ...] at t0, every step and t1; instants without a value are left out."""
        times = [*range(t0_us, t1_us, step_us), t1_us]
        pairs = [[t, round(self.read(quantity, t), 3)] for t in times]
        return [pair for pair in pairs if not math.isnan(pair[1])]

    def _sunlit_temp_c(self, t_us: int) -> float:
        return self.weather.temp_c(t_us) + self.options["sun_heating_c"] * self.weather.sun_w_m2(t_us)

    def _battery_v(self, t_us: int) -> float:
        return self.options["battery_v"] + _BATTERY_V_PER_C * (self._temp.at(t_us) - 20.0)
