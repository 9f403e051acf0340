"""Where the sun stands: the truth against which light points are judged."""

from __future__ import annotations

import math

_J2000_UTC = 946_728_000  # 2000-01-01 12:00 UTC
_DAY_S = 86_400
SUNSET_DEG = -0.8333  # upper limb on the horizon: 34' refraction + 16' radius (Astronomical Almanac)


def elevation_deg(utc_s: float, lat: float, lon: float) -> float:
    """Geometric elevation of the sun's centre, degrees; lat and lon in degrees, east positive.

    Low-precision formulas of the Astronomical Almanac (section C), good to 0.01 degree between 1950 and 2050.
    """
    days = (utc_s - _J2000_UTC) / _DAY_S
    mean_longitude = 280.460 + 0.9856474 * days
    anomaly = math.radians(357.528 + 0.9856003 * days)
    longitude = math.radians(mean_longitude + 1.915 * math.sin(anomaly) + 0.020 * math.sin(2 * anomaly))
    obliquity = math.radians(23.439 - 0.0000004 * days)
    ascension = math.atan2(math.cos(obliquity) * math.sin(longitude), math.cos(longitude))
    declination = math.asin(math.sin(obliquity) * math.sin(longitude))
    sidereal = math.radians(280.46062 + 360.98564737 * days + lon)
    latitude = math.radians(lat)
    sine = math.sin(latitude) * math.sin(declination) + math.cos(latitude) * math.cos(declination) * math.cos(sidereal - ascension)
    return math.degrees(math.asin(max(-1.0, min(1.0, sine))))
