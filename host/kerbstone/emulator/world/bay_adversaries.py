"""What makes a bay hard: other iron and currents that change the field while nobody parks, each by its own physics.

A bay names them in its option `adversaries`. Those of this file are sources: they add to the field. The others change the cars
(`bay_stays.Habits`) or the bay itself (`bay.py`).
"""

from __future__ import annotations

import math
import random
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from kerbstone.emulator.world.bay_stays import ROLL_M, Stay, Stays
from kerbstone.emulator.world.calendar import LocalClock, profile_at
from kerbstone.emulator.world.dipole import Car, Vector, add, draw_car, norm, scale
from kerbstone.emulator.world.process import next_arrival

NAMES = {
    "neighbours": "cars come and go in the bays on both sides",
    "lorries": "lorries pass in the lane beside",
    "tram": "the return current of a tram line: pulses of 0.5 to 5 uT, 10 to 60 s",
    "weak_cars": "3 to 8 % of the cars stand so that less than 5 uT is left at the sensor",
    "remanence": "each car leaves 1 to 3 uT behind",
    "drift": "40 K between night and day, 0.1 to 0.5 uT a K and axis",
    "mount": "the sensor turns by half a degree now and then",
    "long_stay": "the first car after two days stays for fourteen",
    "fading": "each car takes 10 to 15 dB from the link, which wavers by 2 dB",
}
SIDE_M = 2.5  # middle of the neighbouring bay
LANE_M = 3.0
_LORRY_UT = (2.0, 8.0)  # |dB| when it is nearest
_LORRY_M_S = (5.0, 14.0)
_LORRY_SPAN_M = 15.0  # where its field has fallen below a hundredth
_LORRIES_PER_H = (*(0.3,) * 5, 2.0, *(8.0,) * 12, *(4.0,) * 4, *(1.0,) * 2)
_TRAMS_PER_H = (*(0.5,), *(0.0,) * 3, 2.0, *(8.0,) * 16, *(4.0,) * 3)
_TRAM_UT = (0.5, 5.0)
_TRAM_S = (10.0, 60.0)
_SECOND_US = 1_000_000


class Source(Protocol):
    """Something that adds to the field of the bay, for ever."""

    def field(self, t_us: int) -> Vector: ...

    def next_change(self, t_us: int) -> int:
        """When its field begins to change fast after t_us."""
        ...

    def changing_until(self, t_us: int) -> int:
        """The end of the fast change under way at t_us, else t_us."""
        ...


class Neighbour:
    """The bay `side_m` beside this one, with cars and habits of its own."""

    def __init__(self, stays: Stays, side_m: float):
        self._stays, self._side_m = stays, side_m

    def field(self, t_us: int) -> Vector:
        stay = self._stays.last_before(t_us)
        if stay is None or t_us >= stay.gone_us:
            return (0.0, 0.0, 0.0)
        if t_us < stay.parked_us:
            return self._at(stay, (stay.parked_us - t_us) / (stay.parked_us - stay.roll_in_us))
        if t_us < stay.roll_out_us:
            return self._at(stay, 0.0)
        return self._at(stay, (t_us - stay.roll_out_us) / (stay.gone_us - stay.roll_out_us))

    def _at(self, stay: Stay, u: float) -> Vector:
        field = stay.car.field(stay.place[0] - ROLL_M * u * u, stay.place[1] + self._side_m)
        return scale(field, min(1.0, (1 - u) * 10))

    def next_change(self, t_us: int) -> int:
        stay = self._stays.last_before(t_us)
        return stay.roll_out_us if stay and stay.roll_out_us > t_us else self._stays.first_after(t_us).roll_in_us

    def changing_until(self, t_us: int) -> int:
        stay = self._stays.last_before(t_us)
        if stay is None:
            return t_us
        ramps = ((stay.roll_in_us, stay.parked_us), (stay.roll_out_us, stay.gone_us))
        return next((end for start, end in ramps if start <= t_us < end), t_us)


@dataclass(frozen=True)
class _Lorry:
    start_us: int
    end_us: int
    car: Car
    m_s: float

    def field(self, t_us: int) -> Vector:
        return self.car.field(self.m_s * (t_us - self.start_us) / 1e6 - _LORRY_SPAN_M, LANE_M)


@dataclass(frozen=True)
class _Tram:
    """A current that swells while the tram accelerates in this section, and ends."""

    start_us: int
    end_us: int
    peak_ut: Vector

    def field(self, t_us: int) -> Vector:
        u = (t_us - self.start_us) / (self.end_us - self.start_us)
        return scale(self.peak_ut, math.sin(math.pi * u) ** 0.5)


