"""Boards with SX1276: whole nodes join and report over the virtual air, on ESP32 and on RP2040."""

from dataclasses import replace

import pytest

from kerbstone.build.board import load_board
from kerbstone.build.compile import node_json
from kerbstone.build.node import load_node
from kerbstone.build.pmu import mistakes
from kerbstone.emulator.cell import CellOrder, run_cell
from kerbstone.emulator.parts.axp import Axp
from kerbstone.emulator.parts.base import Nack
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
    "lilygo_tbeam_sx1276": ("EU868", (13, 14)),
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
    cell = run_cell(CellOrder(nodes, 5, START_UTC, HOUR_US, {}), lambda share: None)
    for one, trace in zip(nodes, cell.nodes, strict=True):
        done = tally(one, trace, trace.delivered, START_UTC, HOUR_US)
        assert (done.lost, done.duplicates) == (0, 0) and done.decoded >= 4, (done.name, done.decoded, done.notes)
    assert [event for event in cell.events if event[2] == "radio_misuse"] == []
    assert {event[1] for event in cell.events if event[2] == "on_air"} >= {one.name for one in nodes}


def test_a_chip_of_the_family_reaches_the_firmware_as_its_driver_and_model(tmp_path):
    one = node(tmp_path, "lilygo_t3_v2_1")
    board = one.board.model_copy(update={"radio": one.board.radio.model_copy(update={"chip": "sx1278"})})
    table = node_json(replace(one, board=board))["uplink"]["radio"]
    assert (table["chip"], table["model"]) == ("sx1276", "sx1278") and "model" not in node_json(one)["uplink"]["radio"]


# -- radios behind a power chip ------------------------------------------------------------------------------------------------


def lived(one, hours=1):
    cell = run_cell(CellOrder([one], 5, START_UTC, hours * HOUR_US, {}), lambda share: None)
    return tally(one, cell.nodes[0], cell.nodes[0].delivered, START_UTC, hours * HOUR_US), cell


def tbeam(folder, **radio):
    one = node(folder, "lilygo_tbeam_sx1276")
    return replace(one, board=one.board.model_copy(update={"radio": one.board.radio.model_copy(update=radio)}))


@pytest.mark.parametrize("rail", ["v11.ldo2", "v12.aldo2"])
def test_either_issue_of_a_t_beam_gives_its_radio_a_supply(tmp_path, rail):
    done, _ = lived(tbeam(tmp_path, pmu_rail=rail))
    assert done.lost == 0 and done.decoded >= 4, done.notes


def test_without_its_rail_the_radio_is_silent_and_the_node_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(Axp, "i2c_write", lambda self, data: (_ for _ in ()).throw(Nack))
    done, cell = lived(tbeam(tmp_path))
    assert done.lost == 0 and done.decoded == 0 and any("power chip of the radio at 0x34" in note for note in done.notes), done.notes
    assert not [event for event in cell.events if event[2] == "on_air" and event[1] == done.name]


def test_a_rail_that_cannot_be_switched_is_a_mistake_of_the_board_file():
    board = load_board("lilygo_tbeam_sx1276")
    assert mistakes(board) == []

    def changed(given="v12.aldo2", **rail):
        v12 = board.pmu["v12"]
        rails = {**v12.rail, "aldo2": v12.rail["aldo2"].model_copy(update=rail)}
        pmu = {**board.pmu, "v12": v12.model_copy(update={"rail": rails})}
        return board.model_copy(update={"pmu": pmu, "radio": board.radio.model_copy(update={"pmu_rail": given})})

    for wrong, words in ((changed("v13.aldo2"), "no rail v13.aldo2"), (changed("v12.dc1"), "no rail"), (changed(feeds="GNSS"), "no rail"),
                         (changed(mv=4000), "cannot set aldo2 of the axp2101 to 4000 mV")):  # fmt: skip
        ((key, sentence),) = mistakes(wrong)
        assert key == "radio.pmu_rail" and words in sentence


def test_the_voltage_is_coded_as_the_sheets_say(tmp_path):
    """3.3 V: AXP192 1.8 V and 15 steps in the upper half of a byte, AXP2101 0.5 V and 28 steps."""
    assert node_json(tbeam(tmp_path))["uplink"]["radio"]["pmu"]["rails"] == [
        [0x03, 0x12, 0x04, 0x28, 0xF0, 0xF0], [0x4A, 0x90, 0x02, 0x93, 0x1F, 28],
    ]  # fmt: skip
