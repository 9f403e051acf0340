"""MicroPython images: which chip one is for, where its pieces go, and that it leaves alone what a board keeps beside it."""

from __future__ import annotations

import hashlib
import re
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from kerbstone.bench import uf2
from kerbstone.bench.esp import partitions
from kerbstone.bench.esp.chips import CHIPS
from kerbstone.bench.esp.partitions import Partition, TableFault
from kerbstone.build.board import BoardFile
from kerbstone.build.board_extras import ImageFile
from kerbstone.build.firmware import cache_dir
from kerbstone.emulator.board.nvs import XIP_BASE
from kerbstone.errors import BenchError, FlashError
from kerbstone.identity.place import SECTOR, sectors

OLDEST = (1, 28)  # what the firmware needs
_ESP_MAGIC = 0xE9
_CHIP_ID_AT = 12  # esp_image_header_t, ESP-IDF bootloader_support: chip id, 2 bytes
_BOOT_OFFSETS = {"esp32c3": 0x0} | {mcu: chip.boot_offset for mcu, chip in CHIPS.items()}
_CHIP_IDS = {5: "esp32c3"} | {chip.image_id: mcu for mcu, chip in CHIPS.items()}
_NVS = 0x02  # subtype of a data partition
_VERSION = re.compile(rb"MicroPython v(\d+)\.(\d+)[.\-]")
_LARGEST = 64 << 20  # of anything that is fetched


@dataclass(frozen=True)
class MicroPython:
    """An image that has been read and understood. `pieces`: {offset in flash: bytes}; an ESP32's NVS is never one of them."""

    path: Path
    mcu: str
    sha256: str
    pieces: dict[int, bytes]
    version: tuple[int, int] | None
    file_system: int | None  # where an ESP32's partition table leaves room for it

    @property
    def end(self) -> int:
        return max(at + len(data) for at, data in self.pieces.items())


def read(path: Path) -> MicroPython:
    """The image in a file. Raises FlashError: it is none, or damaged."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise FlashError(f"{path} cannot be read: {error.strerror}.") from error
    digest = hashlib.sha256(data).hexdigest()
    found = _VERSION.search(data)
    version = (int(found[1]), int(found[2])) if found else None
    if uf2.expected_bytes(data[: uf2.BLOCK]) is not None:
        try:
            pages = uf2.parse(data, 16 << 20, path.name).pages
        except BenchError as error:
            raise FlashError(str(error)) from error
        return MicroPython(path, "rp2040", digest, pages, version, None)
    if len(data) > _CHIP_ID_AT + 2 and data[0] == _ESP_MAGIC:
        return _esp(path, data, digest, version)
    raise FlashError(f"{path} is no MicroPython image: take the .uf2 (RP2040) or the .bin (ESP32) of the board from micropython.org.")


def _esp(path: Path, data: bytes, digest: str, version: tuple[int, int] | None) -> MicroPython:
    chip_id = int.from_bytes(data[_CHIP_ID_AT : _CHIP_ID_AT + 2], "little")
    mcu = _CHIP_IDS.get(chip_id)
    if mcu is None:
        raise FlashError(f"{path} is for a chip with the number {chip_id}: kerb runs on {', '.join(sorted(_BOOT_OFFSETS))} and rp2040.")
    start = _BOOT_OFFSETS[mcu]
    table_at = partitions.TABLE_AT - start
    try:
        table = partitions.parse(data[table_at : table_at + partitions.TABLE_BYTES])
    except TableFault:
        table = []
    if not table:
        raise FlashError(f"{path} has no partition table at {table_at:#x}: take the whole image, not the application alone.")
    if not any(row.kind == partitions.DATA and row.subtype == _NVS for row in table):
        raise FlashError(f"{path} has no NVS partition, where the identity is kept: take an image with one.")
    pieces = {start: data[:table_at], partitions.TABLE_AT: data[table_at : table_at + SECTOR]}
    for row in (row for row in table if row.kind == partitions.APP):
        if content := data[row.at - start : row.at - start + row.size]:
            pieces[row.at] = content
    if len(pieces) < 3:
        raise FlashError(f"{path} ends before its first application: it was cut off; fetch it again.")
    pieces = {at: content.rstrip(b"\xff") for at, content in pieces.items()}
    if ota := partitions.ota_data_of(table):
        pieces[ota.at] = b"\xff" * ota.size  # which slot starts: the one that is written now
    return MicroPython(path, mcu, digest, {at: content for at, content in pieces.items() if content}, version, _file_system(table))


def _file_system(table: list[Partition]) -> int:
    return partitions.file_system(table, 16 << 20)[0]


def check(image: MicroPython, board: BoardFile) -> None:
    """Raises FlashError when the image is not for this board, too old, or would lie over what the board keeps."""
    name = image.path.name
    if image.mcu != board.mcu:
        raise FlashError(f"{name} is for an {image.mcu}, and {board.title} has an {board.mcu}: take the image {board.firmware}.")
    if image.version and image.version < OLDEST:
        raise FlashError(f"{name} is MicroPython {image.version[0]}.{image.version[1]}, and kerb needs {OLDEST[0]}.{OLDEST[1]} or newer.")
    if image.end > board.flash_mb << 20:
        raise FlashError(f"{name} ends at {image.end:#x}, beyond the board's {board.flash_mb} MB: take the image {board.firmware}.")
    if (places := sectors(board)) and image.end > (first := places[0] - XIP_BASE):
        raise FlashError(
            f"{name} ends at {image.end:#x}, over the identity at {first:#x}: take an image that leaves it room, or move the "
            f"file system of {board.title} up by {image.end - first} bytes or more."
        )
    if image.file_system is not None and image.file_system != board.filesystem.offset:
        raise FlashError(
            f"{name} has its file system at {image.file_system:#x}, and {board.title} at {board.filesystem.offset:#x}: "
            f"take the image {board.firmware}, or correct [filesystem] in the board file."
        )


def fetch(name: str, table: ImageFile, folder: Path | None = None) -> Path:
    """The board file's image, from the cache or from its address; nothing comes out of here whose SHA-256 is not the one given.

    Raises FlashError.
    """
    target = (folder or cache_dir()) / f"{table.sha256}{Path(table.address).suffix}"
    if target.is_file() and hashlib.sha256(target.read_bytes()).hexdigest() == table.sha256:
        return target
    try:
        with urllib.request.urlopen(table.address, timeout=60) as answer:
            data = answer.read(_LARGEST + 1)
    except (urllib.error.URLError, OSError, ValueError) as error:
        raise FlashError(f"The image of {name} cannot be fetched from {table.address}: give it as a file with --micropython.") from error
    if (found := hashlib.sha256(data).hexdigest()) != table.sha256:
        raise FlashError(f"What {table.address} sends is not the image {name} names (SHA-256 {found[:16]}..., not {table.sha256[:16]}...).")
    temporary = target.with_suffix(".tmp")
    temporary.write_bytes(data)
    temporary.replace(target)
    return target
