"""The NVS partition of a flash image, read and written as ESP-IDF does. Source: ESP-IDF Programming Guide 5.x, "Non-volatile Storage
Library", internals; format version 2. A change writes the partition anew, compacted, where the chip appends and collects garbage later."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from struct import Struct

from kerbstone.emulator.board.nvs import NvsFull, Value

PAGE = 4096
_ENTRY = 32
_ENTRIES = 126  # of a page; before them a header and a map of two bits each
_FIRST = 64
_HEADER = Struct("<IIB19s")
_ACTIVE, _FULL = 0xFFFF_FFFE, 0xFFFF_FFFC
_VERSION_2 = 0xFE
_HEAD = Struct("<BBBB")  # namespace, type, entries, chunk
_I32, _U8, _BLOB_DATA, _BLOB_INDEX = 0x14, 0x01, 0x42, 0x48
_ANY_CHUNK = 0xFF
_CHUNK_BYTES = (_ENTRIES - 1) * _ENTRY


def _crc(data: bytes) -> int:
    return zlib.crc32(data, 0xFFFF_FFFF)


@dataclass(frozen=True)
class Item:
    """An entry with the data that follow it."""

    space: int
    kind: int
    chunk: int
    key: str
    data: bytes  # the eight bytes of the entry
    tail: bytes = b""  # whole entries after it

    def pack(self) -> bytes:
        head = _HEAD.pack(self.space, self.kind, 1 + len(self.tail) // _ENTRY, self.chunk)
        key = self.key.encode().ljust(16, b"\0")
        return head + _crc(head + key + self.data).to_bytes(4, "little") + key + self.data + self.tail

    def content(self) -> bytes:
        """What a chunk of a blob holds."""
        return self.tail[: int.from_bytes(self.data[:2], "little")]


def parse(partition: bytes) -> list[Item]:
    """The valid items in the order they were written; damaged ones are left out, as the library does."""
    pages = []
    for at in range(0, len(partition) - PAGE + 1, PAGE):
        page = partition[at : at + PAGE]
        state, number, version, _ = _HEADER.unpack_from(page)
        if state in (_ACTIVE, _FULL) and version == _VERSION_2 and _crc(page[4:28]) == int.from_bytes(page[28:32], "little"):
            pages.append((number, page))
    return [item for _, page in sorted(pages) for item in _items(page)]


def _items(page: bytes) -> Iterator[Item]:
    index = 0
    while index < _ENTRIES:
        written = page[32 + index // 4] >> (index % 4 * 2) & 3 == 0b10
        raw = page[_FIRST + index * _ENTRY : _FIRST + (index + 1) * _ENTRY]
        space, kind, span, chunk = _HEAD.unpack_from(raw)
        index += 1
        if not written or _crc(raw[:4] + raw[8:]) != int.from_bytes(raw[4:8], "little") or not 1 <= span <= _ENTRIES - index + 1:
            continue
        tail = page[_FIRST + index * _ENTRY : _FIRST + (index + span - 1) * _ENTRY]
        index += span - 1
        item = Item(space, kind, chunk, raw[8:24].split(b"\0")[0].decode("ascii", "replace"), raw[24:], tail)
        if kind != _BLOB_DATA or _crc(item.content()) == int.from_bytes(raw[28:], "little"):
            yield item


def pack(items: list[Item], size: int) -> bytes:
    """A partition of `size` bytes with the items. Raises NvsFull: the library keeps one page free."""
    pages: list[list[bytes]] = [[]]
    used = 0
    for item in items:
        raw = item.pack()
        if used + len(raw) // _ENTRY > _ENTRIES:
            pages.append([])
            used = 0
        pages[-1].append(raw)
        used += len(raw) // _ENTRY
    if len(pages) > size // PAGE - 1:
        raise NvsFull
    whole = b"".join(_page(number, raws, number < len(pages) - 1) for number, raws in enumerate(pages))
    return whole.ljust(size, b"\xff")


def _page(number: int, raws: list[bytes], full: bool) -> bytes:
    body = b"".join(raws)
    head = _HEADER.pack(_FULL if full else _ACTIVE, number, _VERSION_2, b"\xff" * 19)
    head += _crc(head[4:]).to_bytes(4, "little")
    states = bytearray(b"\xff" * 32)
    for index in range(len(body) // _ENTRY):
        states[index // 4] &= ~(1 << (index % 4 * 2)) & 0xFF
    return (head + states + body).ljust(PAGE, b"\xff")


class NvsPartition:
    """NvsStore over the partition at `offset` of a flash image."""

    def __init__(self, image: Path, offset: int, size: int):
        self._image, self._offset, self._size = image, offset, size

    def _read(self) -> list[Item]:
        with self._image.open("rb") as f:
            f.seek(self._offset)
            return parse(f.read(self._size))

    def get(self, space: str, key: str) -> Value | None:
        items = self._read()
        index = _space(items, space)
        mine = [item for item in items if item.space == index and item.key == key] if index else []
        for item in reversed(mine):
            if item.kind == _I32:
                return int.from_bytes(item.data[:4], "little", signed=True)
            if item.kind == _BLOB_INDEX:
                first, count = item.data[5], item.data[4]
                chunks = {i.chunk: i.content() for i in mine if i.kind == _BLOB_DATA}
                whole = b"".join(chunks.get(first + i, b"") for i in range(count))
                return whole if len(whole) == int.from_bytes(item.data[:4], "little") else None
        return None

    def set(self, space: str, key: str, value: Value | None) -> None:
        items = self._read()
        index = _space(items, space)
        if index is None:
            index = 1 + max((item.data[0] for item in items if item.space == 0), default=0)
            items.append(Item(0, _U8, _ANY_CHUNK, space, bytes([index]) + b"\xff" * 7))
        items = [item for item in items if item.space != index or item.key != key]
        if isinstance(value, int):
            items.append(Item(index, _I32, _ANY_CHUNK, key, value.to_bytes(4, "little", signed=True) + b"\xff" * 4))
        elif value is not None:
            items += _blob(index, key, value)
        self._put(self._offset, pack(items, self._size))

    @property
    def blocks(self) -> int:
        return self._size // PAGE

    def erase(self, block: int) -> None:
        self._put(self._offset + block * PAGE, b"\xff" * PAGE)

    def _put(self, at: int, data: bytes) -> None:
        with self._image.open("r+b") as f:
            f.seek(at)
            f.write(data)


def _space(items: list[Item], name: str) -> int | None:
    return next((item.data[0] for item in items if item.space == 0 and item.key == name), None)


def _blob(space: int, key: str, value: bytes) -> list[Item]:
    parts = [value[i : i + _CHUNK_BYTES] for i in range(0, len(value), _CHUNK_BYTES)] or [b""]
    made = []
    for number, part in enumerate(parts):
        data = len(part).to_bytes(2, "little") + b"\xff\xff" + _crc(part).to_bytes(4, "little")
        made.append(Item(space, _BLOB_DATA, number, key, data, part.ljust(-(-len(part) // _ENTRY) * _ENTRY, b"\xff")))
    index = len(value).to_bytes(4, "little") + bytes([len(parts), 0]) + b"\xff\xff"
    return [*made, Item(space, _BLOB_INDEX, _ANY_CHUNK, key, index)]
