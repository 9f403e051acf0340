"""A ceiling on what a node spends on a network that is not there: a bucket that fruitless time fills and the day drains.

The charge of an attempt is its time by what the modem draws meanwhile. While the bucket is full no attempt begins, whatever
the pause says; so a month without coverage costs at most thirty times the ceiling and one attempt.
"""

from micropython import const

_DAY_S = const(86400)


class Ceiling:
    """`uah_day`: microampere-hours a day. `level_uah` at `at_s` (mono) are its state."""

    def __init__(self, uah_day):
        self._day = max(int(uah_day), 1)
        self.level_uah = 0
        self.at_s = 0

    def _drain(self, now_s):
        passed = min(max(now_s - self.at_s, 0), _DAY_S)
        self.level_uah = max(self.level_uah - self._day * passed // _DAY_S, 0)
        self.at_s = now_s

    def spend(self, ms, ma, now_s):
        """Time that brought nothing."""
        self._drain(now_s)
        self.level_uah = min(self.level_uah + ms * ma // 3600, 0x7FFFFFFF)

    def wait_s(self, now_s):
        """Seconds until another attempt is allowed; 0: now."""
        self._drain(now_s)
        over = self.level_uah - self._day
        return 0 if over < 0 else over * _DAY_S // self._day + 1
