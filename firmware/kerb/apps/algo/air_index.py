"""One air quality index of one node: loads the table of its region, and nothing of the others."""

from kerb.apps.algo.hourly import Hourly
from kerb.errors import ConfigError

TABLES = ("us_2024", "eu_2025", "eu_legacy", "in_2014", "cn_2012", "cn_2026")
_POLLUTANTS = ("PM25", "PM10")


class AirIndex:
    """The larger of the indices of PM2.5 and PM10: NowCast in the US, the mean of the table's hours elsewhere."""

    def __init__(self, name):
        if name not in TABLES:
            raise ConfigError("application air has no index '%s'; take one of %s" % (name, ", ".join(TABLES)))
        module = "kerb.apps.algo.aqi_" + name
        self._table = __import__(module, None, None, (name,))
        self.hourly = Hourly(self._table.HOURS)

    def value(self):
        """The index now, or None while too few hours are known."""
        indices = []
        for i, pollutant in enumerate(_POLLUTANTS):
            index = self._table.index(pollutant, self._concentration(i))
            if index is not None:
                indices.append(index)
        return max(indices) if indices else None

    def _concentration(self, i):
        if self._table.NEEDED:
            return self.hourly.mean(i, self._table.NEEDED)
        from kerb.apps.algo.nowcast import nowcast

        tenths = nowcast(self.hourly.hours(i))
        return None if tenths is None else tenths / 10
