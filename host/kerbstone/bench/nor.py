"""A whole serial flash chip: the emulator's NOR flash by byte address, with its wear kept and a hook for a power cut."""

from __future__ import annotations

import json
import os
from pathlib import Path

from kerbstone.bench.chip_flash import blank
from kerbstone.emulator.flash import PAGE_BYTES, Flash
from kerbstone.errors import BenchError

SECTOR_BYTES = 4096


class PowerCut(Exception):
    """The supply went away in the middle of a flash operation."""


class OutOfRange(Exception):
    """An address beyond the end of the chip."""


class NorChip:
    """Flash by byte address. One operation is one page programmed or one sector erased.

    `cut_at`: the supply fails during that operation (counted from power-on of the model, the first is 1): the page or sector
    is left half done and PowerCut is raised. `stuck`: sectors that are worn and take no more bits.
    """

    def __init__(self, path: Path, size: int):
        """Opens or creates the image. Raises BenchError when an existing image has another size."""
        if path.exists() and path.stat().st_size != size:
            raise BenchError(
                f"{path} holds {path.stat().st_size} bytes and the board's flash {size}: name another --state directory or remove the file."
            )
        self.path = path
        self.size = size
        self.cut_at: int | None = None
        self.stuck: set[int] = set()
        if not path.exists():
            blank(path, size)  # the whole chip, as a tool would read it: not the sparse image of Flash
        self._flash = Flash(path, size // SECTOR_BYTES, SECTOR_BYTES)
        self._wear_path = path.with_suffix(".wear.json")
        self._flash.erases[:] = self._stored_wear()

    @property
    def operations(self) -> int:
        return self._flash.operations

    @property
    def erases(self) -> list[int]:
        """Erases by sector since the chip was made."""
        return self._flash.erases

    def read(self, at: int, size: int) -> bytes:
        """Raises OutOfRange."""
        self.check(at, size)
        return os.pread(self._flash.fileno(), size, at)

    def program(self, at: int, data: bytes) -> None:
        """Clears bits, a page at a time. Raises OutOfRange, PowerCut."""
        self.check(at, len(data))
        done = 0
        while done < len(data):
            room = PAGE_BYTES - (at + done) % PAGE_BYTES
            page = data[done : done + room]
            if self._cut_now():
                self._write(at + done, page[: len(page) // 2])
                raise PowerCut
            self._write(at + done, page)
            done += len(page)

    def erase(self, at: int, size: int) -> None:
        """Sets every sector that the range touches to ones. Raises OutOfRange, PowerCut."""
        self.check(at, size)
        for sector in range(at // SECTOR_BYTES, -(-(at + size) // SECTOR_BYTES)):
            if self._cut_now():
                os.pwrite(self._flash.fileno(), b"\xff" * (SECTOR_BYTES // 2), sector * SECTOR_BYTES)
                self._flash.erases[sector] += 1
                self._flash.operations += 1
                raise PowerCut
            self._flash.erase(sector)

    def save_wear(self) -> None:
        temporary = self._wear_path.with_suffix(".tmp")
        temporary.write_text(json.dumps({"sector_bytes": SECTOR_BYTES, "erases": self.erases}))
        temporary.replace(self._wear_path)

    def close(self) -> None:
        self.save_wear()
        self._flash.close()

    def _write(self, at: int, data: bytes) -> None:
        if at // SECTOR_BYTES in self.stuck:
            data = b"\xff" * len(data)
        self._flash.program(at // SECTOR_BYTES, at % SECTOR_BYTES, data)

    def _cut_now(self) -> bool:
        return self.cut_at is not None and self._flash.operations + 1 >= self.cut_at

    def check(self, at: int, size: int) -> None:
        """Raises OutOfRange when the range is not on the chip."""
        if at < 0 or size < 0 or at + size > self.size:
            raise OutOfRange(f"{size} bytes at {at:#x} of a chip of {self.size:#x}")

    def _stored_wear(self) -> list[int]:
        if not self._wear_path.exists():
            return [0] * self._flash.blocks
        try:
            erases = [int(count) for count in json.loads(self._wear_path.read_text())["erases"]]
        except (ValueError, KeyError, TypeError) as error:
            raise BenchError(f"{self._wear_path} is not a wear record: remove it to start counting at zero.") from error
        return erases if len(erases) == self._flash.blocks else [0] * self._flash.blocks
