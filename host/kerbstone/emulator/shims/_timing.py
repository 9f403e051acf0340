"""RTC, WDT and Timer."""

import time

import _link
from _clocktime import calendar, seconds


class RTC:
    def __init__(self, id=0):
        pass

    def datetime(self, t=None):
        """(year, month, day, weekday, hours, minutes, seconds, subseconds)."""
        if t is not None:
            _link.hello["rtc"] = _link.ask("rtc_set", seconds((t[0], t[1], t[2], t[4], t[5], t[6])))
            return None
        us = time.rtc_us()
        c = calendar(us // 1000000)
        return (c[0], c[1], c[2], c[6], c[3], c[4], c[5], us % 1000000)

    def init(self, t):
        self.datetime(t)

    def memory(self, data=None):
        if data is None:
            out = b""
            while True:
                _link.call(_link.CALL, 2, len(out))
                out += _link.data()
                if not _link.length:
                    return out
                if _link.length < _link.ROOM:
                    _link.spend()  # the look at what is left: nothing
                    return out
        if len(data) > _link.hello["rtc_bytes"]:
            raise ValueError("buffer too long")
        view = memoryview(data)
        _link.post(_link.CALL, 3, 0, b"")
        for i in range(0, len(data), _link.ROOM):
            _link.post(_link.CALL, 3, 1, view[i : i + _link.ROOM])


if not _link.hello["rtc_bytes"]:
    del RTC.memory


class WDT:
    def __init__(self, id=0, timeout=5000):
        low, high = _link.hello["wdt_ms"]
        if timeout < low or (high and timeout > high):
            raise ValueError("timeout exceeds %d" % high if high and timeout > high else "WDT timeout too short")
        _link.ask("wdt", int(timeout))

    def feed(self):
        _link.ask("wdt_feed")


class Timer:
    ONE_SHOT = 0
    PERIODIC = 1
    _next = 0

    def __init__(self, id=-1, **kwargs):
        if id < 0:
            Timer._next += 1
            id = 100 + Timer._next
        self._id = id
        if kwargs:
            self.init(**kwargs)

    def init(self, *, mode=1, period=-1, callback=None, freq=-1, tick_hz=1000, hard=False):
        us = int(1000000 / freq) if freq > 0 else period * 1000000 // tick_hz
        _link.handlers["timer%d" % self._id] = lambda what: callback(self) if callback else None
        _link.ask("timer", self._id, us, mode)

    def deinit(self):
        _link.handlers.pop("timer%d" % self._id, None)
        _link.ask("timer_off", self._id)
