"""The fixtures of the pytest plugin, on our own nodes."""

from __future__ import annotations

import pytest

from kerbstone.emulator.faults import fault
from kerbstone.emulator.kernel import SECOND_US
from kerbstone.errors import FaultError, KerbstoneError
from kerbstone.paths import boards_dir
from kerbstone.testing.bench import TestBench
from plugin_words import plugin_words


def test_a_pinned_world_reaches_the_node_and_a_released_one_too(kerb_node: TestBench):
    node = kerb_node("bins").run("2h")
    node.site.set("distance_mm", 200)
    node.run("2h")
    assert "full" in node.values["alarms"]
    node.site.release("distance_mm")
    node.run("3h")
    assert "full" not in node.values["alarms"]
    node.assert_nothing_lost()


def test_a_node_over_mqtt_reports_through_the_embedded_broker(kerb_node: TestBench):
    node = kerb_node("light").run("3h")
    assert node.records and node.wakes == 1
    node.assert_nothing_lost()
    with pytest.raises(KerbstoneError, match=r"does not speak LoRaWAN"):
        node.enqueue(7, b"x")


def test_nodes_of_a_test_share_one_clock_and_one_network(kerb_node: TestBench):
    first = kerb_node("parking").run("10m")
    second = kerb_node("bins").run("1h")
    assert first.clock == second.clock == 4200
    assert first.network is second.network
    assert first.network.device(first.dev_eui).name == "parking" and second.network.device(second.dev_eui).name == "bins"
    with pytest.raises(KerbstoneError, match="on this bench already"):
        kerb_node("bins")


def test_charge_is_counted_by_part_and_a_budget_names_the_greediest(kerb_node: TestBench):
    node = kerb_node("bins").run("2h")
    assert node.energy_mah == pytest.approx(sum(node.energy_by_part.values())) and node.energy_by_part["mcu"] > 0
    node.assert_budget(10.0)
    with pytest.raises(AssertionError, match=r"draws .* mAh a day, more than 0\.1; so far (mcu|radio|level)"):
        node.assert_budget(0.1)


def test_a_lost_reading_fails_the_assertion(kerb_node: TestBench):
    node = kerb_node("bins").run("3h")
    node.assert_nothing_lost()
    frame = next(line for line in node.console if line.startswith("kerb put"))
    forged = frame.rsplit(" ", 1)[0] + "x " + "2010" + "00" * 5
    with node._runtime.console.open("a") as f:
        f.write(f"{forged}\nkerb receipt {forged.split()[2]}\n")
    with pytest.raises(AssertionError, match=r"1 of .* readings lost"):
        node.assert_nothing_lost()


def test_a_power_cut_ends_ram_and_the_node_comes_back(kerb_node: TestBench):
    node = kerb_node("bins").run("65m")
    node.power_cut(off_s=60)
    cut_at = node.clock
    node.run("2h")
    boots = [t / SECOND_US for t, _, kind, _ in node.events if kind == "wake"]
    assert not any(cut_at < t < cut_at + 60 for t in boots)
    assert sum(line.startswith("kerb boot") for line in node.console) == 2
    node.assert_nothing_lost()


@pytest.mark.parametrize("duration", [0, -5, "2 hours"])
def test_a_duration_that_is_none_is_one_sentence(kerb_node: TestBench, duration: float | str):
    with pytest.raises(KerbstoneError, match=r"duration|cannot run"):
        kerb_node("bins").run(duration)


def test_a_fault_of_the_catalogue_strikes_now_and_ends(kerb_node: TestBench, kerb_fault):
    node = kerb_node("bins").run("2h")
    kerb_fault("gateway_away", lasts="2h")
    heard = len(node.records)
    node.run("2h")
    assert len(node.records) == heard
    node.run("6h")
    assert len(node.records) > heard + 2
    kinds = [(kind, t / SECOND_US) for t, _, kind, _ in kerb_node.bench.kernel.log.events if kind.startswith("fault_")]
    assert kinds == [("fault_begins", 7200.0), ("fault_ends", 14400.0)]
    node.assert_nothing_lost()


def test_a_fault_given_with_the_node_is_there_from_the_start_and_spares_others(kerb_node: TestBench):
    struck = kerb_node("bins", faults=[fault("i2c_nack", part="climate")])
    spared = kerb_node("parking").run("3h")
    assert any(note.startswith("fault climate") for note in struck.notes)
    assert not any("fault" in note for note in spared.notes)


@pytest.mark.parametrize(
    ("name", "given", "words"),
    [
        ("gateway_awy", {}, "did you mean 'gateway_away'"),
        ("i2c_nack", {"part": "lamp"}, "strikes nothing"),
        ("flash_full", {"blocks": 4}, r"kerb_node\(\.\.\., faults="),
    ],
)
def test_a_fault_that_cannot_strike_is_one_sentence(kerb_node: TestBench, kerb_fault, name: str, given: dict, words: str):
    kerb_node("bins")
    with pytest.raises(FaultError, match=words):
        kerb_fault(name, **given)


def test_a_downlink_through_the_network_reaches_its_node(kerb_node: TestBench, kerb_network):
    with pytest.raises(KerbstoneError, match="No node of this test speaks LoRaWAN"):
        kerb_network()
    node = kerb_node("bins").run("1h")
    assert kerb_network().device(node.dev_eui).name == "bins"
    assert kerb_network() is node.network


USERS_TEST = """
def test_a_day(kerb_node):
    kerb_node("bins").run("25h")

def test_a_wrong_word(kerb_node):
    kerb_node("bins").run("1h")
    assert not "as it should be"
"""


def test_an_exceeded_budget_fails_the_users_test_and_a_failure_names_the_command_that_repeats_it(pytester: pytest.Pytester):
    node = (boards_dir() / "nodes" / "bins.toml").read_text()
    assert "mah_per_day = 4.0" in node
    pytester.makefile(".toml", bins=node.replace("mah_per_day = 4.0", "mah_per_day = 0.5"))
    pytester.makepyfile(test_mine=USERS_TEST.replace('"bins"', '"bins.toml"'))
    result = pytester.runpytest_subprocess(*plugin_words(), "-p", "no:cacheprovider", "--kerb-seed=3")
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines([
        "bins draws * mAh a day, more than the 0.5 of its budget: *bins.toml.",
        "pytest test_mine.py::test_a_day --kerb-seed=3 --target=emulator",
        "pytest test_mine.py::test_a_wrong_word --kerb-seed=3 --target=emulator",
    ])
    assert "Traceback" not in result.stdout.str()
