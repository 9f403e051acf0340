"""What goes into a bin and when it is emptied: an endless list of levels, drawn in order of time."""

from __future__ import annotations

import random
from bisect import bisect_right
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from kerbstone.emulator.world.calendar import HOUR_US, LocalClock, profile_at
from kerbstone.emulator.world.process import next_arrival

# Share of an average hour's deposits, by hour of the local day: morning, midday and evening peaks of a street container.
DEPOSIT_PROFILE = (
    *(0.15, 0.10, 0.05, 0.05, 0.05, 0.20, 0.6, 1.2, 1.5, 1.3, 1.2, 1.3, 1.5, 1.4, 1.2, 1.2, 1.4, 1.7, 1.9, 1.8, 1.4, 1.0, 0.6, 0.3),
)
LIFT_US = 20_000_000  # a rear loader lifts, tips and sets down in about 20 s
_TIPPED_US = 10_000_000  # from the start of the lift until the rubbish has gone
_LORRY_H = (6.0, 8.0)  # local time of the round
_CALL_H = (3.0, 8.0)  # after the bin is full, an extra lorry takes this long
_FULL = 0.98
_RESIDUE = 0.02  # most that sticks, as a share of the height
_SOFT_SHARE = 0.03  # deposits whose surface swallows the echo (bags of textile, foam)


@dataclass(frozen=True)
class Fill:
    """The bin from `t_us` on. Lengths in mm."""

    t_us: int
    level_mm: float
    added_mm: float  # deposited just now (what does not fit stays outside)
    rough_mm: float  # how far the surface under the sensor lies above the mean level
    soft: bool


@dataclass(frozen=True)
class Lift:
    """The bin is lifted from start_us to end_us; it holds from_mm before and to_mm after tipped_us."""

    start_us: int
    tipped_us: int
    end_us: int
    from_mm: float
    to_mm: float


class Rubbish:
    """Levels and lifts of one bin, drawn as far as anyone has looked."""

    def __init__(
        self,
        clock: LocalClock,
        rng: random.Random,
        *,
        height_mm: float,
        deposits_per_day: float,
        deposit_mm: float,
        rough_mm: float,
        weekdays: Collection[int],
        start_level_mm: float,
    ):
        self.clock = clock
        self.rng = rng
        self.height_mm = height_mm
        self.per_h = deposits_per_day / sum(DEPOSIT_PROFILE)
        self.deposit_mm = deposit_mm
        self.rough_mm = rough_mm
        self.weekdays = weekdays
        self.fills = [Fill(0, start_level_mm, start_level_mm, 0.0, False)]
        self.lifts: list[Lift] = []
        self._fill_at = [0]
        self._lift_at: list[int] = []
        self._source = self._draw()

    def at(self, t_us: int) -> Fill:
        """The fill at t_us."""
        self.know(t_us)
        return self.fills[bisect_right(self._fill_at, t_us) - 1]

    def after(self, t_us: int) -> Fill:
        """The next fill after t_us."""
        self.know(t_us)
        return self.fills[bisect_right(self._fill_at, t_us)]

    def between(self, t0_us: int, t1_us: int) -> list[Fill]:
        """The fills that began at t0 < t <= t1."""
        self.know(t1_us)
        return self.fills[bisect_right(self._fill_at, t0_us) : bisect_right(self._fill_at, t1_us)]

    def last_lift(self, t_us: int) -> Lift | None:
        """The lift that began last at or before t_us."""
        self.know(t_us)
        index = bisect_right(self._lift_at, t_us)
        return self.lifts[index - 1] if index else None

    def next_lift_us(self, t_us: int) -> int | None:
        """The start of the first lift after t_us, as far as it was drawn."""
        self.know(t_us)
        index = bisect_right(self._lift_at, t_us)
        return self._lift_at[index] if index < len(self._lift_at) else None

    def know(self, t_us: int) -> None:
        """Draws on until every fill and lift that begins at or before t_us is known."""
        while self._fill_at[-1] <= t_us:
            fill = next(self._source)
            self.fills.append(fill)
            self._fill_at.append(fill.t_us)

    def _draw(self) -> Iterator[Fill]:
        """Deposits; a lift is put into the lists when the time of the next deposit passes it."""
        t_us, level = 0, self.fills[0].level_mm
        lorry_us = self._next_round(0)
        while True:
            deposit_us = next_arrival(self.rng, t_us, self._rate, self.per_h * max(DEPOSIT_PROFILE))
            while lorry_us <= deposit_us:
                kept = self.rng.uniform(0, _RESIDUE) * self.height_mm
                lift = Lift(lorry_us, lorry_us + _TIPPED_US, lorry_us + LIFT_US, level, min(level, kept))
                self.lifts.append(lift)
                self._lift_at.append(lift.start_us)
                level = lift.to_mm
                yield Fill(lift.tipped_us, level, 0.0, 0.0, False)
                deposit_us = max(deposit_us, lift.end_us + 1)  # nobody throws into a bin in the air
                lorry_us = self._next_round(lift.end_us)
            added = min(self.rng.expovariate(1 / self.deposit_mm), self.height_mm - level)
            level += added
            if level > _FULL * self.height_mm:
                lorry_us = min(lorry_us, deposit_us + round(self.rng.uniform(*_CALL_H) * HOUR_US))
            yield Fill(deposit_us, level, added, self.rng.gauss(0, self.rough_mm), self.rng.random() < _SOFT_SHARE)
            t_us = deposit_us

    def _rate(self, t_us: int) -> float:
        return self.per_h * profile_at(DEPOSIT_PROFILE, self.clock.hour(t_us))

    def _next_round(self, t_us: int) -> int:
        """The next visit of the lorry on its weekdays."""
        day = self.clock.next_day(t_us)
        while self.clock.weekday(day) not in self.weekdays:
            day = self.clock.next_day(day)
        return day + round(self.rng.uniform(*_LORRY_H) * HOUR_US)
