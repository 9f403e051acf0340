"""Indian national air quality index: CPCB, National Air Quality Index, 2014. ug/m3; CO in mg/m3; O3 and CO 8 h, others 24 h means.

Lines meet in the upper bound of each range (50, 100, 200, ...), as CPCB's own worksheet draws them; the index ends at 500. The
report leaves the last range open; the concentrations at 500 are the worksheet's. [unconfirmed]
"""

from kerb.apps.algo import aqi

NAME = "in_2014"
DATE = "2014-10-17"
HOURS = 24
NEEDED = 16  # of these hours (CPCB 2014)

_SEVEN = (0, 50, 100, 200, 300, 400, 500)

POLLUTANTS = {
    "PM25": ((0, 30000, 60000, 90000, 120000, 250000, 380000), _SEVEN, 500),
    "PM10": ((0, 50000, 100000, 250000, 350000, 430000, 510000), _SEVEN, 500),
    "NO2": ((0, 40000, 80000, 180000, 280000, 400000, 520000), _SEVEN, 500),
    "O3_8h": ((0, 50000, 100000, 168000, 208000, 748000, 1287000), _SEVEN, 500),
    "CO_mg": ((0, 1000, 2000, 10000, 17000, 34000, 51000), _SEVEN, 500),
    "SO2": ((0, 40000, 80000, 380000, 800000, 1600000, 2400000), _SEVEN, 500),
    "NH3": ((0, 200000, 400000, 800000, 1200000, 1800000, 2400000), _SEVEN, 500),
    "Pb": ((0, 500, 1000, 2000, 3000, 3500, 4000), _SEVEN, 500),
}


def index(pollutant, value):
    """The sub-index 0..500, or None; KeyError for a pollutant the table does not have."""
    return aqi.rounded(POLLUTANTS[pollutant], value)
