"""Reads a UF2 file (https://github.com/microsoft/uf2) and refuses what an RP2040 could not run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from struct import unpack_from

from kerbstone.errors import ChipError

FLASH_START = 0x1000_0000  # RP2040 data sheet 2.2: XIP
FLASH_END = 0x1100_0000
RP2040 = 0xE48BFF56

_BLOCK = 512
_MAGIC = (0x0A324655, 0x9E5D5157, 0x0AB16F30)
_NOT_MAIN_FLASH, _HAS_FAMILY = 0x00000001, 0x00002000
# Families that boards of this house or their neighbours have: utils/uf2families.json of the UF2 repository.
_FAMILIES = {
    0xE48BFF57: "an absolute RP2 image", 0xE48BFF58: "RP2 data", 0xE48BFF59: "RP2350 (Arm, secure)", 0xE48BFF5A: "RP2350 (RISC-V)",
    0xE48BFF5B: "RP2350 (Arm, non-secure)", 0x1C5F21B0: "ESP32", 0xC47E5767: "ESP32-S3", 0xBFDD4EEE: "ESP32-S2", 0xD42BA06C: "ESP32-C3",
    0xADA52840: "nRF52840", 0x68ED2B88: "SAMD21", 0x55114460: "SAMD51",
}  # fmt: skip
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


def read_uf2(path: Path) -> Uf2:
    """The image in a file. Raises ChipError with one sentence when it is no UF2, damaged, or for another chip."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ChipError(f"The UF2 {path} cannot be read ({error.strerror}): {_WHERE}.") from error
    if not raw or len(raw) % _BLOCK:
        raise ChipError(f"{path} is no UF2 file ({len(raw)} bytes, not a multiple of {_BLOCK}): {_WHERE}.")
    blocks = [block for at in range(0, len(raw), _BLOCK) if (block := _block(path, raw, at))]
    if not blocks:
        raise ChipError(f"{path} holds nothing for the flash: {_WHERE}.")
    return Uf2(path, tuple(blocks))


def _block(path: Path, raw: bytes, at: int) -> tuple[int, bytes] | None:
    """One block of 512 bytes; None when it is not meant for the flash."""
    start0, start1, flags, address, size, number, count, family = unpack_from("<8I", raw, at)
    if (start0, start1, *unpack_from("<I", raw, at + 508)) != _MAGIC or size > 476:
        raise ChipError(f"{path} is no UF2 file or is damaged (block {at // _BLOCK}): {_WHERE}.")
    if flags & _NOT_MAIN_FLASH:
        return None
    if count * _BLOCK != len(raw) and number == 0 and at == 0:
        raise ChipError(f"{path} is cut short: it has {len(raw) // _BLOCK} of {count} blocks; {_WHERE}.")
    if flags & _HAS_FAMILY and family != RP2040:
        name = _FAMILIES.get(family, f"family 0x{family:08x}")
        raise ChipError(f"{path} is an image for another chip ({name}), not for the RP2040: {_WHERE}.")
    if not FLASH_START <= address <= FLASH_END - size:
        raise ChipError(f"{path} writes to 0x{address:08x}, outside the flash of an RP2040: {_WHERE}.")
    return address, raw[at + 32 : at + 32 + size]
