"""How long after a wake the ready parking node looks at the field: the simulated bay of the application's tests goes by it."""

import sys
from itertools import pairwise
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "firmware"))

from bay_watch import COMPARATOR, COPROCESSOR

from kerbstone.build.node import load_node
from kerbstone.emulator.bench import Bench
from kerbstone.emulator.parts.lis2mdl import OUT
from kerbstone.emulator.run import START_UTC, run
from kerbstone.energy.account import account
from kerbstone.paths import boards_dir

EXT1, ULP = 3, 6  # machine.wake_reason()
HOURS_US = 3 * 3600 * 1_000_000


def parking(folder, watched=True):
    """The ready node; without the coprocessor the sensor's comparator wakes it."""
    path = folder / "parking.toml"
    text = (boards_dir() / "nodes" / "parking.toml").read_text()
    assert 'watch = "ulp"' in text
    path.write_text(text if watched else text.replace('watch = "ulp"', ""))
    return load_node(path)


def reads_after_a_wake(node_file, reason):
    """us after the first wake for this reason at which a sample was read, by whoever reads."""
    with Bench(1, START_UTC) as bench:
        node = bench.add(node_file)
        part = node.parts["mag"]
        reads, fetch = [], part._fetch

        def fetched(register):
            if register == OUT:
                reads.append(bench.kernel.now)
            return fetch(register)

        part._fetch = fetched
        bench.start()
        bench.kernel.at(0, node.device.power_on)
        bench.run(HOURS_US)
        wakes = [e[0] for e in bench.kernel.log.events if e[2] == "wake" and e[3]["reason"] == reason]
        node.device.stop()
    return [t - wakes[0] for t in reads if wakes[0] < t < wakes[0] + 2_000_000]


@pytest.mark.parametrize(("watched", "reason", "eyes"), [(True, ULP, COPROCESSOR), (False, EXT1, COMPARATOR)])
def test_the_first_looks_come_while_the_firmware_starts_and_the_first_sample_as_assumed(tmp_path, watched, reason, eyes):
    looks = reads_after_a_wake(parking(tmp_path, watched), reason)
    kept, looks = looks[: eyes.kept], looks[eyes.kept :]
    # The driver of a node without coprocessor reads once to throw away what is old. Then the looks; then samples, 50 ms apart.
    gaps = [b - a for a, b in pairwise(looks)]
    samples = next(i for i in range(len(gaps) - 3) if all(45_000 < gap < 60_000 for gap in gaps[i : i + 3]))
    early = looks[0 if eyes.kept else 1 : samples]
    print(f"kept at {[round(t / 1000) for t in kept]}, looks at {[round(t / 1000) for t in early]} ms")
    if kept:
        assert kept[0] <= eyes.kept_us
        assert max(b - a for a, b in pairwise(kept)) <= eyes.keep_us + 100
    assert early[0] <= eyes.first_look_us
    assert early[-1] >= eyes.last_look_us - eyes.looks_us
    assert (early[-1] - early[0]) / (len(early) - 1) <= eyes.looks_us
    assert looks[samples] <= eyes.boot_us


def lived(hours, hinder):
    """A watched node's event log, console and charge after some hours with a coprocessor that `hinder` has spoilt."""
    with Bench(1, START_UTC) as bench:
        node = bench.add(load_node("parking"))
        hinder(node.coprocessor)
        bench.start()
        bench.kernel.at(0, node.device.power_on)
        bench.run(hours * 3600 * 1_000_000)
        node.device.ledger.settle()
        meters = {name: dict(meter.time_us) for name, meter in node.device.ledger.meters.items()}
        node.device.stop()
        return bench.kernel.log.events, node.console.read_text(), meters


def pads_reach_nothing(coprocessor):
    for wire in coprocessor.wires.values():
        wire.parts = {}


def never_starts(coprocessor):
    coprocessor.foresight.enabled = False
    coprocessor.begin = lambda: None


@pytest.mark.parametrize(("hinder", "hours"), [(pads_reach_nothing, 3), (never_starts, 14)])
def test_a_coprocessor_that_is_deaf_in_deep_sleep_hands_the_watch_to_the_sensor(hinder, hours):
    events, console, meters = lived(hours, hinder)
    assert console.count("kerb fault mag no answer to the coprocessor in deep sleep") == 1
    reasons = [event[3]["reason"] for event in events if event[2] == "wake"]
    assert reasons[0] == (ULP if hinder is pads_reach_nothing else 4) and EXT1 in reasons and ULP not in reasons[1:]
    assert meters["mag"]["lp_10"] > 0.4 * hours * 3600 * 1_000_000


def test_a_day_with_fifteen_events_takes_at_most_one_milliampere_hour():
    node = load_node("parking")
    found = account(node, run([node], 1, 86_400_000_000))
    assert sum(wake.count for wake in found.wakes if wake.cause == "coprocessor") >= 15
    assert found.mah_per_day <= 1.0
    assert any("not been measured" in sentence for sentence in found.assumptions)
