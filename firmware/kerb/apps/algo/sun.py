"""When the sun rises and sets, in arithmetic that 32-bit floats can do.

J. Meeus, Astronomical Algorithms, 2nd ed.: chapter 25 (low accuracy, 0.01 degree), 22 (obliquity), 15 (rising and setting).
A Julian date has no room in 24 bits of mantissa, so angles that grow with the days are reduced in integers, in units of
1e-7 degree, and only the fraction of a day is a float.
"""

from math import acos, asin, atan2, cos, pi, sin

from micropython import const

SUNRISE = -0.8333  # altitude of the centre, degrees: 34' refraction and 16' radius (Astronomical Almanac)
CIVIL = -6.0
NAUTICAL = -12.0

CROSSES = const(0)  # the sun passes the altitude
ABOVE = const(1)  # it stays above all day
BELOW = const(2)

_J2000_DAY = const(10957)  # 2000-01-01, days since 1970-01-01
_TURN = const(3600000000)  # 360 degrees in units of 1e-7
_ROUNDS = const(3)  # the first error of some minutes shrinks about 300 times a round
_RAD = pi / 180

# Angle at 2000-01-01 00:00 UTC, its growth a day in 1e-7 degree, and what the growth leaves out in 10000 days: mean longitude,
# mean anomaly (Meeus 25.2 and 25.3, taken back half a day from J2000), longitude of the moon's node (chapter 22).
_LONGITUDE = (2799736363, 9856474, -3984)
_ANOMALY = (3570363099, 9856003, -1828)
_NODE = (1250664769, -529538, 4230)


def _angle(row, day, fraction):
    """Degrees, 0..360 and a little more."""
    return (row[0] + row[1] * day + row[2] * day // 10000) % _TURN * 1e-7 + row[1] * 1e-7 * fraction


def position(day, seconds):
    """(declination, equation of time), degrees, `seconds` of UTC after the start of `day` (days since 1970); -1..2 days off is fine."""
    day -= _J2000_DAY
    f = seconds / 86400
    longitude = _angle(_LONGITUDE, day, f)
    m = _angle(_ANOMALY, day, f) * _RAD
    node = _angle(_NODE, day, f) * _RAD
    century = day / 36525
    centre = (1.914602 - 0.004817 * century) * sin(m) + 0.019993 * sin(2 * m) + 0.000289 * sin(3 * m)
    obliquity = (23.439291 - 0.0130042 * century + 0.00256 * cos(node)) * _RAD
    apparent = (longitude + centre - 0.00569 - 0.00478 * sin(node)) * _RAD
    y = cos(obliquity) * sin(apparent)
    ascension = atan2(y, cos(apparent)) / _RAD
    time = (longitude - 0.0057183 - ascension + 180) % 360 - 180
    return asin(sin(obliquity) * sin(apparent)) / _RAD, time


def crossing(day, lat, lon, altitude, rising):
    """(state, seconds): when the sun passes `altitude` on the mean solar day `day` of the place.

    lat, lon in degrees, north and east positive; seconds of UTC from the start of UTC day `day` (days since 1970), below 0 or
    above 86400 where the solar day of the place reaches into the neighbours. For ABOVE and BELOW seconds is the lower or upper
    culmination on the side of the event, or the culmination it never rises above.
    """
    noon = 43200 - 240 * lon
    t = noon
    state = CROSSES
    for _ in range(_ROUNDS):
        declination, equation = position(day, t)
        d = declination * _RAD
        x = (sin(altitude * _RAD) - sin(lat * _RAD) * sin(d)) / (cos(lat * _RAD) * cos(d))
        state = CROSSES if -1 <= x <= 1 else ABOVE if x < -1 else BELOW
        arc = 240 / _RAD * acos(min(max(x, -1.0), 1.0))
        t = noon - 240 * equation + (-arc if rising else arc)
    return state, t
