"""Air quality indices, NowCast and humidity correction, answered by the firmware's own code."""

from kerb.apps.algo import aqi_cn_2012, aqi_cn_2026, aqi_eu_2025, aqi_eu_legacy, aqi_in_2014, aqi_us_2024, humidity
from kerb.apps.algo.nowcast import nowcast


def _index(table, key):
    return lambda inputs: table.index(inputs["pollutant"], inputs[key])


def _nowcast(inputs):
    tenths = nowcast(inputs["hourly_latest_first"])
    if tenths is None:
        return {"conc": None, "aqi_us_2024": None}
    return {"conc": tenths / 10, "aqi_us_2024": aqi_us_2024.index("PM25", tenths / 10)}


def _kappa(inputs):
    factor = humidity.growth(inputs["kappa"], inputs["rh"] * 100)
    return {"C": factor, "pm": inputs["pm_raw"] / factor}


KINDS = {
    "aqi_us_2024": _index(aqi_us_2024, "conc"),
    "eaqi_2025_band": _index(aqi_eu_2025, "ug_m3"),
    "eaqi_legacy_upper_bounds": lambda inputs: list(aqi_eu_legacy.POLLUTANTS[inputs["pollutant"]]),
    "naqi_india_boundary": _index(aqi_in_2014, "conc"),
    "aqi_cn_hj633_2012": _index(aqi_cn_2012, "conc"),
    "aqi_cn_hj633_2026": _index(aqi_cn_2026, "conc"),
    "nowcast_pm25": _nowcast,
    "purpleair_epa2021": lambda inputs: humidity.epa_2021(inputs["pa_cf1"], inputs["rh"]),
    "purpleair_fasm_2021": lambda inputs: humidity.fasm_2021(inputs["pa_cf1"], inputs["rh"]),
    "kappa_kohler": _kappa,
}
