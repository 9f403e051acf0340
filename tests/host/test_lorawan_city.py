"""The city bench in small. The long run is `python tests/bench/lorawan_city.py`."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "bench"))
import city_firmware
import city_mac


@pytest.fixture(scope="module")
def firmware():
    """Five nodes that report every ten minutes, without and with adaptation; the figures begin when they have joined."""
    return [city_firmware.live(5, 1.2, adr, 0, radius_m=400.0, period_s=600, warm_up_h=0.2) for adr in (False, True)]


@pytest.fixture(scope="module")
def town():
    """100 nodes for three hours after one; what rules the rate -> figures."""
    rows = {"fixed": (False, 0), "adapted": (True, 0), "joined": (True, None)}
    return {name: city_mac.live(100, 4.0, adr, dr, period_s=1200, warm_up_h=1.0) for name, (adr, dr) in rows.items()}


def test_adaptation_brings_the_airtime_down_with_the_whole_firmware(firmware):
    fixed, adapted = firmware
    for row in firmware:
        assert row["joined"] == 5 and row["uplinks"] >= 25 and row["delivery"] > 0.9
    assert set(fixed["by_sf"]) == {"12"} and fixed["rate_commands"] == 0
    assert adapted["rate_commands"] >= 5
    assert adapted["mean_airtime_ms"] < 0.6 * fixed["mean_airtime_ms"]
    assert adapted["mah_per_day"] < fixed["mah_per_day"]


def test_the_whole_firmware_and_its_mac_alone_spend_the_same_airtime(firmware, town):
    assert firmware[0]["mean_airtime_ms"] == pytest.approx(town["fixed"]["mean_airtime_ms"], rel=0.06)


def test_many_nodes_on_one_gateway_keep_what_aloha_says_and_capture_adds(town):
    for name, row in town.items():
        assert row["joined"] >= 98 and row["uplinks"] > 900, name
        survive = row["delivered"] / (row["delivered"] + row["lost"].get("collision", 0))
        assert row["aloha"] - 0.02 < survive, name
    assert town["fixed"]["aloha"] < 0.985, "a load that matters"
    assert town["adapted"]["mean_airtime_ms"] < 0.5 * town["fixed"]["mean_airtime_ms"]
    assert town["adapted"]["aloha"] > town["fixed"]["aloha"]


def test_the_same_seed_gives_the_same_town():
    first, again, other = (city_mac.live(15, 2.0, True, None, seed=seed, period_s=1200) for seed in (1, 1, 2))
    assert first == again != other
