"""Updates through the cable: the real command against virtual boards on pseudo-terminals."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import serial

from carry_bench import bundle, updated
from kerbstone.bench.chip_flash import blank
from kerbstone.bench.rp2 import RUNNING, Rp2Board
from kerbstone.build.board import load_board
from kerbstone.build.compile import board_files
from kerbstone.build.image import write_image
from kerbstone.build.node import Node
from kerbstone.emulator.engine import interpreter
from kerbstone.emulator.flash import read_image
from kerbstone.errors import LinkError, UpdateError
from kerbstone.flash.link import Link
from kerbstone.update.carry import serial as cable
from virtual_board import firmware

BOARD = "adafruit_feather_rp2040_rfm95"
NODE = """
[node]
board = "adafruit_feather_rp2040_rfm95"
app = "bins"

[parts.climate]
driver = "sht4x"
bus = "i2c.main"
period_s = 600

[uplink]
kind = "lorawan"

[policy]
deep_sleep = false
"""


def board_of(node: Node, folder: Path, without: str = "") -> Rp2Board:
    """A board, off, with MicroPython's place taken and the node's files on its file system, `without` one of them."""
    folder.mkdir()
    image = folder / "flash.bin"
    board = load_board(BOARD)
    blank(image, board.flash_mb << 20)
    blocks = board.filesystem.size // 4096
    files = {name: data for name, data in board_files(node).items() if name != without}
    write_image(interpreter.find(), folder / "fs", blocks, files)
    with image.open("r+b") as f:
        for offset, page in firmware().items():
            f.seek(offset)
            f.write(page)
        f.seek(board.filesystem.offset)
        f.write(read_image(folder / "fs", blocks))
    return Rp2Board(BOARD, folder, node=node)


def install(port: Path, file: Path, *words: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "kerbstone", "update", "install", str(file), "--port", str(port), *words]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=dict(os.environ))


def wait_for(port: Path, words: bytes, seconds: float = 20.0) -> bytes:
    """What the console said up to these words."""
    heard, end = b"", time.monotonic() + seconds
    with serial.Serial(str(port), 115_200, timeout=0.1) as line:
        while words not in heard:
            assert time.monotonic() < end, heard[-800:].decode(errors="replace")
            heard += line.read(4096)
    return heard


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return updated(tmp_path, "cabled", NODE)


def test_a_field_engineer_installs_a_bundle_without_a_prompt(node: Node, tmp_path: Path):
    board = board_of(node, tmp_path / "board")
    (tmp_path / "new.kup").write_bytes(bundle(node, tmp_path))
    waiting = install(board.port, tmp_path / "new.kup", "--json", "--patience", "60s")
    assert waiting.stderr and "Knocking" in waiting.stderr.readline()
    board.start()  # the port is there once it has power: the command waits for it
    try:
        out, trouble = waiting.communicate(timeout=60)
        assert waiting.returncode == 0, trouble
        assert json.loads(out)["bytes"] == (tmp_path / "new.kup").stat().st_size
        wait_for(board.port, b"kerb update installed 1")
    finally:
        board.stop()


def test_a_plug_pulled_in_the_middle_costs_nothing_that_came(node: Node, tmp_path: Path):
    made = bundle(node, tmp_path, ballast=12_000)
    board = board_of(node, tmp_path / "board")
    pulling = threading.Thread(target=board.stop)

    def pull(done: int, of: int) -> None:
        if done == 12:
            pulling.start()

    board.start()
    assert board.wait_for(RUNNING)
    with pytest.raises((LinkError, UpdateError), match="it goes on where it was"):
        cable.install(str(board.port), made, pull, 10)
    again = Rp2Board(BOARD, tmp_path / "board", node=node)
    pulling.join()
    again.start()
    try:
        assert again.wait_for(RUNNING)
        later: list[int] = []
        cable.install(str(again.port), made, lambda done, of: later.append(done), 10)
        assert later[0] >= 12 and later == list(range(later[0], later[-1] + 1)), "each once, from where it was"
        wait_for(again.port, b"kerb update installed 1")
    finally:
        again.stop()


def test_a_board_at_its_prompt_takes_the_bundle_there(node: Node, tmp_path: Path):
    board = board_of(node, tmp_path / "board", without="/main.py")
    board.start()
    try:
        assert board.wait_for(RUNNING)
        counts: list[tuple[int, int]] = []
        cable.install(str(board.port), bundle(node, tmp_path, ballast=3_000), lambda done, of: counts.append((done, of)), 20)
        assert counts[-1][0] == counts[-1][1] > 16
        with Link(str(board.port)) as link:
            assert link.ask("from kerb.update import gather\nprint(gather.combine() and 1 or 0)") == 1
    finally:
        board.stop()


def test_noise_is_answered_and_what_nobody_signed_is_refused(node: Node, tmp_path: Path):
    board = board_of(node, tmp_path / "board")
    made = bytearray(bundle(node, tmp_path))
    made[60] ^= 1
    board.start()
    try:
        assert board.wait_for(RUNNING)
        with serial.Serial(str(board.port), 115_200, timeout=0.1) as line:
            heard, end = b"", time.monotonic() + 8
            while b"kerb cable 0 0" not in heard and time.monotonic() < end:
                line.write(b"\r\nkerb update\r\n")
                heard += line.read(400)
            line.reset_input_buffer()
            for noise in (b"hello", b"\xff\xfe=", b"A" * 900, base64.b64encode(b"long enough but no check")):
                line.write(noise + b"\n")
                heard, end = b"", time.monotonic() + 5
                while b"again" not in heard and time.monotonic() < end:
                    heard += line.read(400)
                assert b"again" in heard or len(noise) == 900, noise
        cable.install(str(board.port), bytes(made), patience_s=10)
        wait_for(board.port, b"kerb update refused signature")
    finally:
        board.stop()


def test_a_port_without_a_device_is_told_in_a_sentence(tmp_path: Path):
    (tmp_path / "new.kup").write_bytes(b"KUP1")
    (tmp_path / "other").write_bytes(b"no bundle")
    for file, port, words in (("new.kup", tmp_path / "nothing", "there is no such port"), ("other", "x", "not a bundle")):
        done = install(Path(port), tmp_path / file, "--patience", "1s")
        _, trouble = done.communicate(timeout=60)
        assert done.returncode and words in trouble and "Traceback" not in trouble, trouble
