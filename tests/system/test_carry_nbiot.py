"""Updates over NB-IoT: the node fetches blocks from a real aiocoap server, many in a wake, and goes on a week later."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from carry_bench import bundle, joules, reported, updated
from kerbstone.build.node import Node
from kerbstone.listen.coap import CoapListener
from kerbstone.paths import boards_dir
from kerbstone.testing.bench import TestBench
from kerbstone.update.carry.coap import Shelf
from update_bench import told


def text(report_s: int = 1200, coverage: int = 0) -> str:
    ready = (boards_dir() / "nodes" / "bins_nbiot.toml").read_text().replace("report_s = 14400", f"report_s = {report_s}")
    return ready.split("[budget]")[0] + f"\n[world.parts.modem]\ncoverage = {coverage}\n"


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return updated(tmp_path, "fetching", text())


class Counting(Shelf):
    """Notes which bundles were asked for how often."""

    asked = 0

    def bundle(self, device: str, name: str) -> bytes | None:
        self.asked += 1
        return super().bundle(device, name)


def shelf_of(bench: TestBench) -> Counting:
    """A shelf behind the CoAP server of a bench."""
    (listener,) = [one for one in bench._listeners.values() if isinstance(one, CoapListener)]
    listener.shelf = shelf = Counting()
    return shelf


def test_a_changed_line_costs_one_block_and_no_wake(kerb_node: TestBench, node: Node, tmp_path: Path, capsys):
    plain, fetching = kerb_node(updated(tmp_path, "plain", text())), kerb_node(node)
    made = bundle(node, tmp_path)
    shelf = shelf_of(kerb_node)
    shelf.begin(fetching._runtime.identity.device_id, made)
    fetching.run("1h")
    assert [words.split()[0] for words in told(fetching)] == ["installed", "probation"]
    assert [row[0] for row in reported(fetching)] == ["trial", "probation"]
    assert shelf.asked == -(-len(made) // 256)
    assert not shelf.waits(fetching._runtime.identity.device_id), "what it said ends the offer"
    fetching.assert_nothing_lost()
    with capsys.disabled():
        print(f"\nNB-IoT: {len(made)} bytes in {shelf.asked} blocks, installed and proven: {joules(fetching, plain, 3.6):.1f} J more than "
              f"a node without", file=sys.stderr)


def test_one_that_was_interrupted_for_a_week_asks_from_the_next_block(kerb_node: TestBench, node: Node, tmp_path: Path):
    fetching = kerb_node(node)
    made = bundle(node, tmp_path, ballast=24_000)
    blocks = -(-len(made) // 256)
    shelf = shelf_of(kerb_node)
    shelf.begin(fetching._runtime.identity.device_id, made)
    while shelf.asked < 20:
        fetching.run(1)
    assert shelf.asked < blocks and not told(fetching)
    fetching.power_cut(off_s=7 * 86400)
    fetching.run("7d")
    before = shelf.asked
    assert not told(fetching)
    fetching.run("1h")
    assert told(fetching)[0].startswith("installed")
    assert before - 1 <= blocks - (shelf.asked - before) <= before, "none is asked for again but the one that was on its way"


def test_in_deep_coverage_a_wake_takes_a_few_blocks(kerb_node: TestBench, tmp_path: Path):
    node = updated(tmp_path, "deep", text(coverage=2))
    fetching = kerb_node(node)
    shelf = shelf_of(kerb_node)
    shelf.begin(fetching._runtime.identity.device_id, bundle(node, tmp_path, ballast=6_000))
    fetching.run("10m")
    early = shelf.asked
    fetching.run("1h")
    assert early <= 8 and early < shelf.asked < 24, (early, shelf.asked)
