"""`time` in virtual time. Ticks wrap at 2**30 as on the boards; the epoch is the port's."""

import _link
from _clocktime import calendar, seconds

_EPOCH = _link.hello["epoch"]  # seconds from 1970 to the port's epoch
_MASK = (1 << 30) - 1
_HALF = 1 << 29
_BASE_MS = 0


def sleep(s):
    _link.sleep_us(int(s * 1000000))


def sleep_ms(ms):
    _link.sleep_us(int(ms) * 1000)


def sleep_us(us):
    _link.sleep_us(int(us))


def _now_us():
    _link.debt += 8
    return _link.now + _link.debt


if "console" in _link.hello:

    def _now_us():
        # A board with a person at its prompt follows the wall clock, which goes on while nothing is asked.
        _link.call(_link.NOW)
        return _link.now


def ticks_ms():
    return (_BASE_MS + _now_us() // 1000) & _MASK


def ticks_us():
    return _now_us() & _MASK


def ticks_cpu():
    return _now_us() & _MASK


def ticks_diff(a, b):
    return ((a - b + _HALF) & _MASK) - _HALF


def ticks_add(a, b):
    return (a + b) & _MASK


def time():
    return rtc_us() // 1000000 - _EPOCH


def time_ns():
    return rtc_us() * 1000 - _EPOCH * 1000000000


def rtc_us():
    """us since 1970 as the RTC shows them: what it was set to, and the board's slip since."""
    base, at, ppm = _link.own("rtc")
    dt = _now_us() - at
    return base + dt + int(dt * ppm / 1e6)


def _slipped(rtc):
    """The board's oscillator has changed its pace."""
    _link.hello["rtc"] = rtc


_link.handlers["rtc"] = _slipped


def gmtime(t=None):
    return calendar((time() if t is None else int(t)) + _EPOCH)


localtime = gmtime


def mktime(t):
    return seconds(t) - _EPOCH


def _for_asyncio():
    """The frozen scheduler stamps in C with wide, real ticks: run ahead of them, unwrapped."""
    global _MASK, _HALF, _BASE_MS
    _MASK = (1 << 62) - 1
    _HALF = 1 << 61
    _BASE_MS = 1 << 40
