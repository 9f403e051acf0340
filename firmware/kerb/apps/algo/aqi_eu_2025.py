"""European air quality index since 2025: ETC HE Report 2024/17, table 5.2 (EEA), bands of hourly means in ug/m3.

Band 1 good, 2 fair, 3 moderate, 4 poor, 5 very poor, 6 extremely poor. Upper bounds count as inside; the report gives whole
numbers, so what lies between a bound and the next whole number is taken to be above the bound.
"""

from kerb.apps.algo import aqi

NAME = "eu_2025"
DATE = "2025-01-01"
HOURS = 1
NEEDED = 1  # of these hours

POLLUTANTS = {
    "PM25": (5, 15, 50, 90, 140),
    "PM10": (15, 45, 120, 195, 270),
    "NO2": (10, 25, 60, 100, 150),
    "O3": (60, 100, 120, 160, 180),
    "SO2": (20, 40, 125, 190, 275),
}


def index(pollutant, value):
    """The band 1..6, or None; KeyError for a pollutant the table does not have."""
    return aqi.banded(POLLUTANTS[pollutant], value)
