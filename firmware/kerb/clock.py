"""The node's own time.

`mono` counts from power-on, right through deep sleep, and the offset to UTC is kept beside it with the moment and the error of
the last setting. So durations never jump when the time is learnt. The RTC itself is set only where a certificate is to be checked
(`Clock.show_utc`), and `mono` leaves that step out.

The oscillator of deep sleep slips, on an ESP32 by minutes an hour, and otherwise when it is warmer. Each setting tells by how much
it slipped since the one before: that is corrected from then on, and what the correction missed last time is doubted of it next time.
"""

import time
from struct import calcsize, pack, unpack

from micropython import const

TRUST_LIVE = const(0)  # sampled just now: the receiver's clock is as good
TRUST_GOOD = const(1)  # stamped, within a minute
TRUST_UNSURE = const(2)  # stamped, clock not checked for long
TRUST_NONE = const(3)  # no clock was ever set

_GOOD_MS = const(60000)
_ASK_MS = const(10000)  # possible error at which the time is asked for again
_CRYSTAL_PPM = const(50)  # -20..60 C, before any correction
_LEARN_MS = const(600000)  # shorter spans say more of the error of the two settings than of the oscillator
_ASK_S = const(600)  # least time between two settings that are asked for because of doubt
_SLIP_MAX_PPM = const(200000)  # beyond, one of the two settings was wrong
_WARMTH = const(20)  # before a second span was seen, a twentieth of the slip may come and go with the temperature: unconfirmed
_LOST_S = const(31536000)  # `mono` does not jump by a year in a sleep: the RTC was set, or lost, and the retained state does not know
_STATE = "<qqqIiii"

_2000 = const(946684800)  # the epoch of some ports, in seconds since 1970

_shift_ms = 0  # what the RTC shows beyond the time since power-on, once it was set


class Instant:
    """A moment: `mono` whole seconds since power-on, `utc` seconds since 1970 or None while no clock was set."""

    __slots__ = ("mono", "utc")

    def __init__(self, mono, utc=None):
        self.mono = mono
        self.utc = utc


def mono_ms():
    """Milliseconds since the RTC started."""
    return time.time_ns() // 1000000 - _shift_ms


def _set_shift(ms):
    global _shift_ms
    _shift_ms = ms


class Clock:
    """`resync_s`: longest time between settings; `slip_ppm`: what the oscillator may be wrong by before anything was learnt."""

    def __init__(self, resync_s=86400, slip_ppm=_CRYSTAL_PPM):
        self._offset_ms = 0
        self._set_ms = 0  # mono of the last setting; nothing with no offset
        self._error_ms = 0
        self._rate_ppm = 0  # what is added to the pace of the oscillator
        self._doubt_ppm = self._raw_ppm = slip_ppm
        self._resync_s = resync_s

    def pack(self):
        mono = mono_ms()
        return pack(
            _STATE, self._offset_ms, self._set_ms, _shift_ms, mono // 1000, self._error_ms, self._rate_ppm, self._doubt_ppm
        )

    def unpack(self, data):
        if not data or len(data) != calcsize(_STATE):
            return
        self._offset_ms, self._set_ms, shift, seen_s, self._error_ms, self._rate_ppm, self._doubt_ppm = unpack(_STATE, data)
        _set_shift(shift)
        if abs(mono_ms() // 1000 - seen_s) > _LOST_S:
            _set_shift(time.time_ns() // 1000000 - seen_s * 1000)

    @property
    def known(self):
        return self._offset_ms != 0

    @property
    def rate_ppm(self):
        """The learnt correction: above 0 the oscillator is slow."""
        return self._rate_ppm

    def _utc_ms(self, ms):
        return ms + self._offset_ms + (ms - self._set_ms) * self._rate_ppm // 1000000

    def now(self):
        ms = mono_ms()
        return Instant(ms // 1000, self._utc_ms(ms) // 1000 if self._offset_ms else None)

    def utc_of(self, mono):
        """UTC of a moment since power-on, or None."""
        return self._utc_ms(mono * 1000) // 1000 if self._offset_ms else None

    def set(self, utc_s, utc_ms, ticks_ms, error_ms=500):
        """The network's time, true at `ticks_ms`. Returns the step in ms that it makes (0 at first)."""
        now = mono_ms()
        utc = utc_s * 1000 + utc_ms + time.ticks_diff(time.ticks_ms(), ticks_ms)
        step = 0
        if self._offset_ms:
            step = utc - self._utc_ms(now)
            self._learn(step, now - self._set_ms, error_ms + self._error_ms)
        self._offset_ms = utc - now
        self._set_ms = now
        self._error_ms = error_ms
        return step

    def _learn(self, step_ms, span_ms, error_ms):
        """From the step that a setting made after `span_ms`; `error_ms`: how wrong the two settings may be together."""
        if span_ms < _LEARN_MS:
            return
        missed = step_ms * 1000000 // span_ms
        noise = error_ms * 1000000 // span_ms
        if abs(missed) > _SLIP_MAX_PPM:
            return
        first = not self._rate_ppm and self._doubt_ppm == self._raw_ppm
        self._rate_ppm += missed
        seen = abs(missed) // _WARMTH if first else 2 * abs(missed)
        # One calm span does not make the next calm: what was doubted fades.
        faded = 0 if first else self._doubt_ppm * 7 // 8
        self._doubt_ppm = min(max(_CRYSTAL_PPM, noise, seen, faded), self._raw_ppm + noise + seen)

    def error_ms(self, mono=None):
        """How wrong the clock may be now, or was at the moment `mono`."""
        away = (mono_ms() // 1000 if mono is None else mono) - self._set_ms // 1000
        return self._error_ms + abs(away) * self._doubt_ppm // 1000

    def wants_setting(self):
        if not self._offset_ms:
            return True
        age = mono_ms() // 1000 - self._set_ms // 1000
        return age >= self._resync_s or (age >= _ASK_S and self.error_ms() > _ASK_MS)

    def trust(self, mono=None):
        """The trust code of a stamp made with this clock, for now or for a moment `mono` of this power cycle."""
        if not self._offset_ms:
            return TRUST_NONE
        return TRUST_GOOD if self.error_ms(mono) <= _GOOD_MS else TRUST_UNSURE

    def show_utc(self):
        """Sets the RTC to UTC, which is what the port checks certificates against. False while UTC is not known."""
        if not self._offset_ms:
            return False
        import machine

        epoch_s = _2000 if time.gmtime(0)[0] == 2000 else 0
        utc_s = self._utc_ms(mono_ms()) // 1000
        if abs(time.time() + epoch_s - utc_s) > _GOOD_MS // 1000:
            t = time.gmtime(utc_s - epoch_s)
            before = time.time_ns() // 1000000
            machine.RTC().datetime((t[0], t[1], t[2], t[6], t[3], t[4], t[5], 0))
            _set_shift(_shift_ms + time.time_ns() // 1000000 - before)
        return True
