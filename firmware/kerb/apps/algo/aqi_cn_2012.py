"""Chinese air quality index, HJ 633-2012 table 1 (in force until its successor of 2026). ug/m3; CO in mg/m3.

Fractions of an index count as one. Above the table the index stays 500; SO2_1h and O3_8h above 800 ug/m3 have none there (the
24 h, or the 1 h, value is to be reported instead).
"""

from kerb.apps.algo import aqi

NAME = "cn_2012"
DATE = "2012-02-29"
HOURS = 24
NEEDED = 20  # of these hours (GB 3095-2012, table 4)

_EIGHT = (0, 50, 100, 150, 200, 300, 400, 500)

POLLUTANTS = {
    "PM25": ((0, 35000, 75000, 115000, 150000, 250000, 350000, 500000), _EIGHT, 500),
    "PM10": ((0, 50000, 150000, 250000, 350000, 420000, 500000, 600000), _EIGHT, 500),
    "SO2_24h": ((0, 50000, 150000, 475000, 800000, 1600000, 2100000, 2620000), _EIGHT, 500),
    "SO2_1h": ((0, 150000, 500000, 650000, 800000), _EIGHT[:5], None),
    "NO2_24h": ((0, 40000, 80000, 180000, 280000, 565000, 750000, 940000), _EIGHT, 500),
    "NO2_1h": ((0, 100000, 200000, 700000, 1200000, 2340000, 3090000, 3840000), _EIGHT, 500),
    "CO_24h_mg": ((0, 2000, 4000, 14000, 24000, 36000, 48000, 60000), _EIGHT, 500),
    "CO_1h_mg": ((0, 5000, 10000, 35000, 60000, 90000, 120000, 150000), _EIGHT, 500),
    "O3_1h": ((0, 160000, 200000, 300000, 400000, 800000, 1000000, 1200000), _EIGHT, 500),
    "O3_8h": ((0, 100000, 160000, 215000, 265000, 800000), _EIGHT[:6], None),
}


def index(pollutant, value):
    """The sub-index 0..500, or None; KeyError for a pollutant the table does not have."""
    return aqi.ceiling(POLLUTANTS[pollutant], value)