class Pulses:
    """Things that come one after the other, never two at a time, drawn as far as anyone has looked."""

    def __init__(self, source: Iterator[_Lorry | _Tram]):
        self._source = source
        self._starts: list[int] = []
        self._pulses: list[_Lorry | _Tram] = []

    def _last(self, t_us: int) -> int:
        while not self._starts or self._starts[-1] <= t_us:
            pulse = next(self._source)
            self._starts.append(pulse.start_us)
            self._pulses.append(pulse)
        return bisect_right(self._starts, t_us) - 1

    def field(self, t_us: int) -> Vector:
        index = self._last(t_us)
        pulse = self._pulses[index] if index >= 0 else None
        return pulse.field(t_us) if pulse and t_us < pulse.end_us else (0.0, 0.0, 0.0)

    def next_change(self, t_us: int) -> int:
        return self._starts[self._last(t_us) + 1]

    def changing_until(self, t_us: int) -> int:
        index = self._last(t_us)
        return max(self._pulses[index].end_us, t_us) if index >= 0 else t_us


def lorries(clock: LocalClock, rng: random.Random, earth_ut: Vector) -> Pulses:
    """A lane LANE_M beside the sensor."""

    def draw() -> Iterator[_Lorry]:
        t = 0
        while True:
            t = next_arrival(rng, t, lambda at: profile_at(_LORRIES_PER_H, clock.hour(at)), max(_LORRIES_PER_H))
            car, m_s = draw_car(rng, earth_ut), rng.uniform(*_LORRY_M_S)
            car = car.scaled(rng.uniform(*_LORRY_UT) / norm(car.field(0.0, LANE_M)))
            end = t + round(2 * _LORRY_SPAN_M / m_s * _SECOND_US)
            yield _Lorry(t, end, car, m_s)
            t = end

    return Pulses(draw())


def tram(clock: LocalClock, rng: random.Random) -> Pulses:
    """The direction is the line's; sign and size are those of the current."""
    along = (rng.gauss(0, 1), rng.gauss(0, 1), rng.gauss(0, 1))
    along = scale(along, 1 / norm(along))

    def draw() -> Iterator[_Tram]:
        t = 0
        while True:
            t = next_arrival(rng, t, lambda at: profile_at(_TRAMS_PER_H, clock.hour(at)), max(_TRAMS_PER_H))
            end = t + round(rng.uniform(*_TRAM_S) * _SECOND_US)
            yield _Tram(t, end, scale(along, rng.choice((-1, 1)) * rng.uniform(*_TRAM_UT)))
            t = end

    return Pulses(draw())


class Mount:
    """The Earth's field in the axes of a sensor that turns by half a degree now and then, as traffic and frost work on it."""

    _EVERY_S = 5 * 86_400.0
    _STEP = math.radians(0.5)

    def __init__(self, rng: random.Random, earth_ut: Vector):
        self._rng = rng
        self._steps: list[int] = [0]
        self._fields: list[Vector] = [earth_ut]

    def earth_ut(self, t_us: int) -> Vector:
        """The Earth's field at t_us."""
        while self._steps[-1] <= t_us:
            self._steps.append(self._steps[-1] + 1 + round(self._rng.expovariate(1 / self._EVERY_S) * _SECOND_US))
            self._fields.append(self._turned(self._fields[-1]))
        return self._fields[bisect_right(self._steps, t_us) - 1]

    def next_change(self, t_us: int) -> int:
        """The next step."""
        self.earth_ut(t_us)
        return self._steps[bisect_right(self._steps, t_us)]

    def _turned(self, field: Vector) -> Vector:
        """By _STEP about an axis drawn across the field."""
        x, y, z = field
        ax, ay, az = (self._rng.gauss(0, 1) for _ in range(3))
        cross = (ay * z - az * y, az * x - ax * z, ax * y - ay * x)
        size = norm(field)
        moved = add(field, scale(cross, self._STEP * size / norm(cross)))
        return scale(moved, size / norm(moved))


def sources(names: Callable[[str], bool], clock: LocalClock, rng: random.Random, earth_ut: Vector, turnover: float) -> list[Source]:
    """Those of the named adversaries that add to the field."""
    made: list[Source] = []
    if names("neighbours"):
        made += [Neighbour(Stays(clock, random.Random(rng.getrandbits(64)), earth_ut, turnover, 0), side) for side in (-SIDE_M, SIDE_M)]
    if names("lorries"):
        made.append(lorries(clock, random.Random(rng.getrandbits(64)), earth_ut))
    if names("tram"):
        made.append(tram(clock, random.Random(rng.getrandbits(64))))
    return made
