"""A light point: an LED luminaire, its driver, the mains and the sky."""

from __future__ import annotations

import itertools
import math
import random
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from kerbstone.emulator.world.noise import SmoothNoise
from kerbstone.emulator.world.outdoor import Outdoor
from kerbstone.emulator.world.passers import Passers, daylight_lux
from kerbstone.emulator.world.sun import SUNSET_DEG, elevation_deg

# Dim level -> share of the rated input power and power factor of a 0-10 V LED driver of the 50 W class. Below 10 % the driver
# stays at its minimum (typical curves of such drivers; efficiency and power factor fall with the load).
_CURVE = ((0.1, 0.135, 0.62), (0.25, 0.285, 0.82), (0.5, 0.525, 0.93), (0.75, 0.76, 0.965), (1.0, 1.0, 0.98))
_OFF_BELOW = 0.01  # dim-to-off
_STANDBY_PF = 0.3
_MAINS_SIGMA_V = 2.0  # EN 50160 allows 230 V +-10 %; a quiet street stays within some volts
_TAU_US = 1_200_000_000.0  # warming of the luminaire, 20 minutes
_RISE_C_PER_W = 0.35


def on_curve(level: float, column: int) -> float:
    """Power share (column 1) or power factor (column 2) at a level above _OFF_BELOW."""
    rows = _CURVE
    if level <= rows[0][0]:
        return rows[0][column]
    for left, right in itertools.pairwise(rows):
        if level <= right[0]:
            return left[column] + (right[column] - left[column]) * (level - left[0]) / (right[0] - left[0])
    return rows[-1][column]


@dataclass(frozen=True)
class Command:
    """What the luminaire does from t_us on, the heat and the energy it starts with."""

    t_us: int
    level: float
    relay: bool
    power_w: float
    warm_c: float
    energy_ws: float


