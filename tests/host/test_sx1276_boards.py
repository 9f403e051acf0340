"""Boards with SX1276: whole nodes join and report over the virtual air, on ESP32 and on RP2040."""

from dataclasses import replace

import pytest

from kerbstone.build.compile import node_json
from kerbstone.build.node import load_node
from kerbstone.emulator.cell import CellOrder, run_cell
from kerbstone.emulator.run import START_UTC
from kerbstone.emulator.tally import tally

HOUR_US = 3_600_000_000
NODE = """
[node]
board = "{board}"
app = "bins"
[parts.level]
driver = "hc_sr04"
period_s = 600
trig_pin = {pins[0]}
echo_pin = {pins[1]}
[app]
report_s = 600
[uplink]
kind = "lorawan"
region = "{region}"
confirm = "all"
[policy]
deep_sleep = {deep}
[world]
gateway_m = 300.0
"""
BOARDS = {
    "lilygo_t3_v2_1": ("EU868", (13, 14)),
    "lilygo_t3_v2_1_tcxo": ("EU868", (13, 14)),
    "lilygo_t3_v3_0": ("EU868", (13, 14)),
    "adafruit_feather_rp2040_rfm95": ("EU868", (10, 11)),
    "ilabs_challenger_rp2040_lora": ("US915", (2, 3)),
}


def node(folder, board):
    region, pins = BOARDS[board]
    deep = "false" if "rp2040" in board else "true"
    path = folder / f"{board.replace('_', '-')}.toml"
    path.write_text(NODE.format(board=board, region=region, pins=pins, deep=deep))
    return load_node(str(path))


@pytest.mark.parametrize("region", ["EU868", "US915"])
def test_every_board_with_an_sx1276_joins_and_loses_nothing(tmp_path, region):
    nodes = [node(tmp_path, board) for board in BOARDS if BOARDS[board][0] == region]
    cell = run_cell(CellOrder(nodes, 5, START_UTC, 2 * HOUR_US, {}), lambda share: None)
    for one, trace in zip(nodes, cell.nodes, strict=True):
        done = tally(one, trace, trace.delivered, START_UTC, 2 * HOUR_US)
        assert (done.lost, done.duplicates) == (0, 0) and done.decoded >= 9, (done.name, done.decoded, done.notes)
    assert [event for event in cell.events if event[2] == "radio_misuse"] == []
    assert {event[1] for event in cell.events if event[2] == "on_air"} >= {one.name for one in nodes}


def test_a_chip_of_the_family_reaches_the_firmware_as_its_driver_and_model(tmp_path):
    one = node(tmp_path, "lilygo_t3_v2_1")
    board = one.board.model_copy(update={"radio": one.board.radio.model_copy(update={"chip": "sx1278"})})
    table = node_json(replace(one, board=board))["uplink"]["radio"]
    assert (table["chip"], table["model"]) == ("sx1276", "sx1278") and "model" not in node_json(one)["uplink"]["radio"]
