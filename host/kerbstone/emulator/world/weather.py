"""Outdoor weather of a typical year at one station, at any instant.

The table is NREL's TMY3 of station 723170 (Greensboro, North Carolina); month, day and hour of the run choose the row,
29 February repeats the 28th.
"""

from __future__ import annotations

import datetime
from array import array
from functools import lru_cache
from importlib.resources import files

from kerbstone.emulator.world.calendar import HOUR_US, LocalClock

LAT = 36.1  # station, degrees
LON = -79.95
UTC_OFFSET_H = -5
_HOURS = 8760
_COLUMNS = {"temp_c": 0.1, "rh_pct": 1.0, "pressure_hpa": 1.0, "ghi_w_m2": 1.0}  # unit of each column of the table


@lru_cache(maxsize=1)
def _table() -> dict[str, array[float]]:
    """One array of 8760 values a quantity."""
    text = (files("kerbstone.emulator.world") / "data" / "weather_723170.csv").read_text()
    rows = [line.split(",") for line in text.splitlines() if line[:1].isdigit()]
    return {name: array("d", [int(row[column]) * unit for row in rows]) for column, (name, unit) in enumerate(_COLUMNS.items(), start=1)}


@lru_cache(maxsize=512)
def _hour_of_year(local_hour: int) -> int:
    """Row index of local hour `local_hour` (hours since 1970), counted in a year without 29 February."""
    moment = datetime.datetime(1970, 1, 1) + datetime.timedelta(hours=local_hour)
    day = min(moment.day, 28) if moment.month == 2 else moment.day
    return (datetime.date(2001, moment.month, day).timetuple().tm_yday - 1) * 24 + moment.hour


class Weather:
    """Weather from virtual time 0 = `start_utc` on. Every method takes microseconds of virtual time."""

    def __init__(self, start_utc: int):
        self._clock = LocalClock(start_utc, UTC_OFFSET_H)
        self._columns = _table()

    def temp_c(self, t_us: int) -> float:
        """Air temperature, C."""
        return self._smooth(self._columns["temp_c"], t_us)

    def rh_pct(self, t_us: int) -> float:
        """Relative humidity, 0..100 %."""
        return max(0.0, min(100.0, self._smooth(self._columns["rh_pct"], t_us)))

    def pressure_hpa(self, t_us: int) -> float:
        """Station pressure (not reduced to sea level), hPa."""
        return self._smooth(self._columns["pressure_hpa"], t_us)

    def sun_w_m2(self, t_us: int) -> float:
        """Global horizontal irradiance, W/m2: straight lines between the middles of the hours."""
        column = self._columns["ghi_w_m2"]
        hour, rest = divmod(self._clock.us(t_us) - HOUR_US // 2, HOUR_US)
        left, right = column[_hour_of_year(hour)], column[_hour_of_year(hour + 1)]
        return left + (right - left) * rest / HOUR_US

    def _smooth(self, column: array[float], t_us: int) -> float:
        """Cubic Hermite (Catmull-Rom) through the hourly values; row i stands at the end of hour i."""
        hour, rest = divmod(self._clock.us(t_us), HOUR_US)
        u = rest / HOUR_US
        before, left, right, after = (column[_hour_of_year(hour + k)] for k in (-2, -1, 0, 1))
        slope_left, slope_right = (right - before) / 2, (after - left) / 2
        rise = right - left
        return left + u * (slope_left + u * (3 * rise - 2 * slope_left - slope_right + u * (slope_left + slope_right - 2 * rise)))
