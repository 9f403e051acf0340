"""NOR flash: programming clears bits, erasing sets a whole block, every erase wears it."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

# W25Q-class serial flash at 3.3 V, typical: page program 0.7 ms per 256 bytes, sector erase 45 ms.
PAGE_BYTES = 256
PROGRAM_US = 700
ERASE_US = 45_000


class PowerLost(Exception):
    """The supply went during an operation: nobody is left to be answered."""


# Called before an operation with block, offset and data (None: erase); returns an errno, 0 = go on. May raise PowerLost.
FlashFault = Callable[[int, int, bytes | None], int]
def create(path: Path, blocks: int, block_size: int = 4096) -> None:
    """An erased flash that takes no room: a file of holes, and behind them a byte a block, 0 for one that was never written.

    A hole reads as zeros, an erased block as ones; the byte tells readers which they have. An image without these bytes is all there.
    """
    with path.open("wb") as f:
        f.truncate(blocks * (block_size + 1))


def copy(source: Path, target: Path) -> None:
    """An image with its holes."""
    with source.open("rb") as f, target.open("wb") as out:
        end = os.fstat(f.fileno()).st_size
        out.truncate(end)
        at = 0
        while at < end:
            try:
                at = os.lseek(f.fileno(), at, os.SEEK_DATA)
            except OSError as error:
                if error.errno == errno.ENXIO:  # nothing but holes up to the end
                    return
                raise
            stop = os.lseek(f.fileno(), at, os.SEEK_HOLE)
            os.lseek(f.fileno(), at, os.SEEK_SET)
            out.seek(at)
            out.write(os.read(f.fileno(), stop - at))
            at = stop


def used_blocks(path: Path, blocks: int, block_size: int = 4096) -> int:
    """How many blocks of an image were ever written."""
    with path.open("rb") as f:
        f.seek(blocks * block_size)
        marks = f.read(blocks)
    return sum(map(bool, marks)) if marks else blocks


def read_image(path: Path, blocks: int, block_size: int = 4096) -> bytes:
    """An image as the chip holds it, every erased byte a 0xFF."""
    flash = Flash(path, blocks, block_size)
    try:
        return flash.image()
    finally:
        flash.close()


class Flash:
    """The file-system part of a board's flash, kept in a file so that the interpreter can read it directly."""

    def __init__(self, path: Path, blocks: int, block_size: int = 4096):
        self.path = path
        self.blocks = blocks
        self.block_size = block_size
        self.operations = 0
        self.faults: list[FlashFault] = []
        self.erases = [0] * blocks
        self.first = 0  # the block of the image at which this part begins
        size = blocks * block_size
        if not path.exists() or path.stat().st_size not in (size, size + blocks):
            create(path, blocks, block_size)
        self._fd = os.open(path, os.O_RDWR)
        found = os.pread(self._fd, blocks, size)
        self.marks = size if found else 0  # where the image tells which blocks were written; 0: it is all there
        self._there = bytearray(found or b"\x01" * blocks)

    def fileno(self) -> int:
        return self._fd

    def greeting(self) -> dict[str, int]:
        """What a boot is told of its flash."""
        return {"flash_blocks": self.blocks, "flash_block_size": self.block_size, "flash_first": self.first, "flash_marks": self.marks}

    def image(self) -> bytes:
        """Every byte as the chip holds it."""
        return b"".join(self.read(block, 0, self.block_size) for block in range(self.blocks))

    def read(self, block: int, offset: int, count: int) -> bytes:
        """Bytes of one block."""
        if not self._there[block]:
            return b"\xff" * count
        return os.pread(self._fd, count, block * self.block_size + offset)

    def _fill(self, block: int) -> None:
        """Gives a block its place in the file."""
        if not self._there[block]:
            self._there[block] = 1
            os.pwrite(self._fd, b"\xff" * self.block_size, block * self.block_size)
            os.pwrite(self._fd, b"\x01", self.blocks * self.block_size + block)

    def program(self, block: int, offset: int, data: bytes) -> int:
        """Clears bits; returns the time it takes in us."""
        self._fill(block)
        at = block * self.block_size + offset
        old = os.pread(self._fd, len(data), at)
        if old.count(0xFF) == len(old):
            os.pwrite(self._fd, data, at)
        else:
            os.pwrite(self._fd, bytes(a & b for a, b in zip(old, data, strict=True)), at)
        self.operations += 1
        return PROGRAM_US * -(-len(data) // PAGE_BYTES)

    def erase(self, block: int) -> int:
        """Sets a block to ones; returns the time it takes in us."""
        if self._there[block]:
            os.pwrite(self._fd, b"\xff" * self.block_size, block * self.block_size)
        self.erases[block] += 1
        self.operations += 1
        return ERASE_US

    def erase_part(self, block: int, size: int) -> None:
        """What an erase leaves that was cut short: the first `size` bytes of the block are ones, the others as they were."""
        if self._there[block]:
            os.pwrite(self._fd, b"\xff" * size, block * self.block_size)
        self.erases[block] += 1
        self.operations += 1

    def close(self) -> None:
        os.close(self._fd)
