"""The example of one's own node: the same test file on every target, and what a user sees when a target is not there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from chip_image import uf2
from kerbstone.bench.rp2 import Rp2Board
from kerbstone.paths import boards_dir
from plugin_words import plugin_words
from virtual_board import mpremote, need_mpremote, running_board

ROOT = boards_dir().parent
EXAMPLE = ROOT / "examples" / "own_node"
ON_TARGET = EXAMPLE / "tests" / "test_river_on_target.py"
ONE = f"{ON_TARGET}::test_the_driver_gives_the_data_sheets_example"


def run_pytest(*arguments: str) -> tuple[dict[str, int], str]:
    """Outcomes by kind and the whole output of a run of pytest on its own."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT / "host"), os.environ.get("PYTHONPATH", "")))}
    command = [sys.executable, "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", "--rootdir", str(EXAMPLE), "-c", os.devnull]
    command += [*plugin_words(), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False, cwd=EXAMPLE)
    text = done.stdout + done.stderr
    return {kind: int(n) for n, kind in re.findall(r"(\d+) (passed|failed|skipped|error)", text.splitlines()[-1])}, text


@pytest.fixture
def board(tmp_path: Path) -> Iterator[Rp2Board]:
    """What `kerbstone board pico_w` runs."""
    need_mpremote()
    board = running_board(tmp_path)
    yield board
    board.stop()


def test_the_example_passes_on_a_virtual_board_behind_mpremote_and_its_firmware_is_copied_once(board: Rp2Board):
    outcome, text = run_pytest(str(ON_TARGET), f"--target={board.port}")
    assert outcome == {"passed": 3, "skipped": 1}, text
    assert "no MS5837 on this board" in text
    assert "identity.json" not in mpremote(board, "ls", ":/")
    mpremote(board, "rm", ":/kerb/uplink/lorawan/adr.mpy")
    assert run_pytest(ONE, f"--target={board.port}")[0] == {"passed": 1}
    assert "adr.mpy" not in mpremote(board, "ls", ":/kerb/uplink/lorawan").split()


def test_the_example_passes_on_the_emulator():
    outcome, text = run_pytest(str(ON_TARGET))
    assert outcome == {"passed": 4}, text


def test_the_example_passes_on_the_whole_chip(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("KERBSTONE_UF2", str(uf2()))
    outcome, text = run_pytest(str(ON_TARGET), "--target=chip")
    assert outcome == {"passed": 4}, text


def test_a_missing_target_is_one_sentence():
    outcome, text = run_pytest(ONE, "--target=emulater")
    assert outcome == {"error": 1} and "There is no target 'emulater': take emulator, chip, or a serial port" in text
    assert "Traceback" not in text
    outcome, text = run_pytest(ONE, "--target=/dev/ttyNONE")
    assert outcome == {"error": 1} and "The board on /dev/ttyNONE failed" in text


def test_virtual_time_is_skipped_where_there_is_none():
    outcome, text = run_pytest(str(EXAMPLE / "tests" / "test_river_node.py"), "--target=/dev/ttyNONE")
    assert set(outcome) == {"skipped"} and "only with --target emulator" in text


def test_the_chip_is_skipped_with_one_sentence_where_it_is_not_set_up(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("KERBSTONE_UF2", raising=False)
    outcome, text = run_pytest(ONE, "--target=chip")
    assert outcome == {"skipped": 1} and "The chip target" in text
