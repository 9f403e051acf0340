"""A production board never shows a prompt to the real mpremote, whatever is typed and whatever fails; a developer's board does."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import serial

from enrolled_board import board_flash, new_file_system
from flash_bench import RP2_NODE, Stand, kerbstone, rp2_image, verdicts
from kerbstone.bench.rp2 import RUNNING, Rp2Board
from kerbstone.bench.virtual import VirtualBoard
from kerbstone.build.node import Node, load_node
from kerbstone.build.package import pack
from kerbstone.emulator.identity import mint
from kerbstone.errors import NodeFileError
from kerbstone.paths import boards_dir
from virtual_board import need_mpremote

CHIPS = ("esp", "rp2")


def awake(chip: str, folder: Path) -> Node:
    """A node that hears its console all the time."""
    if chip == "rp2":
        return load_node(RP2_NODE)
    path = folder / "awake.toml"
    text = (boards_dir() / "nodes" / "parking.toml").read_text()
    path.write_text(re.sub(r"(?m)^watch = .*\n", "", text) + "[policy]\ndeep_sleep = false\n")
    return load_node(str(path))


@contextmanager
def running(chip: str, folder: Path, production: bool, extra: dict[str, bytes] | None = None) -> Iterator[str]:
    """The port of a board on which the node has just started."""
    node = awake(chip, folder)
    files = pack(node, production=production).files | (extra or {})
    files["/identity.json"] = json.dumps(mint(1, "lock").values()).encode()
    name, state = node.spec.node.board, folder / ("locked" if production else "open")
    state.mkdir()
    board_flash(name, state / "flash.bin")
    new_file_system(name, state / "flash.bin", files)
    if chip == "esp":
        esp = VirtualBoard(name, state, node=node)
        try:
            yield esp.port
        finally:
            esp.close()
    else:
        pico = Rp2Board(name, state, node=node)
        pico.start()
        try:
            assert pico.wait_for(RUNNING)
            yield str(pico.port)
        finally:
            pico.stop()


def mpremote(port: str, patience_s: float) -> bytes:
    """What the board answered to a program; mpremote waits for ever at a pseudo-terminal that says nothing."""
    need_mpremote()
    words = [sys.executable, "-m", "mpremote", "connect", port, "exec", "print('in')"]
    try:
        done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=patience_s, check=False)
    except subprocess.TimeoutExpired as error:
        return error.output or b""
    assert (done.returncode == 0) == (done.stdout.strip() == b"in"), done.stdout
    return done.stdout


def knock(port: str, until: bytes = b"") -> bytes:
    """What is heard while everything that opens a prompt is typed over and over: until these words, and two seconds more."""
    heard, began = b"", time.monotonic()
    end = began + 2
    with serial.serial_for_url(port, 115_200, timeout=0.02) as line:
        while time.monotonic() < end:
            line.write(b"\r\x03\x03\x01\x02\x04\x05A\x01print('i'+'n')\x04")
            heard += line.read(4096)
            if until not in heard and time.monotonic() < began + 60:
                end = time.monotonic() + 2
    return heard


def shut(heard: bytes) -> bool:
    return not any(word in heard for word in (b">>>", b"raw REPL", b"soft reboot", b"KeyboardInterrupt"))


@pytest.mark.security("8")
@pytest.mark.parametrize("chip", CHIPS)
def test_mpremote_gets_into_a_developer_s_board_and_not_into_a_production_board(chip: str, tmp_path: Path) -> None:
    with running(chip, tmp_path, production=False) as port:
        heard, end = b"", time.monotonic() + 60
        while b"in" not in heard.split() and time.monotonic() < end:  # a Ctrl-C that comes before the start files goes unheard
            heard = mpremote(port, 15)
        assert heard.strip() == b"in"
    with running(chip, tmp_path, production=True) as port:
        heard = knock(port, b"kerb boot 1")
        assert shut(heard) and b"kerb boot 1" in heard, heard[-300:]
        assert mpremote(port, 6) == b""


@pytest.mark.security("8")
@pytest.mark.parametrize("chip", CHIPS)
def test_firmware_that_cannot_be_imported_ends_in_a_rest_and_a_reset_and_in_no_prompt(chip: str, tmp_path: Path) -> None:
    with running(chip, tmp_path, production=True, extra={"/kerb/node.mpy": b"damaged"}) as port:
        heard = knock(port, b"incompatible .mpy file")
        assert shut(heard) and b"incompatible .mpy file" in heard, heard[-300:]


@pytest.mark.security("8")
def test_flash_locks_a_board_and_tries_the_lock(tmp_path: Path) -> None:
    with Stand(tmp_path / "boards") as stand:
        stand.rp2("pole")
        image = rp2_image(tmp_path / "rp2.uf2", 8)
        done = kerbstone("flash", RP2_NODE, "--port", stand.ports["pole"], "--micropython", image, "--production", "--json")
        row = next(iter(verdicts(done).values()))
        assert row["passed"] and "/stage2.mpy" in row["sent"] and "/main.py" not in row["sent"], row
        assert shut(knock(f"{stand.ports['pole']}/port"))


@pytest.mark.security("8")
def test_no_production_image_imports_webrepl_or_opens_a_server(tmp_path: Path) -> None:
    files = pack(awake("rp2", tmp_path), production=True).files
    assert not [name for name, data in files.items() if b"webrepl" in data or (b"listen" in data and b"accept" in data)]
    assert b"dupterm(None)" in files["/boot.py"] and "/main.py" not in files


@pytest.mark.security("8")
def test_a_laboratory_s_node_is_no_production_image(tmp_path: Path) -> None:
    path = tmp_path / "lab.toml"
    path.write_text((boards_dir() / "nodes" / "light.toml").read_text().replace("[node]\n", "[node]\nproduction = false\n"))
    with pytest.raises(NodeFileError, match="production = false"):
        pack(load_node(str(path)), production=True)
