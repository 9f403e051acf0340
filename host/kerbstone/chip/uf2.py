"""A UF2 file as the emulated chip takes it: checked by the rules of its boot ROM (bench/uf2.py), and refused when nothing would start."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from kerbstone.bench.uf2 import PAGE, XIP_BASE, Uf2Error, boot_crc, parse
from kerbstone.errors import ChipError

FLASH_START = XIP_BASE
PICO_FLASH_MB = 2
_WHERE = "download the .uf2 of board RPI_PICO from micropython.org"


@dataclass(frozen=True)
class Uf2:
    """Where each piece of the image goes: (address, bytes)."""

    path: Path
    blocks: tuple[tuple[int, bytes], ...]

    @property
    def end(self) -> int:
        """First address behind the image."""
        return max(address + len(data) for address, data in self.blocks)


def read_uf2(path: Path, flash_mb: int) -> Uf2:
    """The image in a file. Raises ChipError with one sentence: no UF2, damaged, for another chip, too large, nothing that starts."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ChipError(f"The UF2 {path} cannot be read ({error.strerror}): {_WHERE}.") from error
    try:
        pages = parse(raw, flash_mb << 20, str(path)).pages
    except Uf2Error as error:
        raise ChipError(f"{str(error).rstrip('.')}; {_WHERE}.") from error
    boot = pages.get(0, b"")
    if len(boot) != PAGE or boot_crc(boot[:-4]) != int.from_bytes(boot[-4:], "little"):
        raise ChipError(f"{path} has no boot stage an RP2040 would start: {_WHERE}.")
    return Uf2(path, tuple((FLASH_START + offset, data) for offset, data in sorted(pages.items())))
