"""The firmware has the heap of its board, never more: what the emulator's own modules take is added, but for the table of names."""

from bare_board import BareBoard

WORDS = 2  # a word of the interpreter here is twice that of a 32-bit chip
BOARD_BYTES = 128 * 1024 * WORDS
TABLE_OF_NAMES = 26_000  # of 1280 names, 64-bit: what a board takes for the firmware's; here the table has room for twice as many


def test_what_is_free_at_the_start_of_boot_is_the_heap_of_the_board_less_the_table_of_its_names():
    with BareBoard("import gc\ngc.collect()\nprint(gc.mem_free())\n") as board:
        free = int(board.run(100)[0])
    assert 0.97 * BOARD_BYTES < free + TABLE_OF_NAMES <= BOARD_BYTES
