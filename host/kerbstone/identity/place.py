"""Where a board keeps its identity: twice, beside the file system, as firmware/kerb/identity.py reads it."""

from __future__ import annotations

from kerbstone.build.board import BoardFile
from kerbstone.emulator.board.nvs import XIP_BASE

NVS_SPACE = "kerb"
NVS_KEYS = ("id0", "id1")
SECTOR = 4096


def sectors(board: BoardFile) -> list[int]:
    """Addresses of the two flash sectors just below an RP2040's file system; none for a chip with NVS.

    The image ends lower and the file system begins above, so neither a reformat nor an update of either touches them.
    """
    if board.mcu != "rp2040":
        return []
    return [XIP_BASE + board.filesystem.offset - 2 * SECTOR, XIP_BASE + board.filesystem.offset - SECTOR]
