"""The air beside a street: particles, gases and the weather."""

from __future__ import annotations

import random
from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from kerbstone.emulator.world.calendar import profile_at
from kerbstone.emulator.world.noise import SmoothNoise
from kerbstone.emulator.world.outdoor import OnGrid, Outdoor
from kerbstone.emulator.world.process import log_normal, next_arrival

_MINUTE_US = 60_000_000
# Traffic, 1 = the day's mean, by hour of the local day: the two rush hours of an urban main road.
TRAFFIC = (0.25, 0.15, 0.1, 0.1, 0.2, 0.5, 1.1, 1.8, 1.9, 1.4, 1.2, 1.2, 1.3, 1.3, 1.3, 1.5, 1.8, 2.0, 1.6, 1.1, 0.8, 0.6, 0.5, 0.35)
_BACKGROUND_UG = 6.0  # PM2.5 away from the road
_ROAD_UG = 3.5  # PM2.5 of mean traffic in still, stable air
_WANDER = 0.25  # slow relative variation with the large-scale weather
_EPISODES_PER_H = 0.3 / 24  # wood smoke, road works, fireworks nearby
_EPISODE_UG = (20.0, 0.7, 5.0, 150.0)  # PM2.5 added: median, sigma of the logarithm, range
_EPISODE_MIN = (60.0, 0.7, 15.0, 360.0)  # time constant of its decay, minutes
_EPISODE_RISE_US = 5 * _MINUTE_US
# Mass fractions up to each diameter, relative to PM2.5, for combustion aerosol; coarse road dust comes on top with traffic.
_FRACTIONS = {"pm1_ug": 0.78, "pm25_ug": 1.0, "pm4_ug": 1.08, "pm10_ug": 1.15}
_DUST_UG = {"pm1_ug": 0.0, "pm25_ug": 0.0, "pm4_ug": 1.2, "pm10_ug": 5.0}  # at mean traffic
_VOC_PPB = (120.0, 60.0, 4.0)  # background, a unit of traffic, a ug/m3 of smoke
_NOX_PPB = (6.0, 16.0)  # background, a unit of traffic
_NO2_SHARE, _NO2_HALF_PPB = 0.7, 120.0  # of NOx near zero; above, ozone runs out and the share falls
_O3_PPB = (18.0, 0.035)  # at night without traffic; a W/m2 of sun. What NO takes away follows from NOx
_CO_PPB = (180.0, 160.0, 12.0)  # background, a unit of traffic, a ug/m3 of smoke
_CO2_PPM = (424.0, 14.0)  # background of 2024, a unit of traffic
_SO2_PPB, _CH2O_PPB = 2.0, (1.5, 0.015)  # clean fuels; background and a ppb of VOC


@dataclass(frozen=True)
class Episode:
    """Smoke: rises within minutes, decays exponentially."""

    start_us: int
    peak_ug: float
    decay_us: float

    def at(self, t_us: int) -> float:
        """PM2.5 it adds at t_us, ug/m3."""
        age = t_us - self.start_us
        if age <= 0:
            return 0.0
        if age < _EPISODE_RISE_US:
            return self.peak_ug * age / _EPISODE_RISE_US
        return self.peak_ug * 2.0 ** (-(age - _EPISODE_RISE_US) / self.decay_us)


