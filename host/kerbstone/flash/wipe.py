"""The end of a device by cable: also of one that is locked or no longer answers, and of an RP2040, whose firmware cannot do it."""

from __future__ import annotations

from collections.abc import Callable

from kerbstone.bench import uf2
from kerbstone.build.board import BoardFile
from kerbstone.emulator.board.nvs import XIP_BASE
from kerbstone.errors import FlashError
from kerbstone.flash import console, drive, esp, rp2
from kerbstone.flash.link import Link
from kerbstone.flash.spots import Spot
from kerbstone.identity.place import SECTOR, sectors

_LOOK_S = 60.0
# The board itself says where its file system begins: the identity lies just below.
_LOOK = """import machine, rp2
first = {end} - 4096 * rp2.Flash().ioctl(4, 0) - {below}
print(str(all(machine.mem32[a] & 0xffffffff == 0xffffffff for a in range(first, first + {below}, 4))).lower())
"""


def wipe(spot: Spot, board: BoardFile, tell: Callable[[str], None]) -> None:
    """Erases identity, state and records of the board at a spot; of an ESP32 the whole chip. Raises FlashError or LinkError.

    An RP2040 keeps its MicroPython, which makes a new file system and shows that the identity's sectors are empty.
    """
    if board.mcu == "rp2040":
        _rp2040(spot, board, tell)
        return
    if spot.port is None:
        raise FlashError(f"{spot.name} is a drive, and {board.title} has none: name its serial port.")
    esp.erase(spot.port, board.mcu, tell)


def _rp2040(spot: Spot, board: BoardFile, tell: Callable[[str], None]) -> None:
    first = sectors(board)[0]
    end = XIP_BASE + (board.flash_mb << 20)
    link = None
    if not (spot.drive and drive.is_drive(spot.drive)):
        if spot.port and console.peek(spot.port)[0] == console.PROMPT:
            link = Link(spot.port)
        else:
            raise FlashError(f"{spot.name}: no prompt and no drive; a locked board goes on with BOOTSEL held while you plug it in.")
    tell("erasing by UF2")
    port = rp2.install(link, spot.port, spot.drive, "wipe.uf2", uf2.pack({first: b"\xff" * (end - first)}))
    tell("looking")
    with Link(port) as again:
        if again.ask(_LOOK.format(end=end, below=2 * SECTOR), _LOOK_S) is not True:
            raise FlashError(f"{spot.name}: the identity is still there: name the node this board was flashed with, and do it again.")
