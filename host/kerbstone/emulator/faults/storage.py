"""The flash: blocks that refuse, a file system without room."""

from __future__ import annotations

from kerbstone.emulator.faults.model import End, Target

_EIO = 5
NEXT = -1  # the block of the next operation


def bad_block(target: Target) -> End:
    """bad_block: programming and erasing one block fails."""
    flash, bad = target.node.device.flash, target.number("block")

    def refuse(block: int, _offset: int, _data: bytes | None) -> int:
        nonlocal bad
        bad = block if bad == NEXT else bad
        return _EIO if block == bad else 0

    flash.faults.append(refuse)
    return lambda: flash.faults.remove(refuse)


def full(_target: Target) -> None:
    """flash_full: the image was made small (see arm.free_blocks); nothing is left to do."""
