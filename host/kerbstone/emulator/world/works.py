"""The surroundings of a terminal: a pumping station with a mains supply, a well, a water meter, a pressure pipe and a door."""

from __future__ import annotations

import random
from bisect import bisect_right
from collections.abc import Mapping
from typing import Any, ClassVar

from kerbstone.emulator.world.calendar import HOUR_US, profile_at
from kerbstone.emulator.world.noise import SmoothNoise
from kerbstone.emulator.world.outdoor import Outdoor
from kerbstone.emulator.world.process import next_arrival

_MINUTE_US = 60_000_000
# Water drawn, 1 = the day's mean, by hour of the local day: two peaks of a residential network.
_DRAW = (0.3, 0.25, 0.2, 0.2, 0.3, 0.7, 1.6, 2.1, 1.8, 1.3, 1.1, 1.1, 1.2, 1.1, 1.0, 1.0, 1.2, 1.5, 1.8, 1.7, 1.3, 1.0, 0.7, 0.45)
_VISIT_US = (3 * _MINUTE_US, 20 * _MINUTE_US)


class Works(Outdoor):
    """Quantities power_w, current_a, mains_v, power_factor, mains_hz, energy_kwh, water_l (drawn since the start), flow_l_min, level_m,
    water_c, soil_pct, pressure_bar, door (0 or 1) and the weather. Power, flow and door are steps of a minute.
    """

    KIND: ClassVar[str] = "terminal"
    OPTIONS: ClassVar[dict[str, Any]] = {
        **Outdoor.OPTIONS,
        "flow_l_min": 12.0,  # mean over the day
        "pump_w": 1100.0,  # at a flow of flow_l_min
        "standby_w": 35.0,
        "visits_per_day": 4.0,  # somebody opens the door
    }
    SERIES: ClassVar[tuple[str, ...]] = (
        "power_w", "mains_v", "energy_kwh", "water_l", "level_m", "water_c", "soil_pct", "pressure_bar", "door",
    )  # fmt: skip

    def __init__(self, start_utc: int, rng: random.Random, options: Mapping[str, Any]):
        super().__init__(start_utc, rng, options)
        noise = self.rng.getrandbits
        self._mains = SmoothNoise(noise(63), 900_000_000, 2.0)
        self._gust = SmoothNoise(noise(63), 7 * _MINUTE_US, 0.2)
        self._tide = SmoothNoise(noise(63), 5 * HOUR_US, 0.15)
        self._soil = SmoothNoise(noise(63), 12 * HOUR_US, 2.0)
        self._pressure = SmoothNoise(noise(63), 20 * _MINUTE_US, 0.1)
        self._water_l = [0.0]  # drawn, at each minute
        self._energy_ws = [0.0]
        self._visits: list[int] = []
        self.quantities |= {
            "power_w": self._power_w,
            "current_a": lambda t: self._power_w(t) / (self._volt(t) * 0.92),
            "mains_v": self._volt,
            "power_factor": lambda t: 0.92,
            "mains_hz": lambda t: 50.0,
            "energy_kwh": lambda t: self._since_start(self._energy_ws, t) / 3.6e6,
            "water_l": lambda t: self._since_start(self._water_l, t),
            "flow_l_min": self._flow,
            "level_m": lambda t: 3.2 + self._tide.at(t) - 0.02 * (self._flow(t) - self.options["flow_l_min"]),
            "water_c": lambda t: 11.0 + 0.05 * (self._temp.at(t) - 11.0),
            "soil_pct": lambda t: 27.0 + self._soil.at(t),
            "pressure_bar": lambda t: max(0.5, 4.5 - 0.05 * self._flow(t) + self._pressure.at(t)),
            "door": self._door,
        }

    def truth(self, t0_us: int, t1_us: int) -> dict[str, Any]:
        """A series of every minute of each quantity; events door with their length."""
        truth = super().truth(t0_us, t1_us)
        for name in self.SERIES:
            truth["series"][name] = self.sampled(name, t0_us, t1_us, _MINUTE_US)
        truth["events"] = [{"t_us": t, "kind": "door"} for t in self._visits if t0_us <= t < t1_us]
        return truth

    def _volt(self, t_us: int) -> float:
        return 230.0 + self._mains.at(t_us)

    def _flow(self, t_us: int) -> float:
        t_us -= t_us % _MINUTE_US
        return max(0.0, self.options["flow_l_min"] * profile_at(_DRAW, self.clock.hour(t_us)) * (1.0 + self._gust.at(t_us)))

    def _power_w(self, t_us: int) -> float:
        return self.options["standby_w"] + self.options["pump_w"] * self._flow(t_us) / self.options["flow_l_min"]

    def _since_start(self, sums: list[float], t_us: int) -> float:
        """A sum over whole minutes and the minute under way."""
        minute, rest = divmod(t_us, _MINUTE_US)
        while len(self._water_l) <= minute:
            t = (len(self._water_l) - 1) * _MINUTE_US
            self._water_l.append(self._water_l[-1] + self._flow(t))
            self._energy_ws.append(self._energy_ws[-1] + 60.0 * self._power_w(t))
        rate = self._flow(t_us) if sums is self._water_l else 60.0 * self._power_w(t_us)
        return sums[minute] + rate * rest / _MINUTE_US

    def _door(self, t_us: int) -> float:
        per_h = max(self.options["visits_per_day"], 1e-9) / 24
        while not self._visits or self._visits[-1] <= t_us:
            self._visits.append(next_arrival(self.rng, self._visits[-1] + _VISIT_US[1] if self._visits else 0, lambda _: per_h, per_h))
        index = bisect_right(self._visits, t_us) - 1
        if index < 0:
            return 0.0
        begun = self._visits[index]
        length = _VISIT_US[0] + begun % (_VISIT_US[1] - _VISIT_US[0])
        return float(t_us < begun + length)
