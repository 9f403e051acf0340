"""The whole way of a new board: empty, flashed by esptool, booted, spoken to by mpremote, flashed again."""

import os
import subprocess
import sys

import pytest

import esp_bench
from kerbstone.bench.esp.chips import CHIPS
from kerbstone.bench.virtual import VirtualBoard
from kerbstone.build.image import write_image
from kerbstone.emulator.engine import interpreter
from kerbstone.emulator.flash import read_image

pytest.importorskip("kerbstone.bench.repl", reason="the bench has no interpreter")


def mpremote(port, *words):
    command = [sys.executable, "-m", "mpremote", "connect", port, *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("chip", list(esp_bench.BOARDS))
def test_a_new_board_is_flashed_boots_micropython_and_keeps_its_files(chip, tmp_path):
    try:
        import mpremote as _installed
    except ImportError:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip("mpremote is not installed: pip install -e .[test]")
    assert _installed
    board = VirtualBoard(esp_bench.BOARDS[chip], tmp_path / "state")
    image, start = tmp_path / "firmware.bin", hex(CHIPS[chip].boot_offset)
    image.write_bytes(esp_bench.firmware(chip))
    blocks = (board.flash_bytes - esp_bench.FS_AT) // 4096
    write_image(interpreter.find(), tmp_path / "fs.sparse", blocks, {"/main.py": b"print('started')"})
    (tmp_path / "fs.bin").write_bytes(read_image(tmp_path / "fs.sparse", blocks))
    files = [hex(esp_bench.FS_AT), tmp_path / "fs.bin"]
    esp_bench.succeed(board.port, "--chip", chip, "write-flash", start, image, *files)
    data = esp_bench.blob(5000)
    (tmp_path / "data.bin").write_bytes(data)
    mpremote(board.port, "fs", "cp", tmp_path / "data.bin", ":data.bin")
    assert mpremote(board.port, "exec", "import machine; print(machine.unique_id().hex())").strip() == board.mac.hex()
    esp_bench.succeed(board.port, "--chip", chip, "write-flash", start, image)
    mpremote(board.port, "fs", "cp", ":data.bin", tmp_path / "back.bin")
    assert (tmp_path / "back.bin").read_bytes() == data
    board.close()
