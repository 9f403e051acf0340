"""The OTA data partition: which slot starts, and whether what it holds has been confirmed.

Two entries, a sector each: sequence, label, state, CRC-32 of the sequence. Source: ESP-IDF v5 esp_flash_partitions.h,
bootloader_utility.c, bootloader_common_loader.c and esp_ota_ops.c, with CONFIG_BOOTLOADER_APP_ROLLBACK_ENABLE, as the ESP32 port is built.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import Protocol

NEW, PENDING_VERIFY, VALID, INVALID, ABORTED, UNDEFINED = 0, 1, 2, 3, 4, 0xFFFF_FFFF  # esp_ota_img_states_t
SECTOR = 0x1000
_ENTRY = struct.Struct("<I20sII")
_BLANK = 0xFFFF_FFFF
ESP_FAIL, NOT_FOUND = -1, 0x105  # esp_err_t; the port raises OSError(-code)


class Nor(Protocol):
    """A flash chip by byte address."""

    def read(self, at: int, size: int) -> bytes: ...

    def program(self, at: int, data: bytes) -> None: ...

    def erase(self, at: int, size: int) -> None: ...


@dataclass
class Entry:
    sequence: int
    label: bytes
    state: int
    check: int

    @property
    def whole(self) -> bool:
        return self.check == _check(self.sequence)

    @property
    def refused(self) -> bool:
        """bootloader_common_ota_select_invalid: says nothing of the check sum."""
        return self.sequence == _BLANK or self.state in (INVALID, ABORTED)

    @property
    def good(self) -> bool:
        return self.whole and not self.refused


def _check(sequence: int) -> int:
    return zlib.crc32(struct.pack("<I", sequence), 0xFFFF_FFFF)


class OtaData:
    """The partition at `at` of a chip whose table has `slots` OTA applications, and a factory application or none."""

    def __init__(self, nor: Nor, at: int, slots: int, factory: bool):
        self._nor, self._at, self._slots, self._factory = nor, at, slots, factory

    def entries(self) -> list[Entry]:
        return [Entry(*_ENTRY.unpack(self._nor.read(self._at + SECTOR * i, _ENTRY.size))) for i in (0, 1)]

    def _write(self, i: int, entry: Entry) -> None:
        self._nor.erase(self._at + SECTOR * i, SECTOR)
        self._nor.program(self._at + SECTOR * i, _ENTRY.pack(entry.sequence, entry.label, entry.state, entry.check))

    @staticmethod
    def _active(entries: list[Entry]) -> int | None:
        good = [i for i in (0, 1) if entries[i].good]
        return max(good, key=lambda i: (entries[i].sequence, -i)) if good else None

    def state(self, slot: int) -> int | None:
        """Of what lies in a slot; None when no entry speaks of it."""
        return next((e.state for e in self.entries() if e.whole and (e.sequence - 1) % self._slots == slot), None)

    def slot(self) -> int | None:
        """What the next start would try first, as esp_ota_get_boot_partition() has it; None: factory."""
        entries = self.entries()
        active = None if all(e.refused for e in entries) or not self._slots else self._active(entries)
        if active is None:
            return None if self._factory else 0
        return (entries[active].sequence - 1) % self._slots

    def start(self) -> int | None:
        """The bootloader's turn: what was not confirmed is given up, what is new is on trial. Returns the slot, None: factory."""
        for i, entry in enumerate(self.entries()):
            if entry.state == PENDING_VERIFY:
                entry.state = ABORTED
                self._write(i, entry)
        entries = self.entries()
        chosen = self.slot()
        active = self._active(entries)
        if active is not None and chosen is not None and entries[active].state == NEW:
            entries[active].state = PENDING_VERIFY
            self._write(active, entries[active])
        return chosen

    def started(self, slot: int | None) -> None:
        """The slot was found bootable: without a factory application, a blank partition gets its first entry."""
        if slot is not None and not self._factory and not any(e.whole and e.sequence != _BLANK for e in self.entries()):
            self._write(0, Entry(slot + 1, b"\xff" * 20, VALID, _check(slot + 1)))

    def choose(self, slot: int) -> None:
        """esp_ota_set_boot_partition(), the image found good: the next start tries this slot."""
        entries = self.entries()
        active = self._active(entries)
        if active is None:
            self._write(0, Entry(slot + 1, entries[0].label, NEW, _check(slot + 1)))
            return
        sequence = (slot + 1) % self._slots
        while sequence < entries[active].sequence:
            sequence += self._slots
        self._write(1 - active, Entry(sequence, entries[1 - active].label, NEW, _check(sequence)))

    def confirm(self) -> int:
        """esp_ota_mark_app_valid_cancel_rollback(): 0, or esp_err_t."""
        entries = self.entries()
        active = self._active(entries)
        if active is None or not self._slots:
            return ESP_FAIL
        if entries[active].state != VALID:
            entries[active].state = VALID
            self._write(active, entries[active])
        return 0
