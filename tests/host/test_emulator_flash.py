"""NOR flash under littlefs."""

import pytest

from bare_board import BareBoard
from kerbstone.emulator.flash import Flash


def test_programming_only_clears_bits_and_erasing_wears_one_block(tmp_path):
    flash = Flash(tmp_path / "f", 4)
    flash.program(1, 0, b"\xf0\x0f")
    flash.program(1, 0, b"\x3c\x3c")
    image = (tmp_path / "f").read_bytes()
    assert image[4096:4098] == b"\x30\x0c"
    assert flash.erase(1) == 45_000
    assert (tmp_path / "f").read_bytes() == b"\xff" * 4 * 4096
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
