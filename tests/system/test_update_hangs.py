"""Applications on trial that hang without a crash, at once or in their third hour, on both chips; one that brings a setting."""

from __future__ import annotations

from pathlib import Path

import pytest

from fragile_node import fragile
from kerbstone.build.node import load_node
from kerbstone.testing.bench import TestBench
from kerbstone.update.bundle import fragments
from kerbstone.update.keys import ES256, SigningKey, new_key
from kerbstone.update.trust import trust_json
from update_bench import UPDATE_TABLE, changed_app, told

STEP = "    def step(self, sample, now):\n"
# The RTC of an RP2040 starts at 2021-01-01, after each reset; that of an ESP32 at its epoch.
HANGS = {
    "at once": STEP + "        import time\n        while True:\n            time.sleep_ms(20000)\n",
    "in its third hour": STEP + "        import time\n        while now.mono % 1609459200 > 9000:\n            time.sleep_ms(20000)\n",
}
BOARDS = {"rp2040": ("pico_w", 480), "esp32s3": ("xiao_esp32s3_wio_sx1262", 51)}  # bytes of a fragment


@pytest.fixture(scope="module")
def keys() -> list[SigningKey]:
    return [new_key(b"\1", ES256), new_key(b"\2", ES256)]


# An ESP32's third hour is a case of test_update_node.py.
@pytest.mark.parametrize(("when", "chip"), [("at once", "rp2040"), ("at once", "esp32s3"), ("in its third hour", "rp2040")])
def test_one_that_hangs_is_left_for_the_one_before(kerb_node: TestBench, keys, tmp_path: Path, when: str, chip: str):
    board, size = BOARDS[chip]
    (tmp_path / "trust.json").write_text(trust_json(keys))
    path = fragile(tmp_path, board)
    path.write_text(path.read_text() + UPDATE_TABLE)
    node = kerb_node(load_node(str(path)))
    node.run("12m")
    for piece in fragments(changed_app(node.node, tmp_path, keys[0], (STEP, HANGS[when])), size):
        if chip == "rp2040":
            node.send(b"KUF1" + piece)
            node.run(2)
        else:
            node.enqueue(120, piece)
    # An RP2040 counts its seconds anew after a reset, so three starts take three times three hours.
    node.run("3h" if when == "at once" else "9h")
    words = [text.split() for text in told(node)]
    assert words[0][0] == "installed" and words[-1] == ["reverted", "strikes", "1"], told(node)
    assert when == "at once" or words[1][0] == "probation", told(node)
    before = len(node.records)
    node.run("1h")
    assert len(node.records) >= before + 5, "the one before reports again"


def test_a_setting_that_is_new_has_its_default_and_can_be_configured(kerb_node: TestBench, keys, tmp_path: Path):
    (tmp_path / "trust.json").write_text(trust_json(keys))
    path = fragile(tmp_path)
    path.write_text(path.read_text() + UPDATE_TABLE)
    node = kerb_node(load_node(str(path)))
    node.run("12m")
    before = node.values["warmth"]
    more = ('"mute": False,', '"mute": False, "warmer": 4,'), ('sample.get("temp_c")', 'sample.get("temp_c") + self._set["warmer"]')
    for piece in fragments(changed_app(node.node, tmp_path, keys[0], *more), 480):
        node.send(b"KUF1" + piece)
        node.run(2)
    node.run("20m")
    assert [text.split()[0] for text in told(node)] == ["installed", "probation"]
    assert node.values["warmth"] == pytest.approx(before + 4, abs=1), "node.json does not know it"
    node.command("configure", [2, {"warmer": 9}, 60])
    node.run("20m")
    assert node.values["warmth"] == pytest.approx(before + 9, abs=1)
    node.assert_nothing_lost()
