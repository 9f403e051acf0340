"""UF2 for the RP2040: written, and checked block by block before a single byte reaches the flash.

Layout: microsoft/uf2; what the boot ROM demands: RP2040 data sheet, 2.8.4.2 and 2.8.1.3.1 (unconfirmed from memory: the ROM's
order of checks; it ignores what this refuses with a reason).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from struct import Struct

from kerbstone.bench.chip_flash import SECTOR
from kerbstone.errors import BenchError

BLOCK = 512
PAGE = 256
XIP_BASE = 0x10000000
RP2040 = 0xE48BFF56
_HEAD = Struct("<IIIIIIII")  # two magics, flags, address, size, number, count, family
_MAGIC = (0x0A324655, 0x9E5D5157)
_MAGIC_END = 0x0AB16F30
_DATA_BYTES = 476  # of a block, between head and end
_NOT_MAIN_FLASH, _HAS_FAMILY = 0x1, 0x2000

# microsoft/uf2 utils/uf2families.json, unconfirmed except the RP2040's.
_FAMILIES = {
    0xE48BFF56: "RP2040", 0xE48BFF57: "RP2350 (absolute)", 0xE48BFF58: "RP2350 (data)", 0xE48BFF59: "RP2350 (ARM secure)",
    0xE48BFF5A: "RP2350 (RISC-V)", 0xE48BFF5B: "RP2350 (ARM non-secure)", 0x1C5F21B0: "ESP32", 0xBFDD4EEE: "ESP32-S2",
    0xC47E5767: "ESP32-S3", 0xD42BA06C: "ESP32-C3", 0x68ED2B88: "SAMD21", 0x55114460: "SAMD51", 0xADA52840: "nRF52840",
}
_POLYNOMIAL = 0x04C11DB7


class Uf2Error(BenchError):
    """The file is not a UF2 this chip takes."""


@dataclass(frozen=True)
class Image:
    """The pages of a checked file by their offset in flash."""

    pages: dict[int, bytes]


def expected_bytes(head: bytes) -> int | None:
    """How long the whole file is by its first block; None: this is not the start of a UF2."""
    if len(head) < _HEAD.size:
        return None
    fields = _HEAD.unpack_from(head)
    return fields[6] * BLOCK if fields[:2] == _MAGIC else None


def parse(data: bytes, flash_bytes: int, name: str) -> Image:
    """Checks every block. Raises Uf2Error with the one thing that is wrong and where."""
    if expected_bytes(data) is None:
        raise Uf2Error(f"{name} is not a UF2 file: copy the .uf2 that is made for the RP2040.")
    count = _HEAD.unpack_from(data)[6]
    if len(data) != count * BLOCK:
        raise Uf2Error(f"{name} is truncated: {len(data)} bytes where {count} blocks make {count * BLOCK}; fetch it again.")
    pages: dict[int, bytes] = {}
    seen: set[int] = set()
    for at in range(0, len(data), BLOCK):
        block = data[at : at + BLOCK]
        where = f"{name}, block {at // BLOCK}"
        first, second, flags, address, size, number, total, family = _HEAD.unpack_from(block)
        if (first, second) != _MAGIC or int.from_bytes(block[-4:], "little") != _MAGIC_END:
            raise Uf2Error(f"{where}: the marks of a UF2 block are missing; the file is damaged, fetch it again.")
        if not flags & _HAS_FAMILY or family != RP2040:
            made_for = _FAMILIES.get(family, f"family 0x{family:08X}") if flags & _HAS_FAMILY else "no chip in particular"
            raise Uf2Error(f"{where}: made for {made_for}, and this chip is an RP2040; take the file for this board.")
        if total != count or number >= count or number in seen:
            raise Uf2Error(f"{where}: it calls itself block {number} of {total}, which does not fit a file of {count}; fetch it again.")
        seen.add(number)
        if flags & _NOT_MAIN_FLASH:
            continue
        if size != PAGE or address % PAGE:
            raise Uf2Error(f"{where}: {size} bytes for 0x{address:08X}; the RP2040 takes pages of {PAGE} only.")
        offset = address - XIP_BASE
        if not 0 <= offset <= flash_bytes - PAGE:
            raise Uf2Error(f"{where}: 0x{address:08X} lies outside this board's flash of {flash_bytes >> 20} MB at 0x{XIP_BASE:08X}.")
        if offset in pages:
            raise Uf2Error(f"{where}: 0x{address:08X} is written twice; the file is damaged, fetch it again.")
        pages[offset] = block[_HEAD.size : _HEAD.size + size]
    if not pages:
        raise Uf2Error(f"{name} holds no block for the main flash: there is nothing to write.")
    return Image(pages)


def pack(content: Mapping[int, bytes]) -> bytes:
    """The file for {address: bytes}, each padded to whole pages with 0xFF: the chip's ROM writes them and leaves the rest of its flash."""
    pages = [
        (address + at, data[at : at + PAGE].ljust(PAGE, b"\xff"))
        for address, data in sorted(content.items())
        for at in range(0, len(data), PAGE)
    ]
    return b"".join(
        _HEAD.pack(*_MAGIC, _HAS_FAMILY, address, PAGE, number, len(pages), RP2040)
        + page.ljust(_DATA_BYTES, b"\0") + _MAGIC_END.to_bytes(4, "little")
        for number, (address, page) in enumerate(pages)
    )  # fmt: skip


def program(image: Image, flash: Path) -> None:
    """Writes a checked image: the ROM erases each sector it touches, once, and programs the pages."""
    sectors = {offset - offset % SECTOR for offset in image.pages}
    fd = os.open(flash, os.O_RDWR)
    try:
        for sector in sorted(sectors):
            content = b"".join(image.pages.get(sector + o, b"\xff" * PAGE) for o in range(0, SECTOR, PAGE))
            os.pwrite(fd, content, sector)
        os.fsync(fd)
    finally:
        os.close(fd)


def boots(flash: Path) -> bool:
    """Would the boot ROM start this flash? Its first 256 bytes end with their own CRC-32."""
    with flash.open("rb") as f:
        page = f.read(PAGE)
    return len(page) == PAGE and boot_crc(page[:-4]) == int.from_bytes(page[-4:], "little")


def boot_crc(data: bytes) -> int:
    """CRC-32 as the boot ROM reckons it: most significant bit first, starting from ones, no final inversion."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte << 24
        for _ in range(8):
            crc = (crc << 1 ^ _POLYNOMIAL if crc & 0x80000000 else crc << 1) & 0xFFFFFFFF
    return crc
