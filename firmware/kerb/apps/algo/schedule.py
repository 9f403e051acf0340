"""The night of a street light: when it is dark, and how far to dim at which hour."""

from micropython import const

from kerb.apps.algo import sun
from kerb.errors import ConfigError

_DAY = const(86400)
_NOON_MIN = const(720)


class Nights:
    """Dusk and dawn of a place, as UTC; computed anew once a day.

    altitude: of the sun at which the lamp switches, degrees; the offsets, in seconds, move dusk and dawn (negative = earlier).
    """

    def __init__(self, lat, lon, altitude, dusk_offset_s, dawn_offset_s):
        self._lat = lat
        self._lon = lon
        self._altitude = altitude
        self._dusk_offset = dusk_offset_s
        self._dawn_offset = dawn_offset_s
        self._day = None
        self._nights = ()

    def at(self, utc):
        """(dusk, dawn) of the night that `utc` lies in, or None by day. Polar nights last from noon to noon."""
        day = (utc + int(240 * self._lon)) // _DAY  # mean solar day of the place
        if day != self._day:
            self._day = day
            # The offsets can stretch a night over the solar day's end, so its neighbours are looked at too.
            self._nights = [self._night(d) for d in (day - 2, day - 1, day, day + 1)]
        for night in self._nights:
            if night and night[0] <= utc < night[1]:
                return night
        return None

    def _night(self, day):
        """The night that begins on solar day `day`, or None."""
        state, dusk = sun.crossing(day, self._lat, self._lon, self._altitude, False)
        next_state, dawn = sun.crossing(day + 1, self._lat, self._lon, self._altitude, True)
        if state == sun.ABOVE and next_state == sun.ABOVE:
            return None
        return day * _DAY + int(dusk) + self._dusk_offset, (day + 1) * _DAY + int(dawn) + self._dawn_offset


class Schedule:
    """Dimming steps: rows [when, percent], each valid until the next; before the first and without rows `start` percent.

    when: "hh:mm" of the local clock, or minutes relative to the middle of the night between dusk and dawn (an integer,
    negative before it), as luminaire drivers count that have no clock. Rows of both kinds may be mixed.
    """

    def __init__(self, rows, start):
        self._start = start
        self._rows = []
        for row in rows:
            if len(row) != 2 or not 0 <= row[1] <= 100:
                raise ConfigError("dimming step %s must be [when, 0..100 percent]" % (row,))
            self._rows.append((_minutes(row[0]), isinstance(row[0], str), row[1]))

    def level(self, utc, night, local_offset_s):
        """Percent at `utc` within `night`, a pair of UTC seconds; local_offset_s leads from UTC to the local clock."""
        now = _after_noon(utc + local_offset_s)
        middle = _after_noon((night[0] + night[1]) // 2 + local_offset_s)
        best, level = -1, self._start
        for minutes, clock, percent in self._rows:
            at = (minutes - _NOON_MIN if clock else middle + minutes) % (2 * _NOON_MIN)
            if best <= at <= now:
                best, level = at, percent
        return level


def _after_noon(local):
    """Minutes since the last local noon: a night never wraps."""
    return (local // 60 - _NOON_MIN) % (2 * _NOON_MIN)


def _minutes(when):
    if not isinstance(when, str):
        return when
    hours, colon, minutes = when.partition(":")
    if not (colon and hours.isdigit() and minutes.isdigit() and int(hours) < 24 and int(minutes) < 60):
        raise ConfigError("dimming step at '%s' is not a time; write it as \"22:30\" or as minutes from midnight" % when)
    return int(hours) * 60 + int(minutes)
