"""The flash chip behind the loader: bits only fall, sectors wear, a cut leaves half an operation, state is kept."""

import pytest

from kerbstone.bench.nor import SECTOR_BYTES, NorChip, OutOfRange, PowerCut
from kerbstone.bench.state import StateDir
from kerbstone.errors import BenchError

SIZE = 16 * SECTOR_BYTES


@pytest.fixture
def chip(tmp_path):
    made = NorChip(tmp_path / "flash.bin", SIZE)
    yield made
    made.close()


def test_programming_only_clears_bits_across_page_and_sector_borders(chip):
    chip.program(SECTOR_BYTES - 300, b"\xf0" * 600)
    chip.program(SECTOR_BYTES - 300, b"\x3c" * 600)
    assert chip.read(SECTOR_BYTES - 301, 602) == b"\xff" + b"\x30" * 600 + b"\xff"


def test_erasing_wears_every_sector_it_touches_and_the_wear_is_kept(tmp_path):
    chip = NorChip(tmp_path / "flash.bin", SIZE)
    chip.program(SECTOR_BYTES, b"\0" * 10)
    chip.erase(SECTOR_BYTES + 1, SECTOR_BYTES)
    chip.erase(SECTOR_BYTES, 1)
    chip.close()
    again = NorChip(tmp_path / "flash.bin", SIZE)
    assert again.erases[:4] == [0, 2, 1, 0]
    assert again.read(SECTOR_BYTES, 10) == b"\xff" * 10
    again.close()


def test_a_cut_leaves_half_a_page_or_half_a_sector(chip):
    chip.program(0, b"\0" * SECTOR_BYTES)
    chip.cut_at = chip.operations + 2
    with pytest.raises(PowerCut):
        chip.program(SECTOR_BYTES, b"\0" * 512)
    assert chip.read(SECTOR_BYTES, 512) == b"\0" * (256 + 128) + b"\xff" * 128
    with pytest.raises(PowerCut):
        chip.erase(0, SECTOR_BYTES)
    assert chip.read(0, SECTOR_BYTES) == b"\xff" * 2048 + b"\0" * 2048


@pytest.mark.parametrize(("at", "size"), [(SIZE, 1), (SIZE - 1, 2), (-1, 1), (2**32, 0)])
def test_addresses_beyond_the_chip_are_refused_before_anything_changes(chip, at, size):
    for action in (lambda: chip.erase(at, size), lambda: chip.program(at, b"\0" * size), lambda: chip.read(at, size)):
        with pytest.raises(OutOfRange):
            action()
    assert chip.operations == 0


def test_an_image_of_another_size_is_not_overwritten(tmp_path):
    (tmp_path / "flash.bin").write_bytes(b"mine")
    with pytest.raises(BenchError, match=r"flash\.bin holds 4 bytes"):
        NorChip(tmp_path / "flash.bin", SIZE)
    assert (tmp_path / "flash.bin").read_bytes() == b"mine"


def test_a_state_directory_has_one_owner_one_board_and_one_address(tmp_path):
    with StateDir(tmp_path / "s", "a") as first:
        mac = first.mac
        with pytest.raises(BenchError, match="in use"):
            StateDir(tmp_path / "s", "a")
    with pytest.raises(BenchError, match="keeps the state of board 'a'"):
        StateDir(tmp_path / "s", "b")
    with StateDir(tmp_path / "s", "a") as again, StateDir(tmp_path / "t", "a") as other:
        assert again.mac == mac != other.mac
        assert mac[0] & 3 == 2  # locally administered, unicast


@pytest.mark.parametrize("record", ["", "[]", '{"board": "a", "mac": 5}', '{"board": "a", "mac": "zz"}'])
def test_a_damaged_record_is_named(tmp_path, record):
    (tmp_path / "board.json").write_text(record)
    with pytest.raises(BenchError, match=r"board\.json"):
        StateDir(tmp_path, "a")
