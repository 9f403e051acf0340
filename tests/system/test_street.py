"""The street: four nodes, two bearers, one day, nothing lost."""

import json

import pytest

from conftest import DAY_US
from kerbstone.build.node import load_node
from kerbstone.cli.emulate import STREET
from kerbstone.emulator.identity import mint
from kerbstone.emulator.run import run
from kerbstone.report.page import render

HOUR_US = 3_600_000_000


@pytest.mark.parametrize("name", ["parking", "bins", "air", "light"])
def test_every_reading_of_a_day_is_decoded_at_the_other_end(nodes, name):
    node = nodes[name]
    assert node.lost == 0 and node.duplicates == 0, node.notes
    assert node.readings > 4
    assert node.decoded + node.waiting == node.readings
    assert node.waiting <= 1
    assert node.uplinks >= node.decoded


def test_no_node_crashed_or_met_a_fault(nodes):
    assert {name: node.notes for name, node in nodes.items() if node.notes} == {}


def test_sleeping_nodes_wake_and_mains_nodes_stay_up(nodes):
    assert nodes["parking"].wakes > 10
    assert 140 <= nodes["bins"].wakes <= 160
    assert nodes["air"].wakes == nodes["light"].wakes == 1


def test_parking_reports_agree_with_the_cars(nodes):
    score = nodes["parking"].score
    assert score["happened"] >= 10
    assert score["f1"] >= 0.97 and score["state_minutes_right_pct"] >= 99.0, score


def test_the_clock_is_learnt_from_the_network(nodes):
    """A record that waited carries a stamp of a clock right to a minute; only what was stored before the first answer may not."""
    for node in nodes.values():
        late = [r for r in node.records if r["sample_us"] > HOUR_US]
        assert late and all(r["trust"] in ("live", "stamped") for r in late), node.name
        assert all(abs(r["t_us"] - r["sample_us"]) < HOUR_US for r in late), node.name


def test_a_light_pole_follows_the_sun(nodes):
    assert nodes["light"].score["lit_as_should_pct"] > 99.0


def test_air_and_bin_reports_are_near_the_truth(nodes):
    assert nodes["air"].score["temperature_error_mean_c"] < 0.5
    assert nodes["air"].score["pm2_5_error_mean_ug_m3"] < 3.0
    assert nodes["bins"].score["fill_error_p95_pct"] <= 3.0


def test_battery_nodes_last_years_and_the_ledger_adds_up(street_day, nodes):
    for name in ("parking", "bins"):
        node = nodes[name]
        total = sum(sum(states.values()) for states in node.charge_uas.values())
        assert node.mah_per_day == pytest.approx(total / 3.6e6 / (street_day.duration_us / DAY_US))
    assert nodes["parking"].mah_per_day < 2.0
    for node in nodes.values():
        # Every consumer is in some state all the time, from power-on to the end.
        assert sum(node.time_us["mcu"].values()) == pytest.approx(street_day.duration_us, abs=30_000_000)


def test_the_same_seed_gives_the_same_log_and_another_seed_another():
    names = ("parking", "light")
    digests = [run([load_node(n) for n in names], seed, 6 * HOUR_US).event_log_sha256 for seed in (7, 7, 8)]
    assert digests[0] == digests[1] != digests[2]


def test_a_run_against_mosquitto_loses_nothing(mosquitto):
    result = run([load_node(name) for name in STREET], 1, DAY_US, broker=mosquitto)
    for node in result.nodes:
        assert (node.lost, node.duplicates) == (0, 0) and node.decoded > 20, node.notes


def test_one_broker_or_another_the_log_is_the_same(mosquitto):
    node = [load_node("light")]
    assert run(node, 3, 6 * HOUR_US, broker=mosquitto).event_log_sha256 == run(node, 3, 6 * HOUR_US).event_log_sha256


def test_no_secret_reaches_a_result_a_report_or_the_log(street_day):
    text = json.dumps(street_day.to_json()) + render(street_day)
    for name in ("parking", "bins", "air", "light"):
        identity = mint(1, name)
        assert identity.app_key not in text and identity.wifi_password not in text
        assert identity.app_key not in repr(identity) and identity.wifi_password not in str(identity)
