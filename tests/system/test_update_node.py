"""Updates over the air to an emulated node in EU868: a good one, ones that must be left again, one that was interrupted for a week."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from kerbstone.build.compile import board_files
from kerbstone.build.firmware import compile_file
from kerbstone.build.node import Node, load_node
from kerbstone.emulator.faults import fault
from kerbstone.paths import boards_dir, firmware_dir
from kerbstone.testing.bench import TestBench
from kerbstone.testing.node import KerbNode
from kerbstone.update.bundle import Update, application, class_id, fragments, vendor_id
from kerbstone.update.keys import ES256, SigningKey, new_key
from kerbstone.update.trust import trust_json

PORT = 120
FRAGMENT = 51  # bytes: the largest payload of EU868 DR0 to DR2
TABLE = '\n[update]\nvendor = "example.org"\nclass = "bin"\nkeys = "trust.json"\n'


@pytest.fixture(scope="module")
def keys() -> list[SigningKey]:
    return [new_key(b"\1", ES256), new_key(b"\2", ES256)]


@pytest.fixture
def bin_node(tmp_path: Path, keys: list[SigningKey]) -> Node:
    """The street bin, reporting every ten minutes so that there are receive windows, and taking updates."""
    text = (boards_dir() / "nodes" / "bins.toml").read_text().replace("report_s = 3600", "report_s = 600").split("[budget]")[0]
    (tmp_path / "trust.json").write_text(trust_json(keys))
    path = tmp_path / "updated.toml"
    path.write_text(text + TABLE)
    return load_node(str(path))


def bundle(node: Node, key: SigningKey, folder: Path, sequence: int, name: str, old_text: str, new_text: str) -> bytes:
    """From what was flashed to the same with one text of one file replaced."""
    old = application(board_files(node))
    source = (firmware_dir() / name).read_text()
    assert old_text in source
    changed = folder / Path(name).name
    changed.write_text(source.replace(old_text, new_text, 1))
    new = {**old, name.replace(".py", ".mpy"): compile_file(changed, name)}
    return Update(vendor_id("example.org"), class_id("example.org", "bin"), sequence, new, old).bundle(key)


def send(node: KerbNode, pieces: list[bytes]) -> None:
    for piece in pieces:
        node.enqueue(PORT, piece)


def told(node: KerbNode) -> list[str]:
    return [line.removeprefix("kerb update ") for line in node.console if line.startswith("kerb update ")]


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
    node.run("26h")
    assert [words.split()[0] for words in told(node)] == ["installed", "probation", "confirmed"]
    node.assert_nothing_lost()




FAILING = {
    "cannot reach the network": ("kerb/delivery.py", "done = way.uplink.connect() and self._exchange(way)", "done = False", "silent", 9.0),
    "crashes in its third hour": (
        "kerb/apps/bins.py", "        effects = []\n", "        effects = [] if now.mono < 14000 else None[0]\n", "crash", 5.0,
    ),
    "hangs": (
        "kerb/apps/bins.py", "        effects = []\n",
        "        effects = []\n        import time\n        while now.mono > 9000:\n            time.sleep_ms(10000)\n", "strikes", 8.0,
    ),
    "cannot be imported": ("kerb/node.py", "from kerb.store import Store", "from kerb.store import Shop", "import", 4.0),
}


@pytest.mark.parametrize("case", FAILING)
def test_one_that_fails_is_left_for_the_one_before(kerb_node: TestBench, bin_node: Node, keys, tmp_path: Path, case: str):
    name, old, new, reason, hours = FAILING[case]
    node = kerb_node(bin_node)
    send(node, fragments(bundle(bin_node, keys[0], tmp_path, 1, name, old, new), FRAGMENT))
    node.run(hours * 3600)
    words = [text.split() for text in told(node)]
    assert words[0][0] == "installed" and words[-1] == ["reverted", reason, "1"], node.console[-20:]
    if case == "crashes in its third hour":
        assert words[1][0] == "probation", "it had reached the network before"
    after = len(node.records)
    node.run("1h")
    assert len(node.records) >= after + 4, "the one before reports again"
    assert told(node)[-1] == f"reverted {reason} 1", "and stays"
    # The number has failed: the same bundle is not taken again.
    send(node, fragments(bundle(bin_node, keys[0], tmp_path, 1, name, old, new), FRAGMENT))
    node.run("9h")
    assert told(node)[-1].split()[:2] == ["refused", "replayed"]


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
    send(node, pieces)
    while not any(words.startswith("probation") for words in told(node)) and node.clock < 12 * 3600:
        node.run("30m")
    came = sum(line.startswith("kerb downlink 120") for line in node.console)
    assert told(node)[0].startswith("installed")
    with capsys.disabled():
        print(f"\nupdate with loss: {len(made)} bytes, {came} fragments of 115 came in of {len(pieces)}, on trial and proven after "
              f"{node.clock / 3600:.1f} h", file=sys.stderr)