class Station(Outdoor):
    """Quantities pm1_ug pm25_ug pm4_ug pm10_ug (ug/m3), voc_ppb, nox_ppb, no2_ppb, o3_ppb, co_ppb, so2_ppb, ch2o_ppb, co2_ppm, temp_c,
    rh_pct, pressure_hpa, battery_v. The gases have plausible sizes and daily courses, no chemistry."""

    KIND: ClassVar[str] = "air"
    OPTIONS: ClassVar[dict[str, Any]] = {
        **Outdoor.OPTIONS,
        "sun_heating_c": 0.002,  # a ventilated radiation shield
        "traffic": 1.0,  # scales the traffic of the street
        "episodes": 1.0,  # scales how often there is smoke
    }

    def __init__(self, start_utc: int, rng: random.Random, options: Mapping[str, Any]):
        super().__init__(start_utc, rng, options)
        self._wander = SmoothNoise(self.rng.getrandbits(63), 8 * 60 * _MINUTE_US, _WANDER)
        self._gust = SmoothNoise(self.rng.getrandbits(63), 4 * _MINUTE_US, 0.12)
        self._starts: list[int] = []
        self._episodes: list[Episode] = []
        self._traffic = OnGrid(lambda t: self.options["traffic"] * profile_at(TRAFFIC, self.clock.hour(t)), _MINUTE_US)
        self._stagnation = OnGrid(self._stagnation_at, _MINUTE_US)
        self.quantities |= {name: self._particles(name) for name in _FRACTIONS}
        self.quantities |= {"voc_ppb": self._voc_ppb, "nox_ppb": self._nox_ppb}
        self.quantities |= {
            "no2_ppb": self._no2_ppb, "o3_ppb": self._o3_ppb, "co_ppb": self._co_ppb, "co2_ppm": self._co2_ppm,
            "so2_ppb": lambda t_us: _SO2_PPB, "ch2o_ppb": lambda t_us: _CH2O_PPB[0] + _CH2O_PPB[1] * self._voc_ppb(t_us),
        }  # fmt: skip

    def smoke_ug(self, t_us: int) -> float:
        """PM2.5 of the latest three episodes; older ones have decayed."""
        self._know(t_us)
        index = bisect_right(self._starts, t_us)
        return sum(episode.at(t_us) for episode in self._episodes[max(0, index - 3) : index])

    def next_change(self, t_us: int) -> int:
        """The start of the next episode."""
        self._know(t_us)
        return self._starts[bisect_right(self._starts, t_us)]

    def changing_until(self, t_us: int) -> int:
        """The end of the rise of the smoke, if one is under way."""
        self._know(t_us)
        index = bisect_right(self._starts, t_us)
        end = self._starts[index - 1] + _EPISODE_RISE_US if index else t_us
        return max(end, t_us)

    def truth(self, t0_us: int, t1_us: int) -> dict[str, Any]:
        """Ten-minute series of every quantity a station reports; events smoke with their peak."""
        truth = super().truth(t0_us, t1_us)
        for name in (*_FRACTIONS, "voc_ppb", "nox_ppb", "rh_pct", "pressure_hpa"):
            truth["series"][name] = self.sampled(name, t0_us, t1_us)
        self._know(t1_us)
        inside = [episode for episode in self._episodes if t0_us <= episode.start_us < t1_us]
        truth["events"] = [{"t_us": e.start_us, "kind": "smoke", "peak_ug": round(e.peak_ug, 1)} for e in inside]
        return truth

    def _particles(self, name: str) -> Callable[[int], float]:
        fraction, dust = _FRACTIONS[name], _DUST_UG[name]

        def read(t_us: int) -> float:
            traffic, stagnation = self._traffic.at(t_us), self._stagnation.at(t_us)
            gust = 1.0 + self._gust.at(t_us)
            fine = _BACKGROUND_UG * (1.0 + self._wander.at(t_us)) + _ROAD_UG * traffic * stagnation * gust + self.smoke_ug(t_us)
            return fraction * fine + dust * traffic * gust

        return read

    def _voc_ppb(self, t_us: int) -> float:
        background, traffic, smoke = _VOC_PPB
        return background + traffic * self._traffic.at(t_us) * self._stagnation.at(t_us) + smoke * self.smoke_ug(t_us)

    def _nox_ppb(self, t_us: int) -> float:
        background, traffic = _NOX_PPB
        return background + traffic * self._traffic.at(t_us) * self._stagnation.at(t_us) * (1.0 + self._gust.at(t_us))

    def _no2_ppb(self, t_us: int) -> float:
        nox = self._nox_ppb(t_us)
        return _NO2_SHARE * nox / (1.0 + nox / _NO2_HALF_PPB)

    def _o3_ppb(self, t_us: int) -> float:
        free = _O3_PPB[0] + _O3_PPB[1] * self.weather.sun_w_m2(t_us)
        return max(1.0, free - 0.5 * (self._nox_ppb(t_us) - self._no2_ppb(t_us)))

    def _co_ppb(self, t_us: int) -> float:
        background, traffic, smoke = _CO_PPB
        return background + traffic * self._traffic.at(t_us) * self._stagnation.at(t_us) + smoke * self.smoke_ug(t_us)

    def _co2_ppm(self, t_us: int) -> float:
        return _CO2_PPM[0] + _CO2_PPM[1] * self._traffic.at(t_us) * self._stagnation.at(t_us)

    def _stagnation_at(self, t_us: int) -> float:
        """How little the air mixes: 2 in a humid, calm night (inversion), 0.6 in full sun (convection)."""
        damp = max(0.0, self.weather.rh_pct(t_us) - 50.0) / 50.0
        return 0.6 + 0.7 / (1.0 + self.weather.sun_w_m2(t_us) / 150.0) + 0.7 * damp

    def _know(self, t_us: int) -> None:
        """Draws episodes until one begins after t_us."""
        rate = max(_EPISODES_PER_H * self.options["episodes"], 1e-9)
        while not self._starts or self._starts[-1] <= t_us:
            start = next_arrival(self.rng, self._starts[-1] if self._starts else 0, lambda _: rate, rate)
            self._starts.append(start)
            decay = log_normal(self.rng, *_EPISODE_MIN) * _MINUTE_US
            self._episodes.append(Episode(start, log_normal(self.rng, *_EPISODE_UG), decay))
