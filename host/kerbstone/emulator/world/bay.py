"""A parking bay with a magnetic sensor in the road: the Earth's field, cars, temperature."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from typing import Any, ClassVar, Protocol

from kerbstone.emulator.world.bay_adversaries import NAMES, Mount, sources
from kerbstone.emulator.world.bay_stays import Habits, Stays
from kerbstone.emulator.world.dipole import Vector
from kerbstone.emulator.world.noise import normal_at, uniform_at
from kerbstone.emulator.world.outdoor import NEVER_US, Outdoor
from kerbstone.errors import NodeFileError

_CAR_LOSS_DB = 12.0  # RSSI drops 10-15 dB with a car on top (PNI PlacePod manual, p. 8)
_CAR_LOSSES_DB = (10.0, 15.0)
_FADING_DB = 2.0
_FADING_US = 10_000_000
_DRIFT_UT_PER_C = (0.1, 0.3)  # size of the drift of each axis
_HARD_DRIFT_UT_PER_C = (0.1, 0.5)  # before SET and RESET
_HARD_SWING_C = 10.0  # on top of the 20 K or so of a sunny day, half of it each way
_WARMEST_H = 15.0
_DRIFT_REFERENCE_C = 20.0


class Disturbance(Protocol):
    """Something else that changes the field for a while: a tram, a lorry passing, a car in the next bay."""

    start_us: int
    end_us: int

    def field(self, t_us: int) -> Vector:
        """uT added at start_us <= t_us < end_us."""
        ...


def _chosen(names: Any) -> frozenset[str]:
    """The adversaries of an option; NodeFileError names one there is not."""
    wanted = [names] if isinstance(names, str) else list(names)
    for name in wanted:
        if name != "all" and name not in NAMES:
            raise NodeFileError(f"The parking site has no adversary '{name}'; it has {', '.join(NAMES)} and all.")
    return frozenset(NAMES if "all" in wanted else wanted)


class Bay(Outdoor):
    """Quantities bx_ut by_ut bz_ut (uT, sensor axes, z up), temp_c (pavement), battery_v and the weather.

    The bay is free at the start of a run. Occupied means: a car stands still on it.
    """

    KIND: ClassVar[str] = "parking"
    OPTIONS: ClassVar[dict[str, Any]] = {
        **Outdoor.OPTIONS,
        "sun_heating_c": 0.018,  # asphalt in full sun is 15-20 K above the air
        "earth_ut": 49.5,  # strength and dip of the Earth's field at the station (World Magnetic Model 2025)
        "dip_deg": 64.5,
        "turnover": 1.0,  # scales the arrivals
        "adversaries": (),  # names of bay_adversaries.NAMES, or "all"
        "first_arrival_s": 600,  # nobody parks before: time to install the sensor over an empty bay
    }

    def __init__(self, start_utc: int, rng: random.Random, options: Mapping[str, Any]):
        super().__init__(start_utc, rng, options)
        heading, dip = self.rng.uniform(0, 2 * math.pi), math.radians(self.options["dip_deg"])
        level = self.options["earth_ut"] * math.cos(dip)
        self.earth_ut: Vector = (level * math.cos(heading), level * math.sin(heading), -self.options["earth_ut"] * math.sin(dip))
        chosen = _chosen(self.options["adversaries"])
        self._hard_drift, self._fades = "drift" in chosen, "fading" in chosen
        drift = _HARD_DRIFT_UT_PER_C if self._hard_drift else _DRIFT_UT_PER_C
        x, y, z = (self.rng.choice((-1, 1)) * self.rng.uniform(*drift) for _ in range(3))
        self.drift_ut_per_c: Vector = (x, y, z)
        first_us = self.options["first_arrival_s"] * 1_000_000
        habits = Habits("weak_cars" in chosen, "remanence" in chosen, "long_stay" in chosen)
        own = random.Random(self.rng.getrandbits(64)) if chosen else self.rng
        self._fading_seed = own.getrandbits(64) if chosen else 0
        self._mount = Mount(random.Random(own.getrandbits(64)), self.earth_ut) if "mount" in chosen else None
        self.sources = sources(chosen.__contains__, self.clock, own, self.earth_ut, self.options["turnover"])
        self.stays = Stays(self.clock, self.rng, self.earth_ut, self.options["turnover"], first_us, habits)
        self.disturbances: list[Disturbance] = []
        self._at_us = -1
        self._field: Vector = self.earth_ut
        self.quantities |= {
            "bx_ut": lambda t_us: self.field(t_us)[0],
            "by_ut": lambda t_us: self.field(t_us)[1],
            "bz_ut": lambda t_us: self.field(t_us)[2],
        }

    def field(self, t_us: int) -> Vector:
        """The field at the sensor, uT; the three axes of one instant are computed once."""
        if t_us == self._at_us:
            return self._field
        x, y, z = self._mount.earth_ut(t_us) if self._mount else self.earth_ut
        warm = self._temp.at(t_us) - _DRIFT_REFERENCE_C
        kx, ky, kz = self.drift_ut_per_c
        x, y, z = x + kx * warm, y + ky * warm, z + kz * warm
        stay = self.stays.last_before(t_us)
        added = [stay.field(t_us)] if stay else []
        added += [d.field(t_us) for d in self.disturbances if d.start_us <= t_us < d.end_us]
        added += [source.field(t_us) for source in self.sources]
        for dx, dy, dz in added:
            x, y, z = x + dx, y + dy, z + dz
        self._at_us, self._field = t_us, (x, y, z)
        return self._field

    def next_change(self, t_us: int) -> int:
        """When the next car begins to roll (in or out) or the next disturbance begins."""
        stay = self.stays.last_before(t_us)
        due = stay.roll_out_us if stay and stay.roll_out_us > t_us else self.stays.first_after(t_us).roll_in_us
        others = [d.start_us for d in self.disturbances if d.start_us > t_us]
        others += [source.next_change(t_us) for source in self.sources]
        others += [self._mount.next_change(t_us)] if self._mount else []
        return min([due, *others], default=NEVER_US)

    def changing_until(self, t_us: int) -> int:
        """The end of the rolling or disturbance under way at t_us."""
        stay = self.stays.last_before(t_us)
        ends = [d.end_us for d in self.disturbances if d.start_us <= t_us < d.end_us]
        if stay:
            ramps = ((stay.roll_in_us, stay.parked_us), (stay.roll_out_us, stay.gone_us))
            ends += [end for start, end in ramps if start <= t_us < end]
        ends += [source.changing_until(t_us) for source in self.sources]
        return max(ends, default=t_us)

    def occupied(self, t_us: int) -> bool:
        """Whether a car stands on the bay."""
        stay = self.stays.last_before(t_us)
        return stay is not None and stay.parked_us <= t_us < stay.roll_out_us

    def extra_loss_db(self, t_us: int) -> float:
        """The car's body above the antenna, and what the street does to the waves."""
        if not self._fades:
            return _CAR_LOSS_DB if self.occupied(t_us) else 0.0
        fading = _FADING_DB * normal_at(self._fading_seed, t_us // _FADING_US)
        stay = self.stays.last_before(t_us)
        if stay is None or not stay.parked_us <= t_us < stay.roll_out_us:
            return fading
        low, high = _CAR_LOSSES_DB
        return fading + low + (high - low) * uniform_at(self._fading_seed, stay.parked_us)

    def _sunlit_temp_c(self, t_us: int) -> float:
        temp = super()._sunlit_temp_c(t_us)
        return temp + _HARD_SWING_C * math.cos((self.clock.hour(t_us) - _WARMEST_H) * math.pi / 12) if self._hard_drift else temp

    def truth(self, t0_us: int, t1_us: int) -> dict[str, Any]:
        """Series occupied (0/1 from each instant on) and temp_c; events arrival and departure; stays [[parked, left], ...]."""
        truth = super().truth(t0_us, t1_us)
        stays = [[s.parked_us, s.roll_out_us] for s in self.stays.between(t0_us, t1_us)]
        changes = [(t, kind) for stay in stays for t, kind in zip(stay, ("arrival", "departure"), strict=True) if t0_us < t < t1_us]
        truth["events"] = [{"t_us": t, "kind": kind} for t, kind in changes]
        truth["stays"] = stays
        truth["series"]["occupied"] = [[t0_us, int(self.occupied(t0_us))]] + [[t, int(kind == "arrival")] for t, kind in changes]
        return truth
