"""The field of a car: a few magnetic dipoles that move together.

Lengths in m, moments in A m2, fields in uT. A dipole of 100 A m2 gives 20 uT on its axis at 1 m.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

Vector = tuple[float, float, float]

_MU0_4PI_UT = 0.1  # mu0 / 4 pi = 1e-7 T m/A, in uT
_LENGTH_M = (3.6, 5.0)  # between the outermost dipoles and bumpers of ordinary cars
_HEIGHT_M = (0.3, 0.6)  # iron above the sensor
_MOMENT = (100.0, 300.0)  # A m2, total of one car (Wahlstrom and Gustafsson)
_HARD_IRON_SHARE = 0.5  # size of a dipole's permanent part, relative to its induced part


def add(a: Vector, b: Vector) -> Vector:
    """a + b."""
    return (a[0] + b[0], a[1] + b[1], a[2] + b[2])


def scale(a: Vector, k: float) -> Vector:
    """a * k."""
    return (a[0] * k, a[1] * k, a[2] * k)


def norm(a: Vector) -> float:
    """|a|."""
    return math.sqrt(a[0] * a[0] + a[1] * a[1] + a[2] * a[2])


@dataclass(frozen=True)
class Car:
    """Dipoles as (position in the car, moment); the car's middle is its origin, x along its length, z up."""

    dipoles: tuple[tuple[Vector, Vector], ...]

    def field(self, x: float, y: float) -> Vector:
        """The field in uT at the sensor when the car's middle stands x, y metres from it."""
        bx = by = bz = 0.0
        for (px, py, pz), (mx, my, mz) in self.dipoles:
            rx, ry = -x - px, -y - py
            rz = -pz
            r2 = rx * rx + ry * ry + rz * rz
            k = _MU0_4PI_UT / (r2 * math.sqrt(r2))
            along = 3.0 * (mx * rx + my * ry + mz * rz) / r2
            bx += k * (along * rx - mx)
            by += k * (along * ry - my)
            bz += k * (along * rz - mz)
        return (bx, by, bz)

    def scaled(self, k: float) -> Car:
        """The same car with every moment k times as strong."""
        return Car(tuple((place, scale(moment, k)) for place, moment in self.dipoles))


def draw_car(rng: random.Random, earth_ut: Vector) -> Car:
    """A car of 3 to 6 dipoles: each induced along the Earth's field, plus a permanent part of its own direction."""
    count = rng.randint(3, 6)
    length, total = rng.uniform(*_LENGTH_M), rng.uniform(*_MOMENT)
    shares = [rng.uniform(0.4, 1.6) for _ in range(count)]
    unit = scale(earth_ut, 1.0 / norm(earth_ut))
    dipoles = []
    for i, share in enumerate(shares):
        place = (length * (i / (count - 1) - 0.5) * 0.8, rng.uniform(-0.6, 0.6), rng.uniform(*_HEIGHT_M))
        hard = (rng.gauss(0, 1), rng.gauss(0, 1), rng.gauss(0, 1))
        moment = add(unit, scale(hard, _HARD_IRON_SHARE / norm(hard)))
        dipoles.append((place, scale(moment, total * share / sum(shares))))
    return Car(tuple(dipoles))
