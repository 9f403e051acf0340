"""Run by MicroPython: a UART with a modem that follows a script, on a clock that only moves when somebody sleeps.

Import it before anything of kerb.modem: it takes the place of `time`.
"""

import sys


class Time:
    """Ticks that wrap as on a board (2**30 ms); they begin just before the wrap."""

    now = (1 << 30) - 3000

    @staticmethod
    def ticks_ms():
        return Time.now & ((1 << 30) - 1)

    @staticmethod
    def ticks_add(a, b):
        return (a + b) & ((1 << 30) - 1)

    @staticmethod
    def ticks_diff(a, b):
        return ((a - b + (1 << 29)) & ((1 << 30) - 1)) - (1 << 29)

    @staticmethod
    def sleep_ms(ms):
        Time.now += ms


sys.modules["time"] = Time


class Line:
    """A UART. `answers`: {what is written: [(delay ms, bytes), ...]}, or a list of those, used one after the other; the last stays."""

    def __init__(self, answers=None):
        self.answers = answers or {}
        self.written = []
        self._due = []  # (ms, bytes)

    def say(self, delay_ms, data):
        self._due.append((Time.now + delay_ms, data))

    def write(self, data):
        data = bytes(data)
        self.written.append(data)
        got = self.answers.get(data, ())
        if got and isinstance(got[0], list):
            got = got.pop(0) if len(got) > 1 else got[0]
        for delay_ms, answer in got:
            self.say(delay_ms, answer)
        return len(data)

    def any(self):
        count = 0
        for at, data in self._due:
            if at <= Time.now:
                count += len(data)
        return count

    def readinto(self, buf, n):
        done = 0
        while done < n and self._due and self._due[0][0] <= Time.now:
            at, data = self._due[0]
            part = data[: n - done]
            buf[done : done + len(part)] = part
            done += len(part)
            if len(part) < len(data):
                self._due[0] = (at, data[len(part) :])
            else:
                self._due.pop(0)
        return done or None
