"""The partition table, and which application its OTA data choose. Source: ESP-IDF gen_esp32part.py and otatool.py (formats)."""

from __future__ import annotations

import hashlib
import struct
import zlib
from dataclasses import dataclass

TABLE_AT = 0x8000  # ESP-IDF's default; MicroPython keeps it
TABLE_BYTES = 0xC00
_ROW = struct.Struct("<HBBII16sI")
_ROW_MAGIC, _MD5_MAGIC, _END = 0x50AA, 0xEBEB, 0xFFFF
APP, DATA = 0, 1
FACTORY, OTA_0, OTA_15 = 0x00, 0x10, 0x1F  # subtypes of APP
OTA_DATA, FAT = 0x00, 0x81  # subtypes of DATA
_OTA_ENTRY_BYTES = 0x1000  # the two OTA entries lie in two sectors


@dataclass(frozen=True)
class Partition:
    label: str
    kind: int
    subtype: int
    at: int
    size: int


class TableFault(Exception):
    """Row `row` of the table is not one: its magic number was `found`."""

    def __init__(self, row: int, found: int):
        super().__init__(f"row {row}: {found:#06x}")
        self.row, self.found = row, found


def parse(table: bytes) -> list[Partition]:
    """The partitions in the table's order. Raises TableFault for a wrong row or a wrong MD5 of the rows."""
    rows: list[Partition] = []
    for number, at in enumerate(range(0, len(table) - _ROW.size + 1, _ROW.size)):
        magic, kind, subtype, offset, size, label, _flags = _ROW.unpack_from(table, at)
        if magic == _END and rows:
            return rows
        if magic == _MD5_MAGIC and rows:
            if hashlib.md5(table[:at], usedforsecurity=False).digest() != table[at + 16 : at + 32]:
                raise TableFault(number, magic)
            return rows
        if magic != _ROW_MAGIC:
            raise TableFault(number, magic)
        rows.append(Partition(label.rstrip(b"\0").decode("ascii", "replace"), kind, subtype, offset, size))
    return rows


def pack(rows: list[Partition]) -> bytes:
    """The table in flash, with the MD5 row."""
    body = b"".join(_ROW.pack(_ROW_MAGIC, row.kind, row.subtype, row.at, row.size, row.label.encode(), 0) for row in rows)
    digest = hashlib.md5(body, usedforsecurity=False).digest()
    return (body + struct.pack("<H", _MD5_MAGIC) + b"\xff" * 14 + digest).ljust(TABLE_BYTES, b"\xff")


def boot_order(rows: list[Partition], ota_data: bytes) -> list[Partition]:
    """Applications in the order in which the bootloader tries them: the chosen slot first, then the slots below, factory last."""
    slots = sorted((row for row in rows if row.kind == APP and OTA_0 <= row.subtype <= OTA_15), key=lambda row: row.subtype)
    factory = [row for row in rows if row.kind == APP and row.subtype == FACTORY]
    chosen = _chosen(ota_data)
    if chosen is None or not slots:
        return factory + slots
    first = (chosen - 1) % len(slots)
    return list(reversed(slots[: first + 1])) + factory + list(reversed(slots[first + 1 :]))


def ota_data_of(rows: list[Partition]) -> Partition | None:
    return next((row for row in rows if row.kind == DATA and row.subtype == OTA_DATA), None)


def file_system(rows: list[Partition], flash_bytes: int) -> tuple[int, int]:
    """Offset and size of MicroPython's file system: the partition `vfs`, or all that follows the last partition.

    MicroPython's own tables do not name it: the port registers the rest of the chip at start.
    """
    for row in rows:
        if row.kind == DATA and (row.label in ("vfs", "ffat") or row.subtype == FAT):
            return row.at, row.size
    end = max(row.at + row.size for row in rows)
    return end, max(0, flash_bytes - end)


def _chosen(ota_data: bytes) -> int | None:
    """The highest sequence number with a right check sum, or None."""
    best: int | None = None
    for at in range(0, len(ota_data) - 31, _OTA_ENTRY_BYTES):
        sequence, check = struct.unpack_from("<I24xI", ota_data, at)
        if sequence != 0xFFFF_FFFF and zlib.crc32(struct.pack("<I", sequence), 0xFFFF_FFFF) == check:
            best = max(sequence, best or 0)
    return best or None
