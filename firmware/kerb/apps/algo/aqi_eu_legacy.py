"""European air quality index as it was until 2025 (EEA, European Air Quality Index, 2017 with the sixth band of 2019), in ug/m3.

Bands as in aqi_eu_2025. Particles are 24 h running means here, gases hourly means.
"""

from kerb.apps.algo import aqi

NAME = "eu_legacy"
DATE = "2019-01-01"
HOURS = 24
NEEDED = 18  # of these hours, 75 %

POLLUTANTS = {
    "PM25": (10, 20, 25, 50, 75),
    "PM10": (20, 40, 50, 100, 150),
    "NO2": (40, 90, 120, 230, 340),
    "O3": (50, 100, 130, 240, 380),
    "SO2": (100, 200, 350, 500, 750),
}


def index(pollutant, value):
    """The band 1..6, or None; KeyError for a pollutant the table does not have."""
    return aqi.banded(POLLUTANTS[pollutant], value)
