"""A burst of field samples that ends when the field rests."""

from array import array
from math import sqrt
from struct import pack_into, unpack_from

from micropython import const

STATE_BYTES = const(38)

_NEW = const(3)  # sums of the block under way, after those of the block before
_LAST = const(6)  # the sample before
_COUNT = const(9)
_SAME = 0.001  # uT; any count is more, and what is kept in 32 bits differs by less


def distance(a, b):
    """Length of the vector a - b, three axes each."""
    x, y, z = a[0] - b[0], a[1] - b[1], a[2] - b[2]
    return sqrt(x * x + y * y + z * z)


class Burst:
    """Rests when the means of two blocks of `n` samples, one after the other, differ by less than `step`.

    Means, because a car that creeps to its place moves the field less than the noise from one sample to the next.
    """

    def __init__(self, step, n):
        self._step = step
        self._n = n
        self._f = array("f", [0.0] * _COUNT)
        self.samples = 0  # 0: none is under way
        self.rests = False
        self.alive = False  # two samples differed: a sensor that measures is never the same to the last bit throughout

    def restart(self):
        self.samples = 0

    def add(self, field):
        """Takes one sample, three axes."""
        f, n = self._f, self._n
        if not self.samples:
            self.alive = False
        elif distance(field, (f[_LAST], f[_LAST + 1], f[_LAST + 2])) > _SAME:
            self.alive = True
        if self.samples % n == 0:
            for i in range(3):
                f[i] = f[_NEW + i]
                f[_NEW + i] = 0
        for i in range(3):
            f[_NEW + i] += field[i]
            f[_LAST + i] = field[i]
        self.samples += 1
        whole = self.samples % n == 0 and self.samples > n
        self.rests = whole and distance(f, (f[3], f[4], f[5])) < self._step * n

    def mean(self):
        """Of both blocks once the field rests, else of the last whole one; a new tuple."""
        f, n = self._f, self._n
        if self.rests:
            return tuple([(f[i] + f[_NEW + i]) / (2 * n) for i in range(3)])
        at = _NEW if self.samples % n == 0 else 0
        return tuple([f[at + i] / n for i in range(3)])

    def pack_into(self, buf, at):
        """Writes STATE_BYTES bytes."""
        pack_into("<BB9f", buf, at, self.samples, self.rests | self.alive << 1, *self._f)

    def unpack_from(self, buf, at):
        self.samples, self.rests, self.alive = buf[at], bool(buf[at + 1] & 1), bool(buf[at + 1] & 2)
        for i in range(_COUNT):
            self._f[i] = unpack_from("<f", buf, at + 2 + 4 * i)[0]
