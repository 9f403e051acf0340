"""Memory beside the file system: the ESP32's NVS, and the flash an RP2040 sees at its addresses."""

from __future__ import annotations

from collections.abc import Callable
from struct import unpack
from typing import Protocol

from kerbstone.emulator.board.device import OK, Answer, Device
from kerbstone.emulator.engine.ops import ROOM

XIP_BASE = 0x1000_0000  # RP2040 data sheet, 2.6.3: the flash chip, through the cache
PAGE = 256
_NOT_FOUND = 0x1102  # ESP_ERR_NVS_NOT_FOUND; the port raises OSError(-code)
_NO_SPACE = 0x1105
_NVS_BLOCKS = 6  # of MicroPython's partition tables

Value = int | bytes


class NvsFull(Exception):
    """The partition has no room for the entry."""


class NvsStore(Protocol):
    """Where the entries lie: a dict, or a partition of a flash image."""

    def get(self, space: str, key: str) -> Value | None: ...

    def set(self, space: str, key: str, value: Value | None) -> None:
        """None erases the entry. Raises NvsFull."""

    @property
    def blocks(self) -> int:
        """Of 4 KB."""

    def erase(self, block: int) -> None:
        """Whatever a block holds."""


class NvsMemory:
    """Entries in a dict: for a device whose partition table nobody looks at."""

    def __init__(self) -> None:
        self.entries: dict[tuple[str, str], Value] = {}

    def get(self, space: str, key: str) -> Value | None:
        return self.entries.get((space, key))

    def set(self, space: str, key: str, value: Value | None) -> None:
        if value is None:
            self.entries.pop((space, key), None)
        else:
            self.entries[(space, key)] = value

    @property
    def blocks(self) -> int:
        return _NVS_BLOCKS

    def erase(self, block: int) -> None:
        """Which entry lies where, nobody knows here: with the first block all are gone."""
        self.entries.clear()


class Nvs:
    """Answers the port's `esp32.NVS`. A blob goes in pieces: each names space and key and what of it is meant."""

    def __init__(self, device: Device, store: NvsStore):
        self.store = store
        self._coming = b""
        device.raw |= {4: self._read, 5: self._write}
        device.calls.update(nvs_set=self._set, nvs_get=self._get, nvs_blocks=lambda: store.blocks, nvs_erase=store.erase)

    def _get(self, space: str, key: str) -> int | None:
        value = self.store.get(space, key)
        return value if isinstance(value, int) else None

    def _set(self, space: str, key: str, value: int | None) -> int:
        try:
            self.store.set(space, key, value)
        except NvsFull:
            return _NO_SPACE
        return 0

    def _read(self, at: int, data: bytes) -> Answer:
        """A piece of a blob from byte `at`; the value of the answer is the blob's length, -1 when there is none."""
        space, key = data.decode().split("\0")
        value = self.store.get(space, key)
        if not isinstance(value, bytes):
            return (0, -1, b"", 0)
        return (0, len(value), value[at : at + ROOM], 0)

    def _write(self, more: int, data: bytes) -> Answer:
        """A piece to be kept (1), or the name that all kept pieces go to (0)."""
        if more:
            self._coming += data
            return OK
        space, key = data.decode().split("\0")
        whole, self._coming = self._coming, b""
        try:
            self.store.set(space, key, whole)
        except NvsFull:
            return (0, _NO_SPACE, b"", 0)
        return OK


class Xip:
    """`read(offset, count)` is the flash chip; the file system's part of it is read elsewhere."""

    def __init__(self, device: Device, read: Callable[[int, int], bytes]):
        self._read = read
        device.raw |= {6: self._page}

    def _page(self, _b: int, data: bytes) -> Answer:
        (address,) = unpack("<I", data)
        return (0, 0, self._read(address - XIP_BASE, PAGE), 0)
