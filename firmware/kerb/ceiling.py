"""A ceiling on what a node spends on a network that is not there: a bucket that time fills and fruitless attempts empty.

It holds two days' worth, so that a short outage never silences a node; what flows in is reckoned so that a month without coverage,
which begins with a full bucket, takes thirty times the ceiling. Below the reserve only an alarm may begin an attempt.
"""

from micropython import const

_DAY_S = const(86400)
_BURST_DAYS = const(2)
_MONTH_DAYS = const(30)
_RESERVE = const(4)  # the part of a day kept for alarms: a quarter


class Ceiling:
    """`day`: what a day may take, in any unit. `left` at `at_s` (mono) are its state; an attempt that took more than was left owes it."""

    def __init__(self, day):
        self._day = max(int(day) * _MONTH_DAYS // (_MONTH_DAYS + _BURST_DAYS), 1)
        self.left = self._day * _BURST_DAYS
        self.at_s = 0

    def _fill(self, now_s):
        got = self._day * max(now_s - self.at_s, 0) // _DAY_S
        self.at_s += got * _DAY_S // self._day  # what is less than a unit counts the next time
        self.left += got
        if self.left >= self._day * _BURST_DAYS:
            self.left, self.at_s = self._day * _BURST_DAYS, now_s

    def spend(self, amount, now_s):
        """What brought nothing took so much."""
        self._fill(now_s)
        self.left = max(self.left - amount, -0x7FFFFFFF)

    def affords(self, amount, now_s):
        """True when an attempt of so much would leave the reserve alone."""
        self._fill(now_s)
        return self.left - amount >= self._day // _RESERVE

    def wait_s(self, now_s, alarm=False):
        """Seconds until another attempt may begin; 0: now. An alarm may take of the reserve."""
        self._fill(now_s)
        over = (1 if alarm else self._day // _RESERVE) - self.left
        return over * _DAY_S // self._day + 1 if over > 0 else 0
