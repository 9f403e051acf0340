"""Who parks in a bay, and when: an endless list of stays, drawn in order of time."""

from __future__ import annotations

import random
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

from kerbstone.emulator.world.calendar import LocalClock, profile_at
from kerbstone.emulator.world.dipole import Car, Vector, add, draw_car, norm, scale
from kerbstone.emulator.world.process import log_normal, next_arrival

_SECOND_US = 1_000_000
_MINUTE_US = 60 * _SECOND_US
# Arrivals an hour while the bay is free, by hour of the local day: shops and offices, a quiet night. With the stays
# below this makes 10 to 15 arrivals a day (the usual turnover of paid kerb-side bays).
ARRIVALS_PER_H = (
    *(0.10, 0.06, 0.04, 0.04, 0.06, 0.15, 0.5, 1.2, 1.9, 2.1, 2.1, 2.1, 2.2, 2.1, 2.0, 2.0, 2.1, 2.2, 2.0, 1.5, 1.0, 0.6, 0.3, 0.15),
)
_STAY_MIN = (35.0, 0.9, 2.0, 1440.0)  # minutes: median, sigma of the logarithm, shortest, longest
_ROLL_S = (2.0, 5.0)  # s from the street into the bay or back
_FIELD_UT = (30.0, 0.45, 10.0, 80.0)  # |dB| of a parked car at the sensor: median, sigma, and the range seen in practice
_MOMENT_STRETCH = 2.0
_REMANENCE_UT = 0.3  # permanent shift of the mount after a car, a component
_REMANENCE_MEMORY = 0.8  # the next car overwrites a part of it, so the sum stays bounded
_PLACE_M = (0.35, 0.2)  # how exactly people park: deviation along and across
ROLL_M = 6.0  # way from where the car is first felt to its place
_WEAK_UT = 5.0
_WEAK_SHARE = (0.03, 0.08)
_WEAK_PLACE_M = (0.6, 0.2)
_STRONG_REMANENCE_UT = (1.0, 3.0)
_STRONG_MEMORY = 0.3  # keeps the sum of strong shifts near the size of one
_LONG_AFTER_US = 2 * 86_400 * _SECOND_US
_LONG_STAY_US = 14 * 86_400 * _SECOND_US


@dataclass(frozen=True)
class Habits:
    """What adversaries make of the cars of a bay."""

    weak: bool = False  # some stand where their own fields nearly cancel
    remanence: bool = False  # each leaves 1 to 3 uT behind
    long_stay: bool = False  # the first after two days stays fourteen


@dataclass(frozen=True)
class Stay:
    """One car in the bay. Times in us: it begins to roll in, stands, begins to roll out, is gone."""

    roll_in_us: int
    parked_us: int
    roll_out_us: int
    gone_us: int
    car: Car
    place: tuple[float, float]  # m from the sensor
    parked_ut: Vector  # field of the car while it stands
    before_ut: Vector  # remanence of the mount before this car
    after_ut: Vector  # and after it

    def field(self, t_us: int) -> Vector:
        """What car and remanence add to the Earth's field at roll_in_us <= t_us."""
        if t_us >= self.gone_us:
            return self.after_ut
        if t_us < self.parked_us:
            return add(self.before_ut, self._rolling((self.parked_us - t_us) / (self.parked_us - self.roll_in_us)))
        if t_us < self.roll_out_us:
            return add(self.before_ut, self.parked_ut)
        u = (t_us - self.roll_out_us) / (self.gone_us - self.roll_out_us)
        shift = add(scale(self.before_ut, 1 - u), scale(self.after_ut, u))
        return add(shift, self._rolling(u))

    def _rolling(self, u: float) -> Vector:
        """The car at u = 0 (its place) .. 1 (in the street), braking or accelerating evenly."""
        field = self.car.field(self.place[0] - ROLL_M * u * u, self.place[1])
        return scale(field, min(1.0, (1 - u) * 10))  # the far end fades to zero instead of ending in a small step


