"""Who passes a light pole, and the daylight above it: pure functions of seed and time."""

from __future__ import annotations

import itertools
import math
import random
from functools import lru_cache

# People and vehicles in the detector's range an hour, by local hour: a residential street on a working day. An assumption, not a count;
# its sum is 890 a day.
PROFILE = (6, 3, 2, 2, 3, 8, 30, 60, 60, 45, 45, 50, 55, 50, 50, 60, 80, 90, 75, 50, 30, 18, 10, 8)
NEAR_S = 20  # how long one is in range

# Horizontal illuminance under a clear sky by elevation of the sun: degrees, lux (orders of magnitude of the usual daylight tables).
_DAYLIGHT = ((-18, 0.001), (-12, 0.008), (-6, 3.4), (-3, 50), (-0.8, 400), (5, 5_000), (10, 11_000),
             (20, 28_000), (40, 65_000), (90, 110_000))  # fmt: skip


class Passers:
    """Poisson arrivals, drawn minute by minute."""

    def __init__(self, seed: int, start_local: int, scale: float):
        self._start = start_local
        self._scale = scale
        self.arrivals = lru_cache(maxsize=64)(self._draw)
        self._seed = seed

    def _draw(self, minute: int) -> tuple[float, ...]:
        """Seconds since the start at which somebody arrives in this minute."""
        rng = random.Random(self._seed * 1_000_003 + minute)
        rate = PROFILE[(self._start + 60 * minute) // 3600 % 24] * self._scale / 3600
        found, t = [], 0.0
        while rate > 0 and (t := t + rng.expovariate(rate)) < 60:
            found.append(60 * minute + t)
        return tuple(found)

    def near(self, t_us: int) -> bool:
        """Whether somebody is in range."""
        t = t_us / 1e6
        minute = int(t // 60)
        return any(t - NEAR_S < at <= t for m in (minute - 1, minute) for at in self.arrivals(m))


def daylight_lux(elevation_deg: float) -> float:
    """Illuminance by the sun's elevation, straight lines in its logarithm."""
    rows = _DAYLIGHT
    if elevation_deg <= rows[0][0]:
        return rows[0][1]
    for (low, a), (high, b) in itertools.pairwise(rows):
        if elevation_deg <= high:
            return a * math.exp(math.log(b / a) * (elevation_deg - low) / (high - low))
    return rows[-1][1]
