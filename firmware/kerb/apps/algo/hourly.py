"""Hourly means of PM2.5 and PM10 for the air quality indices, and the concentrations an index wants of them."""

from array import array
from struct import pack_into, unpack_from

from micropython import const

_HOUR_S = const(3600)
_STEPS = const(32)  # of an ug/m3: 16 bits reach 2047
_MISSING = const(0xFFFF)
_QUARTERS = const(3)  # an hour is valid with samples in three of its four quarters: 75 %, 40 CFR 58 appendix G
_HEAD = "<IffHHB"
_HEAD_BYTES = const(17)


class Hourly:
    """The latest `count` hours of the node's own time. Packs into `size` bytes."""

    def __init__(self, count):
        self._count = count
        self.size = _HEAD_BYTES + 4 * count
        self._means = array("H", [_MISSING] * (2 * count))  # latest hour first, PM2.5 and PM10 in turn
        self.reset(0)

    def reset(self, mono):
        self._hour = mono // _HOUR_S
        for i in range(2 * self._count):
            self._means[i] = _MISSING
        self._empty()

    def _empty(self):
        self._sums = [0.0, 0.0]
        self._counts = [0, 0]
        self._seen = 0  # a bit for each quarter of the hour

    def add(self, mono, fine_ug, coarse_ug):
        """A sample, either value may be None; closes the hours that have passed."""
        self.close(mono)
        if fine_ug is None and coarse_ug is None:
            return
        self._seen |= 1 << mono % _HOUR_S // (_HOUR_S // 4)
        for i, value in ((0, fine_ug), (1, coarse_ug)):
            if value is not None:
                self._sums[i] += value
                self._counts[i] += 1

    def close(self, mono):
        """Moves on to the hour of `mono`."""
        passed = mono // _HOUR_S - self._hour
        if passed <= 0:
            return
        self._hour += passed
        means = self._means
        for _ in range(min(passed, self._count + 1)):
            for i in range(2 * self._count - 1, 1, -1):
                means[i] = means[i - 2]
            quarters = sum([self._seen >> i & 1 for i in range(4)])
            for i in (0, 1):
                valid = quarters >= _QUARTERS and self._counts[i]
                means[i] = min(max(int(self._sums[i] / self._counts[i] * _STEPS + 0.5), 0), _MISSING - 1) if valid else _MISSING
            self._empty()

    def hours(self, i):
        """Means of PM2.5 (0) or PM10 (1) in ug/m3, latest first, None = not valid."""
        return [None if self._means[k] == _MISSING else self._means[k] / _STEPS for k in range(i, 2 * self._count, 2)]

    def mean(self, i, needed):
        """Mean over the hours, or None if fewer than `needed` are valid."""
        known = [c for c in self.hours(i) if c is not None]
        return sum(known) / len(known) if len(known) >= max(needed, 1) else None

    def pack_into(self, buf, at):
        pack_into(_HEAD, buf, at, self._hour, self._sums[0], self._sums[1], self._counts[0], self._counts[1], self._seen)
        for i in range(2 * self._count):
            pack_into("<H", buf, at + _HEAD_BYTES + 2 * i, self._means[i])

    def unpack_from(self, buf, at):
        self._hour, a, b, m, n, self._seen = unpack_from(_HEAD, buf, at)
        self._sums, self._counts = [a, b], [m, n]
        for i in range(2 * self._count):
            self._means[i] = unpack_from("<H", buf, at + _HEAD_BYTES + 2 * i)[0]
