"""US air quality index as of 6 May 2024: EPA-454/B-24-002 (technical assistance document), 40 CFR 58 appendix G (89 FR 16202).

Pollutants: PM25 (ug/m3, 24 h or NowCast), PM10 (ug/m3, 24 h or NowCast), O3_8h, O3_1h (ppm), CO_8h (ppm), SO2_1h, SO2_24h,
NO2_1h (ppb). O3_8h ends at 300 (above 0.200 ppm take O3_1h), SO2_1h at 200 (above 304 ppb take SO2_24h), and O3_1h begins at
101 (below 0.125 ppm take O3_8h): the rule defines no index there.
"""

from kerb.apps.algo import aqi

NAME = "us_2024"
DATE = "2024-05-06"
HOURS = 12
NEEDED = 0  # as the NowCast says

_SIX = (50, 100, 150, 200, 300, 500)

POLLUTANTS = {
    "PM25": (10, 0, 0, (90, 354, 554, 1254, 2254, 3254), _SIX, True),
    "PM10": (1, 0, 0, (54, 154, 254, 354, 424, 604), _SIX, True),
    "O3_8h": (1000, 0, 0, (54, 70, 85, 105, 200), _SIX[:5], False),
    "O3_1h": (1000, 125, 101, (164, 204, 404, 604), _SIX[2:], True),
    "CO_8h": (10, 0, 0, (44, 94, 124, 154, 304, 504), _SIX, True),
    "SO2_1h": (1, 0, 0, (35, 75, 185, 304), _SIX[:4], False),
    "SO2_24h": (1, 305, 201, (604, 1004), _SIX[4:], True),
    "NO2_1h": (1, 0, 0, (53, 100, 360, 649, 1249, 2049), _SIX, True),
}


def index(pollutant, value):
    """The index of one pollutant, or None; KeyError for a pollutant the table does not have."""
    return aqi.truncated(POLLUTANTS[pollutant], value)
