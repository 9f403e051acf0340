"""Day or night by an ambient light sensor, for the time without a clock or with a wrong one; what it does not know is night."""

from struct import pack_into, unpack_from

from micropython import const

_STALE_S = const(900)
_FROZEN_S = const(1800)  # daylight is never the same to the last digit for so long
_STATE = "<BHHIIi"


class Daylight:
    """bright(mono): True only when the sensor is trusted and has seen more than `off_lux` for `hold_s`. Packs into STATE_BYTES.

    A sensor that saw daylight at a time the sun was down (told by `check`) is not trusted again until it has seen a night as one.
    """

    STATE_BYTES = 17

    def __init__(self, on_lux, off_lux, hold_s):
        self._on = on_lux
        self._off = off_lux
        self._hold = hold_s
        self._lied = 0
        self._bright_s = self._dark_s = 0
        self._heard = self._changed = 0
        self._lux = -1  # hundredths

    def update(self, sample, mono):
        """Takes `lux` of a sample."""
        lux = sample.get("lux")
        if lux is None:
            return
        elapsed = 0 if self._lux < 0 else min(max(mono - self._heard, 0), _STALE_S)
        hundredths = int(lux * 100)
        if hundredths != self._lux or mono < self._changed:
            self._changed = mono
        self._lux, self._heard = hundredths, mono
        if lux >= self._off:
            self._bright_s, self._dark_s = min(self._bright_s + elapsed, self._hold), 0
        elif lux < self._on:
            self._bright_s, self._dark_s = 0, min(self._dark_s + elapsed, self._hold)

    def check(self, night, mono):
        """Holds the sensor against a clock that is known; `night`: the sun is down."""
        if night and 0 <= mono - self._heard < _STALE_S:
            self._lied = int(self._bright_s >= self._hold)

    def bright(self, mono):
        moving = 0 <= mono - self._changed < _FROZEN_S
        return self._fresh(mono) and moving and not self._lied and self._bright_s >= self._hold

    def dark(self, mono):
        """True when the sensor has seen less than `on_lux` for `hold_s`: a clock that calls this day is wrong, or a storm is."""
        return self._fresh(mono) and self._dark_s >= self._hold

    def dim(self, mono):
        """True while the sensor sees less than `on_lux`, however short."""
        return self._fresh(mono) and self._lux < self._on * 100

    def _fresh(self, mono):
        return self._lux >= 0 and 0 <= mono - self._heard < _STALE_S

    def pack_into(self, buf, at):
        pack_into(_STATE, buf, at, self._lied, self._bright_s, self._dark_s, self._heard, self._changed, self._lux)

    def unpack_from(self, buf, at):
        self._lied, self._bright_s, self._dark_s, self._heard, self._changed, self._lux = unpack_from(_STATE, buf, at)
