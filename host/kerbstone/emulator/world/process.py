"""Random processes in continuous time."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

from kerbstone.emulator.world.calendar import HOUR_US


def next_arrival(rng: random.Random, t_us: int, rate_per_h: Callable[[int], float], peak_per_h: float) -> int:
    """The next event after t_us of a Poisson process whose rate changes with time (thinning, Lewis and Shedler 1979).

    `rate_per_h(t_us)` must never exceed `peak_per_h`, which must be above 0.
    """
    while True:
        t_us += 1 + round(rng.expovariate(peak_per_h) * HOUR_US)
        if rng.random() * peak_per_h < rate_per_h(t_us):
            return t_us


def log_normal(rng: random.Random, median: float, sigma: float, low: float, high: float) -> float:
    """A log-normal draw around `median`, clipped to low..high."""
    return max(low, min(high, median * math.exp(rng.gauss(0.0, sigma))))
