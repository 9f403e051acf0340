"""Randomness that is a pure function of time: the same instant gives the same value, whatever was read before."""

from __future__ import annotations

import math

_MASK = (1 << 64) - 1
_GAMMA = 0x9E3779B97F4A7C15
# The three-uniform sum of `normal_at` has this standard deviation: sqrt(3/12).
_SUM3_SIGMA = 0.5


def uniform_at(seed: int, index: int) -> float:
    """A number in [0, 1) for this seed and index (SplitMix64, Steele, Lea and Flood 2014)."""
    z = (seed + (index + 1) * _GAMMA) & _MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
    return ((z ^ (z >> 31)) >> 11) * 2.0**-53


def normal_at(seed: int, index: int) -> float:
    """A bell-shaped number, mean 0 and deviation 1, within +-3: the sum of three uniforms."""
    total = uniform_at(seed, 3 * index) + uniform_at(seed, 3 * index + 1) + uniform_at(seed, 3 * index + 2)
    return (total - 1.5) / _SUM3_SIGMA


class SmoothNoise:
    """A curve that wanders around 0 with deviation `sigma` at its knots, one knot every `period_us`."""

    def __init__(self, seed: int, period_us: int, sigma: float):
        self.seed = seed
        self.period_us = period_us
        self.sigma = sigma
        self._knot = -1
        self._left = self._right = 0.0

    def at(self, t_us: int) -> float:
        """The value at t_us; the slope is 0 at every knot, so there are no kinks."""
        knot, rest = divmod(t_us, self.period_us)
        if knot != self._knot:
            self._knot = knot
            self._left = self.sigma * normal_at(self.seed, knot)
            self._right = self.sigma * normal_at(self.seed, knot + 1)
        blend = 0.5 - 0.5 * math.cos(math.pi * rest / self.period_us)
        return self._left + (self._right - self._left) * blend