def _fitting_car(rng: random.Random, earth_ut: Vector, place: tuple[float, float]) -> Car:
    """A car whose field at the sensor has a drawn size, while its moment stays within a factor two of what cars have."""
    size = log_normal(rng, *_FIELD_UT)
    while True:
        car = draw_car(rng, earth_ut)
        fit = size / norm(car.field(*place))
        if 1 / _MOMENT_STRETCH <= fit <= _MOMENT_STRETCH:
            return car.scaled(fit)


def _weak_car(rng: random.Random, earth_ut: Vector) -> tuple[Car, tuple[float, float]]:
    """An ordinary car on a spot where the fields of its parts nearly cancel; felt as any other while it rolls."""
    while True:
        car = draw_car(rng, earth_ut)
        for _ in range(20):
            place = (rng.gauss(0, _WEAK_PLACE_M[0]), rng.gauss(0, _WEAK_PLACE_M[1]))
            if norm(car.field(*place)) < _WEAK_UT:
                return car, place


class Stays:
    """The stays of one bay, drawn as far as anyone has looked."""

    def __init__(
        self, clock: LocalClock, rng: random.Random, earth_ut: Vector, turnover: float, first_us: int, habits: Habits | None = None
    ):
        self._habits = habits or Habits()
        self._starts: list[int] = []
        self._stays: list[Stay] = []
        self._source = self._draw(clock, rng, earth_ut, turnover, first_us)

    def last_before(self, t_us: int) -> Stay | None:
        """The stay that began last at or before t_us."""
        self._know(t_us)
        index = bisect_right(self._starts, t_us)
        return self._stays[index - 1] if index else None

    def first_after(self, t_us: int) -> Stay:
        """The next stay that begins after t_us."""
        self._know(t_us)
        return self._stays[bisect_right(self._starts, t_us)]

    def between(self, t0_us: int, t1_us: int) -> list[Stay]:
        """Every stay that has a part in t0 <= t < t1."""
        self._know(t1_us)
        return [stay for stay in self._stays if stay.roll_in_us < t1_us and stay.gone_us > t0_us]

    def _know(self, t_us: int) -> None:
        while not self._starts or self._starts[-1] <= t_us:
            stay = next(self._source)
            self._starts.append(stay.roll_in_us)
            self._stays.append(stay)

    def _draw(self, clock: LocalClock, rng: random.Random, earth_ut: Vector, turnover: float, t_us: int) -> Iterator[Stay]:
        remanence: Vector = (0.0, 0.0, 0.0)
        peak = turnover * max(ARRIVALS_PER_H)
        weak_share = rng.uniform(*_WEAK_SHARE) if self._habits.weak else 0.0
        long_due = self._habits.long_stay
        while True:
            start = next_arrival(rng, t_us, lambda t: turnover * profile_at(ARRIVALS_PER_H, clock.hour(t)), peak)
            parked = start + round(rng.uniform(*_ROLL_S) * _SECOND_US)
            roll_out = parked + round(log_normal(rng, *_STAY_MIN) * _MINUTE_US)
            if long_due and start >= _LONG_AFTER_US:
                roll_out, long_due = parked + _LONG_STAY_US, False
            gone = roll_out + round(rng.uniform(*_ROLL_S) * _SECOND_US)
            place = (rng.gauss(0, _PLACE_M[0]), rng.gauss(0, _PLACE_M[1]))
            if weak_share and rng.random() < weak_share:
                car, place = _weak_car(rng, earth_ut)
            else:
                car = _fitting_car(rng, earth_ut, place)
            after = self._magnetised(rng, remanence)
            yield Stay(start, parked, roll_out, gone, car, place, car.field(*place), remanence, after)
            remanence = after
            t_us = gone + 20 * _SECOND_US  # nobody drives in before the last car is well away

    def _magnetised(self, rng: random.Random, before: Vector) -> Vector:
        """The remanence of the mount after one more car."""
        fresh = (rng.gauss(0, _REMANENCE_UT), rng.gauss(0, _REMANENCE_UT), rng.gauss(0, _REMANENCE_UT))
        if not self._habits.remanence:
            return add(scale(before, _REMANENCE_MEMORY), fresh)
        strong = scale(fresh, rng.uniform(*_STRONG_REMANENCE_UT) / norm(fresh))
        return add(scale(before, _STRONG_MEMORY), strong)
