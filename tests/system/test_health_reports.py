"""What a node says of its health by itself, held against what the emulator knows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kerbstone.errors import KerbstoneError
from kerbstone.healthview import collect, read, rows, sparkline
from kerbstone.paths import boards_dir
from kerbstone.testing.node import KerbNode

_CELL = "inr18650_35e"


def reports(node: KerbNode) -> list[dict[str, Any]]:
    return [r for r in node.service if r["profile"] == "health"]


def variant(folder: Path, name: str, *changes: tuple[str, str]) -> Path:
    """A ready-made node with other words in its file."""
    text = (boards_dir() / "nodes" / f"{name}.toml").read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    (folder / f"{name}.toml").write_text(text.partition("[budget]")[0])
    return folder / f"{name}.toml"


@pytest.mark.security("11")
def test_the_forecast_of_a_small_battery_is_what_the_ledger_leaves_of_it(kerb_node, tmp_path) -> None:
    slow = ("period_s = 600", "period_s = 7200"), ("report_s = 3600", "report_s = 7200")
    world = "[world.parts.battery]\ncell = \"inr18650_35e\"\ncapacity_mah = 11\n[budget]"
    node = kerb_node(variant(tmp_path, "bins", *slow, ("ls33600", _CELL), ("[budget]", world)))
    node.run("7d")
    battery = node.parts["battery"]
    values = reports(node)[-1]["values"]
    assert values["link_acked_pct"] == 100 and -140 < values["link_dbm"] < -60 and values["link_margin_db"] > 0
    erased = sum(node._runtime.device.flash.erases)
    reckoned = values["flash_wear_ppm"] * 1e-6 * 100_000 * node._runtime.device.flash.blocks
    assert abs(reckoned - erased) <= 0.6 * erased + 0.25e-6 * 100_000 * node._runtime.device.flash.blocks, (reckoned, erased)
    while battery.left:
        node.run("6h")
    empty_d = node.clock / 86400
    told = [(r["t_us"] / 86_400e6, r["values"]["battery_days"]) for r in reports(node)]
    print(f"empty after {empty_d:.2f} days; told, days too many: {[(round(t, 1), d and round(t + d - empty_d, 1)) for t, d in told]}")
    assert [days for _, days in told[:3]] == [None] * 3, "three points are no line"
    assert len(told) > 7 and all(abs(at + days - empty_d) <= 0.25 * (empty_d - at) + 1 for at, days in told[3:])
    node.assert_nothing_lost()


def test_a_node_without_a_battery_forecasts_nothing(kerb_node) -> None:
    node = kerb_node("light").run("25h")
    values = reports(node)[-1]["values"]
    assert values["battery_days"] is None and values["link_dbm"] < -40 and values["part_faults"] == []


def test_a_node_may_stay_silent(kerb_node, tmp_path) -> None:
    node = kerb_node(variant(tmp_path, "light", ("[uplink]", "[health]\nperiod_h = 0\n[uplink]"))).run("25h")
    assert not reports(node) and node.records


def test_a_recording_of_a_fleet_is_a_table(kerb_node, tmp_path) -> None:
    node = kerb_node(variant(tmp_path, "light", ("[uplink]", "[health]\nperiod_h = 2\n[uplink]"))).run("5h")
    frames = [line.split()[-1] for line in node.console if line.startswith("kerb sent") and line.split()[-1].startswith("c1")]
    assert len(frames) == 2
    lines = [json.dumps({"at": f"2026-11-21T0{n}:00:00Z", "device": "KS-1", "payload": frame}) for n, frame in enumerate(frames)]
    path = tmp_path / "fleet.jsonl"
    path.write_text("\n".join([*lines, json.dumps({"at": "x", "device": "KS-2", "payload": "00"})]))
    (device,) = read(path)
    assert device.name == "KS-1" and len(device.reports) == 2 and device.concerns() == []
    assert rows(device)["lasts"] == "nobody can tell" and sparkline([1, 2, 3]) == "▁▅█"


@pytest.mark.parametrize("line", ["{}", "[]", "1", "{", '{"at": 1, "device": 2, "payload": "0g"}', "[" * 99999, '{"payload": null}'])
def test_a_line_that_is_none_is_named(line: str) -> None:
    with pytest.raises(KerbstoneError, match=r"week\.jsonl:2 is no line"):
        collect(["", line], "week.jsonl")


@given(st.binary(max_size=60))
def test_whatever_a_payload_holds_there_is_a_device_with_rows_or_none(payload: bytes) -> None:
    for device in collect([json.dumps({"at": "now", "device": "x", "payload": (b"\xc1" + payload).hex()})], "here"):
        assert set(rows(device)) > {"device", "lasts", "concerns"} and isinstance(device.concerns(), list)
