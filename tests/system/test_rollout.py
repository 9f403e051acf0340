"""Roll-outs to emulated nodes on the bench network: bad images stop at the first ring, a good one reaches all.

200 nodes with every kind of bad image, and a good image for all 200: KERBSTONE_CAMPAIGN=full.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from rich.console import Console

from kerbstone.emulator.faults import fault
from kerbstone.emulator.faults.model import Order
from kerbstone.update.keys import ES256, SigningKey, new_key
from kerbstone.update.rollout.gate import Gate
from kerbstone.update.rollout.model import CONFIRMED, DONE, HALTED, WAITING
from kerbstone.update.rollout.rehearsal import Outcome, Wish, rehearse
from kerbstone.update.rollout.show import table
from update_bench import FAILING, bin_with_updates, bundle

FULL = os.environ.get("KERBSTONE_CAMPAIGN") == "full"
HOUR = 3600
EVERY_S = HOUR if FULL else 3 * HOUR  # a node measures and reports: what a run costs is its wakes
SIZE = 51 if FULL else 200  # bytes of a fragment: of many nodes some fall back to rates of EU868 that carry no more than 51
CRASHES = ("kerb/apps/bins.py", '"full_pct": 90,', '"full_pct": 90 // 0,')
GOOD = ("kerb/apps/bins.py", '"full_pct": 90,', '"full_pct": 85,')
FAILS_PARTS = ("kerb/drivers/sht4x.py", "if not check_words(self._six, 2):", "if check_words(self._six, 2):")


@pytest.fixture(scope="module")
def keys() -> list[SigningKey]:
    return [new_key(b"\1", ES256), new_key(b"\2", ES256)]


def roll_out(folder: Path, keys: list[SigningKey], change: tuple[str, str, str], wish: Wish, faults: list[Order] | None = None,
             every_s: int = EVERY_S) -> Outcome:
    node = bin_with_updates(folder, keys, every_s, every_s)
    return rehearse(node, bundle(node, keys[1], folder, 1, *change), wish, faults=faults or [])


def shown(capsys: pytest.CaptureFixture[str], title: str, done: Outcome) -> None:
    with capsys.disabled():
        hours = "never" if done.stopped_s is None else f"after {done.stopped_s / HOUR:.1f} h"
        print(f"\n{title}: stopped {hours}; {len(done.installed)} nodes started it, {done.uplinks} uplinks", file=sys.stderr)
        Console(file=sys.stderr, width=100).print(table(done.rollout), f"{done.rollout.reason}\n")


def assert_stopped_in_the_first_ring(done: Outcome, nodes: int, every_s: int = EVERY_S) -> None:
    assert done.rollout.state == HALTED and done.rollout.ring == 0, done.rollout.reason
    first = {device.name for device in done.rollout.of_ring(0)}
    assert len(done.rollout.devices) == nodes and {name.rsplit("-", 1)[0] for name in first} >= done.installed
    assert all(d.state == WAITING and d.sent == 0 for d in done.rollout.devices if d.ring), "nobody else was offered it"
    assert len(done.heard_s) == nodes and min(done.heard_s.values()) > done.ran_s - 1.2 * every_s, "all of them go on reporting"


def test_a_bad_image_stops_at_the_first_ring_of_two_hundred_nodes(tmp_path: Path, keys, capsys):
    wish = Wish(200, ("1%", "10%", "100%"), Gate(auto=True), 24 * HOUR, 3, settle_s=0, rest_s=HOUR + 900, size=SIZE)
    done = roll_out(tmp_path, keys, CRASHES, wish, every_s=HOUR)
    shown(capsys, "200 nodes, crashes at its start", done)
    assert_stopped_in_the_first_ring(done, 200, HOUR)
    assert done.stopped_s and min(done.heard_s.values()) > done.stopped_s, "each has reported since"
    assert "reverted (crash)" in done.rollout.reason and 1 <= len(done.installed) <= 2


KINDS = {
    "crashes in its third hour": (FAILING["crashes in its third hour"][:3], "reverted (crash)"),
    "cannot reach the network": (FAILING["cannot reach the network"][:3], "reverted (silent)"),
    "a part fails under it": (FAILS_PARTS, "unwell (1 parts fail)"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_bad_image_stops_at_the_first_ring(tmp_path: Path, keys, capsys, kind: str):
    change, reason = KINDS[kind]
    nodes = 200 if FULL else 2
    done = roll_out(tmp_path, keys, change, Wish(nodes, ("1%", "100%"), Gate(auto=True), 48 * HOUR, size=SIZE))
    shown(capsys, f"{nodes} nodes, {kind}", done)
    assert_stopped_in_the_first_ring(done, nodes)
    assert reason in done.rollout.reason


def test_a_node_that_falls_silent_counts_as_failed_though_the_image_is_good(tmp_path: Path, keys, capsys):
    wish = Wish(3, ("100%",), Gate(silent_s=6 * HOUR), 24 * HOUR, size=SIZE, settle_s=0)
    done = roll_out(tmp_path, keys, GOOD, wish, [fault("power_cut", "updated-002", at="205s", off="30d")])
    shown(capsys, "3 nodes, one dies", done)
    assert done.rollout.state == HALTED and "1 of 3 devices failed and 0 may: 1 silent (not heard for 6 h)" in done.rollout.reason
    assert len(done.installed) == 2


def test_a_good_image_reaches_all_ring_by_ring(tmp_path: Path, keys, capsys):
    nodes, rings = (200, ("1%", "10%", "100%")) if FULL else (2, ("1%", "100%"))
    done = roll_out(tmp_path, keys, GOOD, Wish(nodes, rings, Gate(auto=True), 8 * 24 * HOUR, size=SIZE))
    shown(capsys, f"{nodes} nodes, a good image", done)
    assert done.rollout.state == DONE and len(done.installed) >= 0.95 * nodes
    confirmed = [device for device in done.rollout.devices if device.state == CONFIRMED]
    assert len(confirmed) >= 0.95 * nodes and all(device.before and device.after for device in confirmed)
