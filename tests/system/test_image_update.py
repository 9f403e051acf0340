"""A new interpreter over MQTT to an emulated ESP32: one that works, ones that must be left again, boards that take none."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

import fragile_node
from kerbstone.bench.esp import image, otadata
from kerbstone.build.node import Node, load_node
from kerbstone.testing.bench import TestBench
from kerbstone.testing.node import KerbNode
from kerbstone.update.bundle import fragments
from kerbstone.update.image import ImageUpdate, pieces
from kerbstone.update.keys import ES256, SigningKey, new_key
from kerbstone.update.trust import trust_json
from update_bench import CLASS, UPDATE_TABLE, VENDOR, told

NEW = image.build(0, b"the next MicroPython" * 300)
SMALL = image.build(0, b"the next MicroPython" * 30)


@pytest.fixture(scope="module")
def keys() -> list[SigningKey]:
    return [new_key(b"\1", ES256), new_key(b"\2", ES256)]


def a_node(folder: Path, keys: list[SigningKey], board: str = "esp32_devkitc_ota", deep: str = "false") -> Node:
    (folder / "trust.json").write_text(trust_json(keys))
    fragile_node.BOARDS[board] = {
        "driver": "sht4x", "bus": 'bus = "i2c.main"', "deep": deep,
        "uplink": 'kind = "mqtt"' + ('\nlink = "burst"' if deep == "true" else ""),
    }  # fmt: skip
    path = fragile_node.fragile(folder, board)
    path.write_text(path.read_text() + UPDATE_TABLE)
    return load_node(str(path))


def announce(node: KerbNode, key: SigningKey, sequence: int, content: bytes = NEW, board: str = "ESP32_GENERIC-OTA") -> None:
    made = ImageUpdate(VENDOR, CLASS, sequence, content, board, "v1.29.1").bundle(key)
    for piece in fragments(made, 480):
        node.send(b"KUF1" + piece)
        node.run(2)


def deliver(node: KerbNode, content: bytes = NEW) -> None:
    for piece in pieces(content):
        node.send(piece)
        node.run(1)


def test_a_new_image_arrives_proves_itself_and_stays(kerb_node: TestBench, keys, tmp_path: Path):
    node = kerb_node(a_node(tmp_path, keys))
    parts = node._runtime.partitions
    node.run("12m")
    announce(node, keys[0], 4)
    node.run("12m")
    assert told(node) == ["expects 4 v1.29.1"]
    deliver(node)
    node.run("1m")
    assert parts.running.label == "ota_1" and parts.digest(parts.running) == hashlib.sha256(NEW).digest()
    node.run("30m")
    assert told(node)[1:] == ["installed 4 image", "confirmed 4"], node.console[-20:]
    assert parts.data.state(1) == otadata.VALID
    node.power_cut()
    node.run("20m")
    assert parts.running.label == "ota_1", "and stays after a loss of power"
    announce(node, keys[0], 4)
    node.run("12m")
    assert told(node)[-1].startswith("refused replayed 4") or told(node)[-1].split()[:2] == ["refused", "replayed"]
    node.assert_nothing_lost()


@pytest.mark.parametrize("end", ["panics", "is out of reach"])
def test_one_that_is_no_good_is_left_for_the_one_before(kerb_node: TestBench, keys, tmp_path: Path, end: str):
    node = kerb_node(a_node(tmp_path, keys))
    parts, device = node._runtime.partitions, node._runtime.device
    # What becomes of the new image once it has started: it resets at once, or its network is away for eight hours.
    fate = {"panics": lambda: device.reset(2), "is out of reach": lambda: kerb_node.strike("wifi_away", lasts="8h")}
    parts.spoilt[hashlib.sha256(NEW).digest()] = fate[end]
    node.run("12m")
    announce(node, keys[0], 4)
    node.run("12m")
    deliver(node)
    node.run("20m" if end == "panics" else "7h")
    assert parts.running.label == "ota_0" and parts.data.state(1) == otadata.ABORTED
    node.run("3h")
    assert told(node)[-1] == ("reverted strikes 4" if end == "panics" else "reverted silent 4"), told(node)
    before = len(node.records)
    node.run("1h")
    assert len(node.records) >= before + 5, "the one before reports"


def test_a_node_that_sleeps_deeply_takes_one_too_and_a_trial_outlasts_its_sleep(kerb_node: TestBench, keys, tmp_path: Path):
    node = kerb_node(a_node(tmp_path, keys, deep="true"))
    parts = node._runtime.partitions
    node.run("12m")
    # Not every message reaches a node that is awake for two seconds: the sender sends everything again, and what is there is passed over.
    for _ in range(4):
        if not told(node):
            announce(node, keys[0], 4, SMALL)
            node.run("10m")
    assert told(node) == ["expects 4 v1.29.1"], node.console[-20:]
    for _ in range(4):
        for piece in pieces(SMALL) if len(told(node)) == 1 else ():
            node.send(piece)
            node.run("10m")
    node.run("1h")
    assert told(node)[1:] == ["installed 4 image", "confirmed 4"], told(node)
    assert parts.running.label == "ota_1"


def test_what_does_not_fit_is_refused_with_a_reason(kerb_node: TestBench, keys, tmp_path: Path):
    node = kerb_node(a_node(tmp_path, keys))
    node.run("12m")
    announce(node, keys[0], 4, board="ESP32_GENERIC_S3-OTA")
    node.run("3m")
    announce(node, keys[0], 5, b"x" * 0x180000)
    node.run("3m")
    assert [text.split()[:2] for text in told(node)] == [["refused", "port"], ["refused", "size"]]


def test_a_board_with_one_partition_takes_none(kerb_node: TestBench, keys, tmp_path: Path):
    node = kerb_node(a_node(tmp_path, keys, "esp32_devkitc"))
    node.run("12m")
    announce(node, keys[0], 4)
    node.run("12m")
    assert told(node) == ["refused port update refused (port)"]
    assert not [line for line in node.console if "crash" in line]
    deliver(node)
    node.run("12m")
    node.assert_nothing_lost()
