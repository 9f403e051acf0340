"""The file-system part of a whole chip's flash image."""

from __future__ import annotations

from pathlib import Path

from kerbstone.emulator.flash import Flash
from kerbstone.errors import BenchError

SECTOR = 4096


def blank(path: Path, size: int) -> None:
    """Makes an erased chip of `size` bytes."""
    with path.open("wb") as f:
        for _ in range(size // SECTOR):
            f.write(b"\xff" * SECTOR)


class ChipFlash(Flash):
    """`size` bytes from `offset` of the chip image `path`. Raises BenchError when they do not lie inside it."""

    def __init__(self, path: Path, offset: int, size: int):
        whole = path.stat().st_size if path.is_file() else 0
        if offset % SECTOR or size % SECTOR or size <= 0 or offset < 0 or offset + size > whole or whole % SECTOR:
            raise BenchError(
                f"The file system 0x{offset:X}+0x{size:X} does not fit the flash image {path} ({whole} bytes): "
                "use an image of the chip's size, in whole blocks of 4096 bytes."
            )
        super().__init__(path, whole // SECTOR)
        self.first = offset // SECTOR
        self.blocks = size // SECTOR

    def program(self, block: int, offset: int, data: bytes) -> int:
        return super().program(self.first + block, offset, data)

    def erase(self, block: int) -> int:
        return super().erase(self.first + block)
