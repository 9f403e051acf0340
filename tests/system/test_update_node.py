"""Updates over the air to an emulated node in EU868: a good one, ones that must be left again, one that was interrupted for a week."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from kerbstone.build.node import Node, load_node
from kerbstone.emulator.faults import fault
from kerbstone.testing.bench import TestBench
from kerbstone.testing.node import KerbNode
from kerbstone.update.bundle import fragments
from kerbstone.update.keys import ES256, SigningKey, new_key
from update_bench import FAILING, bin_with_updates, bundle, small_lms, told

PORT = 120
FRAGMENT = 51  # bytes: the largest payload of EU868 DR0 to DR2
VOLT = 3.6  # of the node's cell
FACTOR = 1.5  # between what a device reckons for an update and what the ledger charges


@pytest.fixture(scope="module")
def keys() -> list[SigningKey]:
    return [new_key(b"\1", ES256), new_key(b"\2", ES256)]


@pytest.fixture
def bin_node(tmp_path: Path, keys: list[SigningKey]) -> Node:
    """The street bin, reporting every ten minutes so that there are receive windows, and taking updates."""
    return bin_with_updates(tmp_path, keys, 600)


def send(node: KerbNode, pieces: list[bytes]) -> None:
    for piece in pieces:
        node.enqueue(PORT, piece)


def reported(node: KerbNode) -> list[str]:
    """What arrived of it at the far end; equal reports that follow each other are one."""
    found: list[str] = []
    for values in (r["values"] for r in node.service if r["profile"] == "update"):
        words = f"{values['update_state']} {values['update_reason']}" if values["update_reason"] != "none" else values["update_state"]
        if not found or found[-1] != words:
            found.append(words)
    return found


def run_until(node: KerbNode, words: str, hours: float) -> None:
    """Lets it live until the far end has heard this of an update, for so many hours at the most: what follows would prove no more."""
    end = node.clock + hours * 3600
    while words not in reported(node)[-1:] and node.clock < end:
        node.run(min(1800, end - node.clock))


def test_a_change_of_one_line_arrives_proves_itself_and_stays(kerb_node: TestBench, bin_node: Node, keys, tmp_path: Path, capsys):
    plain = tmp_path / "plain.toml"
    plain.write_text(bin_node.file.path.read_text())
    node, other = kerb_node(bin_node), kerb_node(load_node(str(plain)))
    made = bundle(bin_node, keys[0], tmp_path, 1, "kerb/apps/bins.py", '"full_pct": 90,', '"full_pct": 85,')
    pieces = fragments(made, FRAGMENT)
    send(node, pieces)
    while not any(words.startswith("probation") for words in told(node)) and node.clock < 12 * 3600:
        node.run("30m")
    more = (node.energy_by_part["mcu"] + node.energy_by_part["radio"]) - (other.energy_by_part["mcu"] + other.energy_by_part["radio"])
    with capsys.disabled():
        print(f"\nupdate: {len(made)} bytes, {len(pieces)} fragments of {FRAGMENT}, proven after {node.clock / 3600:.1f} h; {more:.3f} mAh "
              f"({more * 3.6 * 3.6:.2f} J at 3.6 V) more than a node without", file=sys.stderr)
    assert 0 < more < 1
    # What the device reckoned, and what the ledger has of the two starts that follow a reset: the one that installs, and the first after.
    told_mj = next(int(line.split()[3]) for line in node.console if line.startswith("kerb cost update"))
    starts = [s for s in node.result.wake_sums if s["cause"] == "reset"]
    charged_mj = sum(s["charge_uas"] for s in starts) * VOLT / 1000
    with capsys.disabled():
        print(f"update: {told_mj} mJ reckoned on the device, {charged_mj:.0f} mJ in the ledger ({sum(s['count'] for s in starts)} starts)",
              file=sys.stderr)
    assert told_mj / FACTOR < charged_mj < told_mj * FACTOR
    node.run("26h")
    assert [words.split()[0] for words in told(node)] == ["installed", "probation", "confirmed"]
    assert reported(node) == ["receiving", "trial", "probation", "confirmed"]
    counted = [r["values"] for r in node.service if r["profile"] == "update" and r["values"]["update_state"] == "receiving"]
    assert [(v["fragments"], v["fragments_wanted"]) for v in counted] == [(1, len(pieces))], "each would cost the gateway airtime"
    health = [r["values"] for r in node.service if r["profile"] == "health"]
    assert len(health) == 4 and {h["crashes"] for h in health} == {0}, "before, at probation, once a day, at the end"
    node.assert_nothing_lost()


def test_a_bundle_that_is_refused_is_told_with_its_reason_though_there_are_no_slots_yet(kerb_node: TestBench, bin_node: Node, keys,
                                                                                       tmp_path: Path):
    node = kerb_node(bin_node)
    made = bytearray(bundle(bin_node, keys[0], tmp_path, 1, "kerb/apps/bins.py", '"full_pct": 90,', '"full_pct": 85,'))
    made[100] ^= 1
    send(node, fragments(bytes(made), 115))
    run_until(node, "refused signature", 5)
    assert reported(node) == ["receiving", "refused signature"]
    node.assert_nothing_lost()


def test_a_bundle_larger_than_any_free_piece_of_the_heap_is_put_together_all_the_same(kerb_node: TestBench, tmp_path: Path):
    signers = [small_lms(1), small_lms(2)]
    node_file = bin_with_updates(tmp_path, signers, 600)
    node = kerb_node(node_file)
    made = bundle(node_file, signers[0], tmp_path, 1, "kerb/apps/bins.py", '"full_pct": 90,', '"full_pct": 85,')
    pieces = fragments(made, 200)
    assert len(made) > 4096 and len(pieces) > 20
    send(node, pieces)
    node.run("6h")
    assert [words.split()[0] for words in told(node)] == ["installed", "probation"], node.console[-10:]


@pytest.mark.parametrize("case", FAILING)
def test_one_that_fails_is_left_for_the_one_before(kerb_node: TestBench, bin_node: Node, keys, tmp_path: Path, case: str):
    name, old, new, reason, hours = FAILING[case]
    node = kerb_node(bin_node)
    send(node, fragments(bundle(bin_node, keys[0], tmp_path, 1, name, old, new), FRAGMENT))
    run_until(node, f"reverted {reason}", hours)
    words = [text.split() for text in told(node)]
    assert words[0][0] == "installed" and words[-1] == ["reverted", reason, "1"], node.console[-20:]
    if case == "crashes in its third hour":
        assert words[1][0] == "probation", "it had reached the network before"
    after = len(node.records)
    node.run("1h")
    assert len(node.records) >= after + 4, "the one before reports again"
    assert told(node)[-1] == f"reverted {reason} 1", "and stays"
    assert reported(node)[-1] == f"reverted {reason}", reported(node)
    # The number has failed: the same bundle is not taken again.
    send(node, fragments(bundle(bin_node, keys[0], tmp_path, 1, name, old, new), FRAGMENT))
    run_until(node, "refused replayed", 9)
    assert told(node)[-1].split()[:2] == ["refused", "replayed"]
    assert reported(node)[-1] == "refused replayed"


def test_one_that_was_interrupted_for_a_week_goes_on_where_it_was(kerb_node: TestBench, bin_node: Node, keys, tmp_path: Path):
    node = kerb_node(bin_node)
    pieces = fragments(bundle(bin_node, keys[1], tmp_path, 3, "kerb/apps/bins.py", '"full_pct": 90,', '"full_pct": 85,'), FRAGMENT)
    half = len(pieces) // 2
    send(node, pieces[:half])
    node.run("2h")
    node.power_cut(off_s=7 * 86400)
    node.run("7d")
    send(node, pieces[half:])
    node.run("2h")
    assert [words.split()[0] for words in told(node)] == ["installed", "probation"]


def test_it_arrives_in_twenty_fragments_at_dr3_though_every_fifth_frame_is_lost(kerb_node: TestBench, bin_node: Node, keys, tmp_path: Path,
                                                                              capsys):
    made = bundle(bin_node, keys[0], tmp_path, 1, "kerb/apps/bins.py", '"full_pct": 90,', '"full_pct": 85,')
    pieces = fragments(made, 115, coded=12)
    assert len(pieces) <= 20
    node = kerb_node(bin_node, faults=[fault("radio_loss", share=0.2)])
    node.run("4h")  # ADR has found its rate: the network drops what does not fit a slower one
    send(node, pieces)
    while not any(words.startswith("probation") for words in told(node)) and node.clock < 16 * 3600:
        node.run("30m")
    came = sum(line.startswith("kerb downlink 120") for line in node.console)
    assert told(node)[0].startswith("installed")
    with capsys.disabled():
        print(f"\nupdate with loss: {len(made)} bytes, {came} fragments of 115 came in of {len(pieces)}, on trial and proven after "
              f"{node.clock / 3600 - 4:.1f} h", file=sys.stderr)
