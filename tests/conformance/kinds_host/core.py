"""What no board computes: how long a battery lasts, and other makers' payloads."""

from typing import Any

from kerbstone.codec import cayenne, milesight
from kerbstone.energy.battery import years

_SECONDS_A_DAY = 86_400


def _battery_years(i: dict[str, Any]) -> float:
    events_mah = i["event_mC"] * i["events_per_day"] / 3600
    load_mah = i["sleep_uA"] / 1000 * 24 + events_mah
    return years(i["capacity_mAh"], load_mah, i["self_discharge_pct_per_year_of_remaining"])


def _vendor(i: dict[str, Any]) -> dict[str, Any]:
    got = milesight.decode(bytes.fromhex(i["bytes"]))
    names = {"battery_pct": "battery", "t_c": "temperature"}
    return got | {names[name]: value for name, value in got.items() if name in names}


HOST_KINDS = {
    "battery_life_years": _battery_years,
    "cayenne_lpp": lambda i: {"bytes": cayenne.encode([tuple(field) for field in i["fields"]]).hex()},
    "milesight_em400_payload": lambda i: milesight.decode(bytes.fromhex(i["hex"])),
    "vendor_payload": _vendor,
}
