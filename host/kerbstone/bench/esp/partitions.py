"""The partition table. Source: ESP-IDF gen_esp32part.py (format)."""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass

TABLE_AT = 0x8000  # ESP-IDF's default; MicroPython keeps it
TABLE_BYTES = 0xC00
_ROW = struct.Struct("<HBBII16sI")
_ROW_MAGIC, _MD5_MAGIC, _END = 0x50AA, 0xEBEB, 0xFFFF
APP, DATA = 0, 1
FACTORY, OTA_0, OTA_15 = 0x00, 0x10, 0x1F  # subtypes of APP
OTA_DATA, FAT = 0x00, 0x81  # subtypes of DATA


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


def ota_slots(rows: list[Partition]) -> list[Partition]:
    """The OTA applications, in order."""
    return sorted((row for row in rows if row.kind == APP and OTA_0 <= row.subtype <= OTA_15), key=lambda row: row.subtype)


def factory_of(rows: list[Partition]) -> Partition | None:
    return next((row for row in rows if row.kind == APP and row.subtype == FACTORY), None)


def boot_order(rows: list[Partition], chosen: int | None) -> list[Partition]:
    """Applications in the order in which the bootloader tries them: the chosen slot (None: factory), those below, factory, the rest."""
    slots, factory = ota_slots(rows), factory_of(rows)
    below = list(reversed(slots[: chosen + 1])) if chosen is not None else []
    return [*below, *([factory] if factory else []), *(row for row in slots if row not in below)]


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
