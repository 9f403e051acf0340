"""A contact that wakes its node and is then held: one wake for each change, however long it stands, and the other contacts go on."""

from __future__ import annotations

from pathlib import Path

import pytest
from lived import live

from kerbstone.build.node import load_node

HOURS = 24
NODE = """
[node]
board = "{board}"
app = "terminal"
{contacts}
[uplink]
kind = "mqtt"
link = "burst"
"""
CONTACT = """
[parts.{name}]
driver = "digital_in"
input_pin = {pin}
wake_pin = {pin}
period_s = 3600
[app.channels.{name}]
source = "{name}.state"
high = 1
[world.parts.{name}]
quantity = "{quantity}"
"""
TIMER, EXT0, EXT1 = 4, 2, 3
BOARDS = {"heltec_wifi_lora_32_v3": (2, 4, 5), "esp32_devkitc": (26, 27, 33)}  # RTC pins


def contacts(board: str, *quantities: str) -> str:
    made = [CONTACT.format(name=f"c{i}", pin=pin, quantity=q) for i, (pin, q) in enumerate(zip(BOARDS[board], quantities, strict=False))]
    return NODE.format(board=board, contacts="".join(made))


def lived(folder: Path, board: str, *quantities: str):
    path = folder / "held.toml"
    path.write_text(contacts(board, *quantities))
    life = live(load_node(str(path)), HOURS * 3600)
    assert life.result.lost == 0 and not life.account.errors
    return life, [e["reason"] for _, e in life.of("wake")]


@pytest.mark.parametrize("board", sorted(BOARDS))
def test_a_contact_that_is_held_for_a_day_wakes_the_node_for_its_own_schedule_only(tmp_path: Path, board: str) -> None:
    life, reasons = lived(tmp_path, board, "mains_v")  # above 0.5 all day
    assert set(reasons) == {TIMER} and life.result.wakes == HOURS
    assert {record["values"]["c0"] for record in life.result.records} == {1}


@pytest.mark.parametrize("board", sorted(BOARDS))
def test_beside_a_held_contact_every_move_of_a_door_wakes_the_node_once(tmp_path: Path, board: str) -> None:
    life, reasons = lived(tmp_path, board, "mains_v", "door")
    moves = 2 * len(life.result.truth["events"])
    assert moves >= 6
    assert moves - 2 <= len(reasons) - reasons.count(TIMER) <= moves, "two visits may be one"
    assert {EXT0, EXT1} >= set(reasons) - {TIMER} and len(reasons) < HOURS + moves + 1


def test_beside_two_held_contacts_the_third_wakes_the_node_still(tmp_path: Path) -> None:
    life, reasons = lived(tmp_path, "heltec_wifi_lora_32_v3", "mains_v", "mains_v", "door")
    moves = 2 * len(life.result.truth["events"])
    assert moves - 2 <= len(reasons) - reasons.count(TIMER) <= moves
    assert EXT0 in reasons, "ext1 waits for the two that are held, ext0 for the door"
