"""The node's own time.

The port's RTC is never set: it counts from power-on, right through deep sleep, and the offset to UTC is kept
beside it with the moment and the error of the last setting. So durations never jump when the time is learnt.
"""

import time
from struct import pack, unpack

from micropython import const

TRUST_LIVE = const(0)  # sampled just now: the receiver's clock is as good
TRUST_GOOD = const(1)  # stamped, within a minute
TRUST_UNSURE = const(2)  # stamped, clock not checked for long
TRUST_NONE = const(3)  # no clock was ever set

_GOOD_MS = const(60000)
_SLIP_PPM = const(50)  # crystal, -20..60 C, before any correction
_STATE = "<qIIi"


class Instant:
    """A moment: `mono` whole seconds since power-on, `utc` seconds since 1970 or None while no clock was set."""

    __slots__ = ("mono", "utc")

    def __init__(self, mono, utc=None):
        self.mono = mono
        self.utc = utc


def mono_ms():
    """Milliseconds since the RTC started."""
    return time.time_ns() // 1000000


class Clock:
    def __init__(self, resync_s=86400):
        self._offset_ms = 0
        self._set_at = 0  # mono s; 0 with no offset: never
        self._error_ms = 0
        self._resync_s = resync_s

    def pack(self):
        return pack(_STATE, self._offset_ms, self._set_at, self._error_ms, 0)

    def unpack(self, data):
        if data and len(data) == 20:
            self._offset_ms, self._set_at, self._error_ms, _ = unpack(_STATE, data)

    @property
    def known(self):
        return self._offset_ms != 0

    def now(self):
        ms = mono_ms()
        return Instant(ms // 1000, (ms + self._offset_ms) // 1000 if self._offset_ms else None)

    def utc_of(self, mono):
        """UTC of a moment since power-on, or None."""
        return (mono * 1000 + self._offset_ms) // 1000 if self._offset_ms else None

    def set(self, utc_s, utc_ms, ticks_ms, error_ms=500):
        """The network's time, true at `ticks_ms`. Returns the step in ms that it makes (0 at first)."""
        age = time.ticks_diff(time.ticks_ms(), ticks_ms)
        now = mono_ms()
        offset = utc_s * 1000 + utc_ms + age - now
        step = offset - self._offset_ms if self._offset_ms else 0
        self._offset_ms = offset
        self._set_at = now // 1000
        self._error_ms = error_ms
        return step

    def error_ms(self):
        """How wrong the clock may be by now."""
        return self._error_ms + (mono_ms() // 1000 - self._set_at) * _SLIP_PPM // 1000

    def wants_setting(self):
        return not self._offset_ms or mono_ms() // 1000 - self._set_at >= self._resync_s

    def trust(self):
        """The trust code of a stamp made with this clock."""
        if not self._offset_ms:
            return TRUST_NONE
        return TRUST_GOOD if self.error_ms() <= _GOOD_MS else TRUST_UNSURE
