"""NOR flash under littlefs."""

import pytest

from bare_board import BareBoard
from kerbstone.emulator.flash import Flash, copy, create, used_blocks


def test_programming_only_clears_bits_and_erasing_wears_one_block(tmp_path):
    flash = Flash(tmp_path / "f", 4)
    flash.program(1, 0, b"\xf0\x0f")
    flash.program(1, 0, b"\x3c\x3c")
    image = flash.image()
    assert image[4096:4098] == b"\x30\x0c"
    assert flash.erase(1) == 45_000
    assert flash.image() == b"\xff" * 4 * 4096
    assert flash.erases == [0, 1, 0, 0]
    flash.close()


def test_files_written_before_a_power_cut_are_there_after_it():
    main = """
import os
n = len(os.listdir("/"))
with open("/f%d" % n, "w") as f:
    f.write("x" * 3000)
print(n, sum(os.stat("/" + f)[6] for f in os.listdir("/") if f[0] == "f"))
"""
    with BareBoard(main) as board:
        board.run(2)
        for _ in range(3):
            board.device.power_off()
            board.device.power_on()
            board.run(2)
        sizes = [int(line.split()[1]) for line in board.lines]
    assert sizes == [3000, 6000, 9000, 12000]
    assert board.flash.operations > 12


@pytest.mark.parametrize(("mcu", "formats"), [("rp2040", True), ("esp32s3", False)])
def test_an_unreadable_file_system_is_reformatted_by_rp2_and_refused_by_esp32(mcu, formats):
    def wreck(board):
        for block in range(128):
            board.flash.program(block, 0, bytes(64))  # not blank: that would be a new chip, which both ports format

    with BareBoard("print('main')", mcu, setup=wreck) as board:
        lines = board.run(5)
    assert "main" not in lines
    assert ("The filesystem appears to be corrupted." in lines) is not formats


def test_blocks_never_written_take_no_room_and_read_as_erased(tmp_path):
    flash = Flash(tmp_path / "f", 1536)
    flash.program(700, 8, b"\x00")
    flash.erase(900)
    assert flash.read(700, 0, 10) == b"\xff" * 8 + b"\x00\xff" and flash.read(900, 0, 4) == b"\xff" * 4
    flash.close()
    assert (tmp_path / "f").stat().st_blocks * 512 < 5 * 4096
    again = Flash(tmp_path / "f", 1536)
    assert again.read(700, 8, 2) == b"\x00\xff" and again.read(0, 0, 4) == b"\xff" * 4
    assert used_blocks(tmp_path / "f", 1536) == 1
    again.close()


def test_an_image_without_marks_is_taken_as_it_is(tmp_path):
    (tmp_path / "f").write_bytes(b"\x00" * 4096 + b"\xff" * 3 * 4096)
    flash = Flash(tmp_path / "f", 4)
    assert flash.image() == b"\x00" * 4096 + b"\xff" * 3 * 4096
    flash.close()


def test_the_interpreter_reads_blocks_never_written_as_erased():
    main = """
from _flashdev import FlashDevice
d = FlashDevice(128, 4096, 0, 128 * 4096)
blank = 0
buf = bytearray(4096)
for block in range(128):
    d.readblocks(block, buf)
    blank += buf == b"\\xff" * 4096
print(blank > 100)
"""
    with BareBoard(main) as board:
        assert board.run(5) == ["True"]


def test_a_copy_of_an_image_has_its_bytes_and_its_holes(tmp_path):
    source, target = tmp_path / "a", tmp_path / "b"
    create(source, 64)
    with source.open("r+b") as f:
        for at, data in ((0, b"first"), (5 * 4096 + 7, b"x" * 9000), (64 * 4096, b"\1")):
            f.seek(at)
            f.write(data)
    copy(source, target)
    assert target.read_bytes() == source.read_bytes()
    assert target.stat().st_blocks <= source.stat().st_blocks < 64 * 8
    create(source, 8)
    copy(source, target)
    assert target.read_bytes() == bytes(8 * 4097)
