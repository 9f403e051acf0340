"""A person who takes a node over at its prompt gets the magnetometer too: the coprocessor knows nothing of a soft reset."""

import json
from contextlib import contextmanager

import pytest

from enrolled_board import board_flash, new_file_system
from kerbstone.bench.virtual import VirtualBoard
from kerbstone.build.node import load_node
from kerbstone.build.package import pack
from kerbstone.emulator.identity import mint
from kerbstone.flash.link import Link

PART = "from kerb import config\nfrom kerb.parts import Part\nmag = Part('mag', config.load()['parts']['mag']).build()\n"
ARMED = PART + "mag.set('threshold_ut', 12.0)\nmag.sleep()\n"
# As a Ctrl-C in halt() leaves it: the timer is off, the pads are still the coprocessor's.
CUT_SHORT = ARMED + "import time\ntime.sleep(1)\nfrom machine import mem32\nmem32[0x600080FC] = 0\nmem32[0x50000338] = 1\n"
# Longer than a period of the coprocessor.
MEASURED = PART + """
import json, time
seen = []
for _ in range(12):
    mag.start()
    time.sleep_ms(100)
    seen.append(mag.measure({})["bx_ut"])
mag.sleep()
print(json.dumps(seen))
"""


@contextmanager
def at_its_prompt(folder):
    """The port of a board with the parking node's files, on which nothing starts by itself."""
    node = load_node("parking")
    files = pack(node).files
    del files["/main.py"]
    files["/identity.json"] = json.dumps(mint(1, "handover").values()).encode()
    folder.mkdir()
    board_flash(node.spec.node.board, folder / "flash.bin")
    new_file_system(node.spec.node.board, folder / "flash.bin", files)
    board = VirtualBoard(node.spec.node.board, folder, node=node)
    try:
        yield board.port
    finally:
        board.close()


@pytest.mark.parametrize("left", [ARMED, CUT_SHORT], ids=["armed", "halting"])
def test_the_sensor_answers_after_a_soft_reset_of_a_node_whose_coprocessor_watches(tmp_path, left):
    with at_its_prompt(tmp_path / "board") as port:
        with Link(port) as link:
            link.exec(left)
        for _ in range(2):
            with Link(port) as link:
                seen = link.ask(MEASURED)
                assert len(seen) == 12 and max(seen) - min(seen) < 3