class Pole(Outdoor):
    """Quantities lamp_power_w, lamp_pf, mains_v, mains_hz, temp_c (luminaire), sun_elevation_deg, lux (daylight from above), motion (1
    while somebody is near) and the weather.

    `act("dim_level", 0..1)` and `act("relay", 0 or 1)` (1 = the driver has mains) change it; until somebody acts the lamp burns at
    full power, as a luminaire without a controller does. A past state can be read again.
    """

    KIND: ClassVar[str] = "light"
    OPTIONS: ClassVar[dict[str, Any]] = {
        **Outdoor.OPTIONS,
        "rated_w": 50.0,
        "standby_w": 0.5,
        "mains_v": 230.0,
        "lit_below_deg": SUNSET_DEG,  # the lamp should burn while the sun is lower
        "traffic": 1.0,  # times the profile of a residential street
        "tz_min": -300,  # minutes of the local clock ahead of UTC, for the traffic
    }

    def __init__(self, start_utc: int, rng: random.Random, options: Mapping[str, Any]):
        super().__init__(start_utc, rng, options)
        self._mains = SmoothNoise(self.rng.getrandbits(63), 900_000_000, _MAINS_SIGMA_V)
        self._hertz = SmoothNoise(self.rng.getrandbits(63), 60_000_000, 0.015)
        self.passers = Passers(self.rng.getrandbits(63), start_utc + 60 * int(self.options["tz_min"]), self.options["traffic"])
        full = Command(0, 1.0, True, self._power_w(1.0, True), 0.0, 0.0)
        self._history = [full]
        self._times = [0]
        self.quantities |= {
            "temp_c": self._luminaire_c,
            "lamp_power_w": lambda t_us: self._at(t_us).power_w,
            "lamp_pf": self._lamp_pf,
            "mains_v": lambda t_us: self.options["mains_v"] + self._mains.at(t_us),
            "mains_hz": lambda t_us: 50.0 + self._hertz.at(t_us),
            "sun_elevation_deg": self.sun_elevation_deg,
            "lux": lambda t_us: daylight_lux(self.sun_elevation_deg(t_us)),
            "motion": lambda t_us: float(self.passers.near(t_us)),
        }

    def act(self, quantity: str, value: float, t_us: int) -> None:
        """Sets dim_level or relay from t_us on; commands come in order of time. KeyError: not an actuator here."""
        last = self._history[-1]
        level, relay = last.level, last.relay
        if quantity == "dim_level":
            level = max(0.0, min(1.0, value))
        elif quantity == "relay":
            relay = bool(value)
        else:
            raise KeyError(quantity)
        if (level, relay) == (last.level, last.relay):
            return
        t_us = max(t_us, last.t_us)
        now = Command(t_us, level, relay, self._power_w(level, relay), self._warm_c(last, t_us), self._energy_ws(last, t_us))
        if t_us == last.t_us:
            self._history[-1] = now
        else:
            self._history.append(now)
            self._times.append(t_us)

    def energy_kwh(self, t0_us: int, t1_us: int) -> float:
        """What the lamp took from the mains in between."""
        return (self._energy_ws(self._at(t1_us), t1_us) - self._energy_ws(self._at(t0_us), t0_us)) / 3.6e6

    def lit(self, t_us: int) -> bool:
        """Whether the lamp gives light."""
        return self._glows(self._at(t_us))

    def sun_elevation_deg(self, t_us: int) -> float:
        """Elevation of the sun's centre."""
        return elevation_deg(self.start_utc + t_us / 1e6, self.options["lat"], self.options["lon"])

    def should_be_lit(self, t_us: int) -> bool:
        """Whether it is dark."""
        return self.sun_elevation_deg(t_us) < self.options["lit_below_deg"]

    def next_change(self, t_us: int) -> int:
        """The next known command (those of the future are not known)."""
        index = bisect_right(self._times, t_us)
        return self._times[index] if index < len(self._times) else super().next_change(t_us)

    def truth(self, t0_us: int, t1_us: int) -> dict[str, Any]:
        """Series lit, level_pct, power_w, dark (0/1; all from each instant on), sun_elevation_deg, temp_c, mains_v.

        Beside them energy_kwh of the whole interval; events on and off.
        """
        truth = super().truth(t0_us, t1_us)
        steps = [self._at(t0_us)] + [c for c in self._history if t0_us < c.t_us <= t1_us]
        times = [t0_us] + [c.t_us for c in steps[1:]]
        shown = [(t, self._glows(c), round(100 * c.level, 1) if c.relay else 0.0, c.power_w) for t, c in zip(times, steps, strict=True)]
        truth["series"] |= {
            "lit": _steps([(t, float(lit)) for t, lit, _, _ in shown]),
            "level_pct": _steps([(t, level) for t, _, level, _ in shown]),
            "power_w": _steps([(t, round(power, 2)) for t, _, _, power in shown]),
            "dark": self._darkness(t0_us, t1_us),
            "sun_elevation_deg": self.sampled("sun_elevation_deg", t0_us, t1_us),
            "mains_v": self.sampled("mains_v", t0_us, t1_us),
        }
        truth["events"] = [{"t_us": int(t), "kind": "on" if lit else "off"} for t, lit in truth["series"]["lit"][1:]]
        truth["energy_kwh"] = round(self.energy_kwh(t0_us, t1_us), 6)
        return truth

    def _darkness(self, t0_us: int, t1_us: int, grid_us: int = 60_000_000) -> list[list[float]]:
        """[[t, 1 = should be lit], ...], each change found to the second."""
        series: list[list[float]] = [[t0_us, float(self.should_be_lit(t0_us))]]
        for t in range(t0_us + grid_us, t1_us + 1, grid_us):
            if self.should_be_lit(t) != bool(series[-1][1]):
                low, high = t - grid_us, t
                while high - low > 1_000_000:
                    middle = (low + high) // 2
                    low, high = (low, middle) if self.should_be_lit(middle) != bool(series[-1][1]) else (middle, high)
                series.append([high, 1.0 - series[-1][1]])
        return series

    def _at(self, t_us: int) -> Command:
        return self._history[max(0, bisect_right(self._times, t_us) - 1)]

    def _glows(self, command: Command) -> bool:
        return command.relay and command.level >= _OFF_BELOW

    def _power_w(self, level: float, relay: bool) -> float:
        if not relay:
            return 0.0
        return self.options["rated_w"] * on_curve(level, 1) if level >= _OFF_BELOW else self.options["standby_w"]

    def _lamp_pf(self, t_us: int) -> float:
        command = self._at(t_us)
        return on_curve(command.level, 2) if self._glows(command) else _STANDBY_PF

    def _luminaire_c(self, t_us: int) -> float:
        return self._temp.at(t_us) + self._warm_c(self._at(t_us), t_us)

    def _warm_c(self, command: Command, t_us: int) -> float:
        final = _RISE_C_PER_W * command.power_w
        return final + (command.warm_c - final) * math.exp(-(t_us - command.t_us) / _TAU_US)

    def _energy_ws(self, command: Command, t_us: int) -> float:
        return command.energy_ws + command.power_w * (t_us - command.t_us) / 1e6


def _steps(points: Sequence[tuple[int, float]]) -> list[list[float]]:
    """Drops points that repeat the value before them."""
    return [[t, value] for i, (t, value) in enumerate(points) if i == 0 or value != points[i - 1][1]]
