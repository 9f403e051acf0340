"""An ESP32's application partitions: the bootloader's choice at each start, and what `esp32.Partition` does with them.

The bootloader is ESP-IDF's with rollback, and skips its checks after deep sleep (MicroPython's sdkconfig.base since 1.21): a wake goes on
in the partition the last start chose, whatever the OTA data say by then. So nothing may sleep between set_boot() and a reset.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

from kerbstone.bench.esp import image, partitions
from kerbstone.bench.esp.boot import ota_data
from kerbstone.bench.esp.otadata import NOT_FOUND
from kerbstone.bench.esp.partitions import Partition
from kerbstone.build.board import BoardFile
from kerbstone.emulator.board.device import Answer, Device
from kerbstone.emulator.engine.ops import ROOM
from kerbstone.emulator.flash import PAGE_BYTES, Flash, PowerLost

SECTOR = 4096
CHIP_IDS = {"esp32": 0, "esp32s3": 9, "esp32c3": 5}  # esp_chip_id_t of ESP-IDF
_FACTORY_AT = 0x10000
_READ_NS = 100  # a byte, quad I/O at 40 MHz with what the driver adds: unconfirmed
_ENOENT, _INVALID_SIZE, _VALIDATE_FAILED = 2, 0x104, 0x1503  # the port raises OSError(-esp_err_t)


def table_of(board: BoardFile) -> list[Partition]:
    """The application part of the table of the board's MicroPython image."""
    if board.ota is None:
        size = board.filesystem.offset - _FACTORY_AT
        return [Partition("factory", partitions.APP, partitions.FACTORY, _FACTORY_AT, size)]
    rows = [Partition("otadata", partitions.DATA, partitions.OTA_DATA, board.ota.data, 2 * SECTOR)]
    return rows + [Partition(f"ota_{i}", partitions.APP, partitions.OTA_0 + i, at, size) for i, (at, size) in enumerate(board.ota.slots)]


