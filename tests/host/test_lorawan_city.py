"""The city bench in small: whole firmware, many nodes, rate adaptation on and off. The long run is `python tests/bench/lorawan_city.py`."""

import importlib.util
import os
from pathlib import Path

import pytest

_spec = importlib.util.spec_from_file_location("lorawan_city", Path(__file__).parents[1] / "bench" / "lorawan_city.py")
city = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(city)
FULL = os.environ.get("KERBSTONE_CAMPAIGN") == "full"


@pytest.mark.parametrize(("nodes", "hours", "period_s"), [(500, 24.0, 3600) if FULL else (5, 1.2, 600)])
def test_adaptation_brings_the_airtime_down_and_delivery_beats_pure_aloha(nodes, hours, period_s):
    fixed, adapted = (
        city.live(nodes, hours, adr, 0, radius_m=400.0, period_s=period_s, warm_up_h=hours / 6) for adr in (False, True)
    )
    for row in (fixed, adapted):
        assert row["joined"] == nodes and row["delivery"] >= row["aloha"] - 0.05
        assert row["uplinks"] >= nodes * (hours * 5 / 6 - 0.5) * 3600 / period_s
    assert set(fixed["by_sf"]) == {"12"} and fixed["rate_commands"] == 0
    assert adapted["rate_commands"] >= nodes
    assert adapted["mean_airtime_ms"] < (0.2 if FULL else 0.6) * fixed["mean_airtime_ms"]
    assert adapted["mah_per_day"] < fixed["mah_per_day"]
