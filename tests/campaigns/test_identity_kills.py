"""A process that enrols devices is killed (SIGKILL) at each of its steps and run again: one identity a chip, books and boards agree."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from enrolled_board import ESP, PICO, esp_board, pico_board

_SCRIPT = Path(__file__).with_name("identity_kills.py")
_EVERY = "1" if os.environ.get("KERBSTONE_CAMPAIGN") == "full" else "4"  # of the steps toward a board


def run(folder: Path, *words: str) -> int:
    folder.mkdir()
    done = subprocess.run([sys.executable, str(_SCRIPT), str(folder), *words], capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    kills: int = json.loads(done.stdout.splitlines()[-1])["kills"]
    return kills


def test_on_paper(tmp_path: Path):
    kills = run(tmp_path / "kills")
    print(f"{kills} kills")
    assert kills >= 180


@pytest.mark.parametrize("name", [ESP, PICO])
def test_toward_a_board(name: str, tmp_path: Path):
    with (esp_board if name == ESP else pico_board)(tmp_path / "board") as place:
        kills = run(tmp_path / "kills", place.port, name, str(place.drive or ""), _EVERY)
    print(f"{kills} kills with {name}")
    assert kills >= (40 if _EVERY == "1" else 10)