class ChipNor:
    """The part of the flash chip below the file system, by address; `us` adds up what its operations take."""

    def __init__(self, path: Path, size: int):
        self.flash = Flash(path, size // SECTOR)
        self.us = 0
        self.faulty = True  # whether the flash's faults strike; they are the firmware's, not the bootloader's

    def read(self, at: int, size: int) -> bytes:
        found = b""
        while len(found) < size:
            here = at + len(found)
            found += self.flash.read(here // SECTOR, here % SECTOR, min(size - len(found), SECTOR - here % SECTOR))
        return found

    def program(self, at: int, data: bytes) -> None:
        for first, part in _pages(at, data):
            self._strike(first, part)
            self.us += self.flash.program(first // SECTOR, first % SECTOR, part)

    def erase(self, at: int, size: int) -> None:
        for sector in range(at // SECTOR, (at + size) // SECTOR):
            self._strike(sector * SECTOR, None)
            self.us += self.flash.erase(sector)

    def _strike(self, at: int, data: bytes | None) -> None:
        for fault in self.flash.faults if self.faulty else ():
            if errno := fault(at // SECTOR, at % SECTOR, data):
                raise OSError(errno, "the flash refuses")


def _pages(at: int, data: bytes) -> list[tuple[int, bytes]]:
    """What is programmed in one operation each."""
    cuts = [0, *range(PAGE_BYTES - at % PAGE_BYTES, len(data), PAGE_BYTES), len(data)]
    return [(at + a, data[a:b]) for a, b in pairwise(cuts) if a < b]


class Partitions:
    """Answers `esp32.Partition`. `spoilt`: {SHA-256 of an image: what happens once it has started}, for images that are no good."""

    def __init__(self, device: Device, path: Path, board: BoardFile):
        self.device = device
        self.table = table_of(board)
        self.nor = ChipNor(path, board.filesystem.offset)
        self.data = ota_data(self.nor, self.table)
        self.chip_id = CHIP_IDS[board.mcu]
        self.apps = [row for row in self.table if row.kind == partitions.APP]
        self.running = self.apps[0]
        self.spoilt: dict[bytes, Callable[[], None]] = {}
        self.nor.program(self.running.at, image.build(self.chip_id, board.firmware.encode()))  # as it was flashed
        device.on_boot.append(self._boot)
        device.raw |= {7: self._read, 8: self._write, 9: self._erase}
        device.calls.update(
            part_rows=lambda: [[r.kind, r.subtype, r.at, r.size, r.label] for r in self.table],
            part_running=lambda: self.running.at, part_boot=lambda: self._slot(self.data.slot() if self.data else None).at,
            part_next=self._next, part_set=self._set_boot, part_valid=self._mark,
        )

    def _slot(self, number: int | None) -> Partition:
        return self.apps[number or 0]

    # -- the bootloader -----------------------------------------------------------------------------------

    def _boot(self, cause: int) -> None:
        if cause != self.device.spec.limits.deep_sleep_cause:
            self._choose()
        if self.spoilt and (fate := self.spoilt.get(self.digest(self.running))):
            self.device.kernel.after(self.device.spec.boot_ms * 1000 + 1, fate)

    def _choose(self) -> None:
        before = self.running
        self.nor.faulty = False
        chosen = self.data.start() if self.data else None
        for row in partitions.boot_order(self.table, chosen):
            if self.whole(row):
                self.running = row
                if self.data and row.subtype != partitions.FACTORY:
                    self.data.started(row.subtype - partitions.OTA_0)
                break
        self.nor.faulty = True
        self.nor.us = 0  # the boot time of the board file has it
        if self.running != before:
            self.device.kernel.log.write(self.device.spec.name, "image", partition=self.running.label)

    def whole(self, row: Partition) -> bool:
        """Whether a partition holds an image for this chip that passes the bootloader's checks."""
        try:
            return image.load(self.nor.read, row.at, row.size).chip_id == self.chip_id
        except image.ImageFault:
            return False

    def digest(self, row: Partition) -> bytes:
        """SHA-256 of the image in a partition, to its end; of nothing when there is none."""
        try:
            size = image.load(self.nor.read, row.at, row.size).size
        except image.ImageFault:
            size = 0
        return hashlib.sha256(self.nor.read(row.at, size)).digest()

    # -- esp32.Partition ----------------------------------------------------------------------------------

    def _next(self, at: int) -> int:
        """esp_ota_get_next_update_partition: the slot after the one at `at`, the first after the last; it may be the same."""
        slots = partitions.ota_slots(self.table)
        if not slots:
            return -_ENOENT
        here = next((i for i, row in enumerate(slots) if row.at == at), -1)
        return slots[(here + 1) % len(slots)].at

    def _set_boot(self, at: int) -> int | Answer:
        row = next(r for r in self.table if r.at == at)
        if row.kind != partitions.APP or not self.whole(row):
            return _VALIDATE_FAILED
        data, slot = self.data, row.subtype - partitions.OTA_0
        if data is None or row.subtype == partitions.FACTORY:
            return NOT_FOUND
        return self._timed(lambda: data.choose(slot))

    def _mark(self) -> int | Answer:
        if self.data is None:
            return NOT_FOUND
        found = 0

        def confirm() -> None:
            nonlocal found
            assert self.data
            found = self.data.confirm()

        answer = self._timed(confirm)
        return found if found else answer

    def _timed(self, work: Callable[[], object]) -> Answer:
        self.nor.us = 0
        try:
            work()
        except OSError as error:
            return (error.errno or 5, 0, b"", 0)
        except PowerLost:
            return (5, 0, b"", 0)
        return (0, 0, b"0", self.nor.us)

    def _read(self, count: int, data: bytes) -> Answer:
        at = int.from_bytes(data, "little")
        return (0, 0, self.nor.read(at, min(count, ROOM)), count * _READ_NS // 1000)

    def _write(self, _b: int, data: bytes) -> Answer:
        return self._timed(lambda: self.nor.program(int.from_bytes(data[:4], "little"), data[4:]))

    def _erase(self, _b: int, data: bytes) -> Answer:
        at, size = int.from_bytes(data[:4], "little"), int.from_bytes(data[4:8], "little")
        if at % SECTOR or size % SECTOR:
            return (0, _INVALID_SIZE, b"", 0)
        return self._timed(lambda: self.nor.erase(at, size))

    def close(self) -> None:
        self.nor.flash.close()

