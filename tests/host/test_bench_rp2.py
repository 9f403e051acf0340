"""The RP2040 as a folder and as a port: which it is when, and that a wrong file changes nothing."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from kerbstone.bench.rp2 import BOOTSEL, OFF, RUNNING, Rp2Board
from kerbstone.errors import BenchError
from virtual_board import firmware, mpremote, running_board, uf2, wait_until


@pytest.fixture
def board(tmp_path: Path) -> Iterator[Rp2Board]:
    board = Rp2Board("pico_w", tmp_path / "state")
    board.start()
    yield board
    board.stop()


def test_an_empty_chip_shows_its_drive_and_no_port(board: Rp2Board):
    assert board.mode == BOOTSEL
    assert sorted(p.name for p in board.folder.iterdir()) == ["INDEX.HTM", "INFO_UF2.TXT"]
    assert "Board-ID: RPI-RP2" in (board.folder / "INFO_UF2.TXT").read_text()
    assert not board.port.exists()


def test_a_uf2_copied_with_cp_is_in_the_flash_and_the_folder_turns_into_a_port(board: Rp2Board, tmp_path: Path):
    file = tmp_path / "firmware.uf2"
    pages = firmware()
    file.write_bytes(uf2(pages))
    subprocess.run(["cp", "-p", str(file), str(board.folder)], check=True)
    assert board.wait_for(RUNNING)
    assert not board.folder.exists() and board.port.exists()
    flash = board.flash.read_bytes()
    assert all(flash[offset : offset + 256] == page for offset, page in pages.items())


def test_a_file_that_grows_slowly_is_taken_when_it_is_whole(board: Rp2Board):
    data = uf2(firmware(60))
    with (board.folder / "slow.uf2").open("wb") as f:
        for at in range(0, len(data), 5000):
            f.write(data[at : at + 5000])
            f.flush()
            time.sleep(0.15)
            assert board.mode == BOOTSEL
    assert board.wait_for(RUNNING)


WRONG = {
    "RP2350": (bytes(uf2(firmware(), family=0xE48BFF59)), "made for RP2350"),
    "ESP32-S3": (bytes(uf2(firmware(), family=0xC47E5767)), "made for ESP32-S3"),
    "truncated": (bytes(uf2(firmware()))[:-512], "truncated"),
    "behind the flash": (bytes(uf2({2 << 20: b"x"})), "outside this board's flash of 2 MB"),
    "not a UF2": (b"#!/bin/sh\n" * 60, "not a UF2"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_file_leaves_drive_and_flash_as_they_were_and_says_why(board: Rp2Board, case: str):
    data, word = WRONG[case]
    before = board.flash.read_bytes()
    (board.folder / "wrong.uf2").write_bytes(data)
    wait_until(lambda: bool(board.refusal))
    assert word in board.refusal and board.refusal.startswith("wrong.uf2") and "\n" not in board.refusal
    assert board.mode == BOOTSEL and board.flash.read_bytes() == before
    assert sorted(p.name for p in board.folder.iterdir()) == ["INDEX.HTM", "INFO_UF2.TXT"]
    (board.folder / "right.uf2").write_bytes(uf2(firmware()))
    assert board.wait_for(RUNNING) and board.refusal == ""


def test_a_file_without_a_boot_stage_does_not_start_an_empty_chip(board: Rp2Board):
    (board.folder / "no_boot.uf2").write_bytes(uf2({0x4000: b"data only"}))
    wait_until(lambda: bool(board.refusal))
    assert "no boot stage" in board.refusal and board.mode == BOOTSEL


def test_bootloader_brings_the_folder_back_and_an_update_keeps_the_files(tmp_path: Path):
    board = running_board(tmp_path / "state")
    try:
        mpremote(board, "exec", "with open('kept', 'w') as f: f.write('still here')")
        mpremote(board, "bootloader")
        assert board.wait_for(BOOTSEL)
        assert not board.port.exists() and (board.folder / "INFO_UF2.TXT").is_file()
        (board.folder / "again.uf2").write_bytes(uf2(firmware(50)))
        assert board.wait_for(RUNNING)
        assert mpremote(board, "cat", "kept") == "still here"
    finally:
        board.stop()


def test_the_button_brings_the_folder_back_and_flash_survives_the_power_cut(tmp_path: Path):
    board = running_board(tmp_path / "state")
    board.press_bootsel()
    assert board.wait_for(BOOTSEL)
    flash = board.flash.read_bytes()
    board.stop()
    assert board.mode == OFF and not board.folder.exists() and not board.port.is_symlink()
    again = Rp2Board("pico_w", tmp_path / "state")
    again.start()
    try:
        assert again.mode == RUNNING and again.flash.read_bytes()[:10240] == flash[:10240]
    finally:
        again.stop()


def test_one_state_folder_is_one_board(board: Rp2Board, tmp_path: Path):
    with pytest.raises(BenchError, match="running already"):
        Rp2Board("pico_w", tmp_path / "state").start()


def test_a_board_that_is_no_rp2040_is_refused(tmp_path: Path):
    with pytest.raises(BenchError, match="no UF2 drive"):
        Rp2Board("heltec_wifi_lora_32_v3", tmp_path)


def test_a_folder_that_is_not_ours_is_left_alone(tmp_path: Path):
    mine = tmp_path / "state" / "RPI-RP2"
    mine.mkdir(parents=True)
    (mine / "thesis.txt").write_text("precious")
    board = Rp2Board("pico_w", tmp_path / "state")
    with pytest.raises(BenchError, match="no board's drive"):
        board.start()
    assert (mine / "thesis.txt").read_text() == "precious"
    shutil.rmtree(mine)


def test_a_flash_of_another_size_is_refused_and_kept(tmp_path: Path):
    (tmp_path / "flash.bin").write_bytes(b"\xff" * 4096)
    with pytest.raises(BenchError, match="not the flash of this board"):
        Rp2Board("pico_w", tmp_path).start()
    assert (tmp_path / "flash.bin").stat().st_size == 4096
