"""Stage 0 starts no slot in which a single bit has changed."""

import sys
from pathlib import Path

import pytest

from kerbstone.paths import firmware_dir

sys.path.insert(0, str(firmware_dir()))
import stage0

FILES = {"kerb/node.mpy": bytes(range(256)) * 3, "kerb/apps/bins.mpy": b"app" * 40}


@pytest.fixture
def slot(tmp_path, monkeypatch):
    """Slot a on trial, with its list."""
    monkeypatch.setattr(stage0, "ROOT", str(tmp_path))
    monkeypatch.setattr(sys, "path", list(sys.path))
    here = tmp_path / "a"
    for name, data in FILES.items():
        (here / name).parent.mkdir(parents=True, exist_ok=True)
        (here / name).write_bytes(data)
    rows = [f"{name} {len(data)} {stage0.hash_file(str(here / name))[1].hex()}\n" for name, data in FILES.items()]
    (here / "list").write_text("".join(rows))
    chosen = stage0.Selector()
    chosen.slot, chosen.state, chosen.sequence, chosen.digest = 1, stage0.TRIAL, 7, stage0.hash_file(str(here / "list"))[1]
    stage0.save(chosen)
    return here


def choice() -> tuple[int, str]:
    stage0.choose()
    return stage0.current.slot, stage0.REASONS[stage0.current.reason]


@pytest.mark.security("9")
def test_a_whole_slot_is_started(slot):
    assert choice() == (1, "") and sys.path[0] == str(slot)


@pytest.mark.security("9")
@pytest.mark.parametrize("name", [*FILES, "list"])
def test_a_bit_that_flipped_sends_the_board_back_to_the_factory_s_application(slot: Path, name: str):
    data = bytearray((slot / name).read_bytes())
    for at in {0, len(data) // 2, len(data) - 1}:
        saved = stage0.load()
        data[at] ^= 1
        (slot / name).write_bytes(data)
        assert choice() == (0, "digest") and str(slot) not in sys.path
        data[at] ^= 1
        (slot / name).write_bytes(data)
        stage0.save(saved)
    assert choice() == (1, "")


@pytest.mark.security("9")
@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_missing_or_cut_short_is_found(slot: Path, name: str):
    saved = stage0.load()
    (slot / name).write_bytes(FILES[name][:-1])
    assert choice() == (0, "digest")
    stage0.save(saved)
    (slot / name).unlink()
    assert choice() == (0, "digest")
