"""A parking bay with a magnetic sensor in the road: the Earth's field, cars, temperature."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from typing import Any, ClassVar, Protocol

from kerbstone.emulator.world.bay_stays import Stays
from kerbstone.emulator.world.dipole import Vector
from kerbstone.emulator.world.outdoor import NEVER_US, Outdoor

_CAR_LOSS_DB = 12.0  # RSSI drops 10-15 dB with a car on top (PNI PlacePod manual, p. 8)
_DRIFT_UT_PER_C = (0.1, 0.3)  # size of the drift of each axis
_DRIFT_REFERENCE_C = 20.0


class Disturbance(Protocol):
    """Something else that changes the field for a while: a tram, a lorry passing, a car in the next bay."""

    start_us: int
    end_us: int

    def field(self, t_us: int) -> Vector:
        """uT added at start_us <= t_us < end_us."""
        ...


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
        "first_arrival_s": 600,  # nobody parks before: time to install the sensor over an empty bay
    }

    def __init__(self, start_utc: int, rng: random.Random, options: Mapping[str, Any]):
        super().__init__(start_utc, rng, options)
        heading, dip = self.rng.uniform(0, 2 * math.pi), math.radians(self.options["dip_deg"])
        level = self.options["earth_ut"] * math.cos(dip)
        self.earth_ut: Vector = (level * math.cos(heading), level * math.sin(heading), -self.options["earth_ut"] * math.sin(dip))
        x, y, z = (self.rng.choice((-1, 1)) * self.rng.uniform(*_DRIFT_UT_PER_C) for _ in range(3))
        self.drift_ut_per_c: Vector = (x, y, z)
        first_us = self.options["first_arrival_s"] * 1_000_000
        self.stays = Stays(self.clock, self.rng, self.earth_ut, self.options["turnover"], first_us)
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
        x, y, z = self.earth_ut
        warm = self._temp.at(t_us) - _DRIFT_REFERENCE_C
        kx, ky, kz = self.drift_ut_per_c
        x, y, z = x + kx * warm, y + ky * warm, z + kz * warm
        stay = self.stays.last_before(t_us)
        added = [stay.field(t_us)] if stay else []
        added += [d.field(t_us) for d in self.disturbances if d.start_us <= t_us < d.end_us]
        for dx, dy, dz in added:
            x, y, z = x + dx, y + dy, z + dz
        self._at_us, self._field = t_us, (x, y, z)
        return self._field

    def next_change(self, t_us: int) -> int:
        """When the next car begins to roll (in or out) or the next disturbance begins."""
        stay = self.stays.last_before(t_us)
        due = stay.roll_out_us if stay and stay.roll_out_us > t_us else self.stays.first_after(t_us).roll_in_us
        return min([due, *(d.start_us for d in self.disturbances if d.start_us > t_us)], default=NEVER_US)

    def changing_until(self, t_us: int) -> int:
        """The end of the rolling or disturbance under way at t_us."""
        stay = self.stays.last_before(t_us)
        ends = [d.end_us for d in self.disturbances if d.start_us <= t_us < d.end_us]
        if stay:
            ramps = ((stay.roll_in_us, stay.parked_us), (stay.roll_out_us, stay.gone_us))
            ends += [end for start, end in ramps if start <= t_us < end]
        return max(ends, default=t_us)

    def occupied(self, t_us: int) -> bool:
        """Whether a car stands on the bay."""
        stay = self.stays.last_before(t_us)
        return stay is not None and stay.parked_us <= t_us < stay.roll_out_us

    def extra_loss_db(self, t_us: int) -> float:
        """The car's body above the antenna."""
        return _CAR_LOSS_DB if self.occupied(t_us) else 0.0

    def truth(self, t0_us: int, t1_us: int) -> dict[str, Any]:
        """Series occupied (0/1 from each instant on) and temp_c; events arrival and departure; stays [[parked, left], ...]."""
        truth = super().truth(t0_us, t1_us)
        stays = [[s.parked_us, s.roll_out_us] for s in self.stays.between(t0_us, t1_us)]
        changes = [(t, kind) for stay in stays for t, kind in zip(stay, ("arrival", "departure"), strict=True) if t0_us < t < t1_us]
        truth["events"] = [{"t_us": t, "kind": kind} for t, kind in changes]
        truth["stays"] = stays
        truth["series"]["occupied"] = [[t0_us, int(self.occupied(t0_us))]] + [[t, int(kind == "arrival")] for t, kind in changes]
        return truth
