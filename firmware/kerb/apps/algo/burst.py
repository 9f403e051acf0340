"""A burst of field samples that ends when the field rests."""

from array import array
from math import sqrt
from struct import pack_into, unpack_from

from micropython import const

STATE_BYTES = const(26)

_SUM = const(3)  # after the last sample's three axes
_COUNT = const(6)


def distance(a, b):
    """Length of the vector a - b, three axes each."""
    x, y, z = a[0] - b[0], a[1] - b[1], a[2] - b[2]
    return sqrt(x * x + y * y + z * z)


class Burst:
    """Counts samples and averages the steady ones: those since the field last moved by more than `step` between two samples."""

    def __init__(self, step):
        self._step = step
        self._f = array("f", [0.0] * _COUNT)
        self.samples = 0  # 0: none is under way
        self.steady = 0

    def restart(self):
        self.samples = 0

    def add(self, field):
        """Takes one sample, three axes."""
        f = self._f
        if not self.samples or distance(field, f) > self._step:
            self.steady = 0
            for i in range(3):
                f[_SUM + i] = 0
        for i in range(3):
            f[i] = field[i]
            f[_SUM + i] += field[i]
        self.steady += 1
        self.samples += 1

    def mean(self):
        """Of the steady samples, a new tuple."""
        return tuple([self._f[_SUM + i] / self.steady for i in range(3)])

    def pack_into(self, buf, at):
        """Writes STATE_BYTES bytes."""
        pack_into("<BB6f", buf, at, self.samples, self.steady, *self._f)

    def unpack_from(self, buf, at):
        self.samples, self.steady = buf[at], buf[at + 1]
        for i in range(_COUNT):
            self._f[i] = unpack_from("<f", buf, at + 2 + 4 * i)[0]
