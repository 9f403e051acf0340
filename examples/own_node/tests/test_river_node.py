"""The river gauge in virtual time: the real firmware on an emulated board, with its radio, gateway and network server."""

from pathlib import Path

import pytest

RIVER = Path(__file__).parents[1] / "river.toml"
MM_PER_HPA = 10.2145


def test_the_level_is_the_water_pressure_above_the_air(kerb_node):
    river = kerb_node(RIVER)
    river.site.set("water_hpa", 1013.0 + 1730 / MM_PER_HPA)
    river.run("20m")
    assert river.values["water_level"] == pytest.approx(1730, abs=10)
    assert river.values["water_temperature"] == pytest.approx(12, abs=0.5)


def test_a_change_of_air_pressure_is_no_change_of_level(kerb_node):
    river = kerb_node(RIVER).run("20m")
    before = river.values["water_level"]
    river.site.set("pressure_hpa", 973.0)
    river.site.set("water_hpa", 1071.0)
    river.run("3h")
    assert abs(river.values["water_level"] - before) <= 10
    assert {r["values"]["river_state"] for r in river.records} == {"steady"}


def test_a_flood_is_told_within_a_quarter_of_an_hour_and_nothing_is_lost(kerb_node):
    river = kerb_node(RIVER).run("2h")
    river.site.set("water_hpa", 1013.0 + 2800 / MM_PER_HPA)
    began = river.clock
    river.run("1h")
    flood = next(r for r in river.records if r["values"]["river_state"] == "flood")
    assert 0 < flood["t_us"] / 1e6 - began < 16 * 60
    river.assert_nothing_lost()


def test_a_dead_sensor_is_a_fault_and_the_node_lives_on(kerb_node):
    river = kerb_node(RIVER).run("1h")
    river.parts["water"].fault = "nack"
    river.run("3h")
    assert river.values["water_level"] is None and river.records[-1]["quality"] == "fault"
    assert any(n.startswith("fault water") for n in river.notes)
    river.parts["water"].fault = ""
    river.run("3h")
    assert river.values["water_level"] == pytest.approx(1000, abs=10)
    assert river.records[-1]["quality"] == "good"


def test_a_power_cut_loses_nothing(kerb_node):
    river = kerb_node(RIVER).run("70m")
    river.power_cut(off_s=30)
    river.run("3h")
    assert len(river.records) >= 4
    river.assert_nothing_lost()


def test_a_year_fits_the_battery(kerb_node):
    # One ER34615 cell, 19 Ah, two thirds of it usable: 1.7 mAh a day for 20 years, 3 for eleven.
    river = kerb_node(RIVER).run("12h")
    river.assert_budget(mah_per_day=3.0)
    assert river.wakes > 40


def test_a_downlink_reaches_the_node(kerb_node):
    river = kerb_node(RIVER).run("20m")
    river.enqueue(port=7, data=b"\x01\x02")
    river.run("2h")
    assert any(line.startswith("kerb downlink 7 2") for line in river.console)
