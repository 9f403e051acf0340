"""The published wakes of ESP32 and ESP32-S3 come out within 10 %, in the emulator where it can run them, by their phases elsewhere."""

import tomllib
from pathlib import Path

import pytest

from energy_bench import emulate, model
from kerbstone.listen.broker import EmbeddedBroker

DATA = tomllib.loads((Path(__file__).parents[1] / "conformance" / "data" / "energy_wakes.toml").read_text())
PHASES, SCENARIOS = DATA["phase"], DATA["scenario"]
RUNS = [(s, board) for s in SCENARIOS if "run" in s for board in s["boards"]]
SUMS = [s for s in SCENARIOS if len(s["phases"]) + len(s.get("steps", ())) > 1]  # the others are one measurement
WITHIN = 0.10


@pytest.fixture(scope="module")
def broker():
    with EmbeddedBroker() as running:
        yield (running.address.host, running.address.port)


@pytest.mark.parametrize("scenario", SUMS, ids=lambda s: s["name"])
def test_the_phases_of_a_wake_add_up_to_what_was_measured(scenario):
    ms, mc = model(scenario, PHASES)
    assert ms == pytest.approx(scenario["ms"], rel=WITHIN)
    assert mc == pytest.approx(scenario["mc"], rel=WITHIN)


@pytest.mark.parametrize(("scenario", "board"), RUNS, ids=[f"{s['name']} on {b}" for s, b in RUNS])
def test_a_wake_in_the_emulator_takes_the_time_and_the_charge_that_were_measured(scenario, board, broker):
    ms, mc = emulate(scenario, PHASES, board, broker)
    assert ms == pytest.approx(scenario["ms"], rel=WITHIN)
    assert mc == pytest.approx(scenario["mc"], rel=WITHIN)


@pytest.mark.parametrize("scenario", [s for s in SCENARIOS if "poll_mah_day" in s], ids=lambda s: s["name"])
def test_polling_by_such_wakes_costs_what_the_table_says(scenario):
    _, mc = model(scenario, PHASES)
    published = scenario["poll_mah_day"]
    a_day = [mc / 3600 * 86_400 / every_s for every_s in (1, 10, 60)]
    assert a_day[: len(published)] == pytest.approx(published, rel=WITHIN)
