"""An ESP32 that gets an image of the interpreter, under CPython: the firmware's own code, a virtual chip, a supply that fails.

Operations that count: each page and sector of the chip, the bootloader's too, and each rename in the file system, whose own cuts
test_update_cuts.py has: a blob is the old one or the new one.
"""

from __future__ import annotations

import importlib
import os
import random
import sys
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

from kerbstone.bench.esp import image, otadata, partitions
from kerbstone.bench.esp.boot import ota_data
from kerbstone.bench.esp.partitions import Partition
from kerbstone.update.image import pieces

SECTOR, PAGE = 4096, 256
SLOT = 8 * SECTOR
TABLE = [
    Partition("otadata", partitions.DATA, partitions.OTA_DATA, 0, 2 * SECTOR),
    Partition("ota_0", partitions.APP, 0x10, 2 * SECTOR, SLOT),
    Partition("ota_1", partitions.APP, 0x11, 2 * SECTOR + SLOT, SLOT),
]
IMAGES = [image.build(0, random.Random(i).randbytes(SECTOR * 2 + 700 * i)) for i in range(4)]


class Cut(BaseException):
    """The supply is gone: nothing the firmware catches."""


class Supply:
    """Fails in operation `at`, with `share` quarters of it done."""

    def __init__(self) -> None:
        self.at = self.share = self.count = 0

    def arm(self, at: int, share: int = 0) -> None:
        self.at, self.share, self.count = at, share, 0

    def quarters(self) -> int:
        self.count += 1
        return self.share if self.count == self.at else 4


class Nor:
    def __init__(self, supply: Supply):
        self.cells = bytearray(b"\xff" * (2 * SECTOR + 2 * SLOT))
        self.supply = supply

    def read(self, at: int, size: int) -> bytes:
        return bytes(self.cells[at : at + size])

    def program(self, at: int, data: bytes) -> None:
        for i in range(0, len(data), PAGE):
            page = data[i : i + PAGE]
            quarters = self.supply.quarters()
            for j in range(len(page) * quarters // 4):
                self.cells[at + i + j] &= page[j]
            if quarters < 4:
                raise Cut

    def erase(self, at: int, size: int) -> None:
        for sector in range(at, at + size, SECTOR):
            quarters = self.supply.quarters()
            n = SECTOR * quarters // 4
            self.cells[sector : sector + n] = b"\xff" * n
            if quarters < 4:
                raise Cut


class Reset(Exception):
    """machine.reset()."""


class Board:
    """`boot()` is the bootloader's turn; the modules `esp32` and `machine` of the port are this board's."""

    def __init__(self, folder: Path):
        self.supply = Supply()
        self.nor = Nor(self.supply)
        self.nor.program(TABLE[1].at, IMAGES[0])
        self.data = ota_data(self.nor, TABLE)
        assert self.data
        self.running = TABLE[1]
        self.folder = folder
        self.modules = self._modules()

    def boot(self) -> None:
        assert self.data
        chosen = self.data.start()
        for row in partitions.boot_order(TABLE, chosen):
            if self.image(row) is not None:
                self.running = row
                self.data.started(row.subtype - partitions.OTA_0)
                return
        raise AssertionError("nothing starts")

    def image(self, row: Partition) -> int | None:
        """Which of IMAGES a partition holds, whole."""
        try:
            size = image.load(self.nor.read, row.at, row.size).size
        except image.ImageFault:
            return None
        found = self.nor.read(row.at, size)
        return IMAGES.index(found) if found in IMAGES else -1

    def _modules(self) -> dict[str, ModuleType]:
        board = self

        class EspPartition:
            BOOT, RUNNING, TYPE_APP, TYPE_DATA = 0, 1, 0, 1

            def __init__(self, which: int | Partition):
                if isinstance(which, int):
                    assert board.data
                    which = board.running if which else TABLE[1 + (board.data.slot() or 0)]
                self.row = which

            @staticmethod
            def find(kind: int = 0) -> list[Any]:
                return [EspPartition(row) for row in TABLE if row.kind == kind]

            def info(self) -> tuple[Any, ...]:
                return (self.row.kind, self.row.subtype, self.row.at, self.row.size, self.row.label, False)

            def ioctl(self, op: int, arg: int) -> int:
                if op == 6:
                    board.nor.erase(self.row.at + arg * SECTOR, SECTOR)
                return self.row.size // SECTOR if op == 4 else 0

            def readblocks(self, block: int, buf: bytearray, offset: int = 0) -> None:
                buf[:] = board.nor.read(self.row.at + block * SECTOR + offset, len(buf))

            def writeblocks(self, block: int, buf: bytes, offset: int) -> None:
                board.nor.program(self.row.at + block * SECTOR + offset, bytes(buf))

            def set_boot(self) -> None:
                if board.image(self.row) is None:
                    raise OSError(-0x1503)
                assert board.data
                board.data.choose(self.row.subtype - 0x10)

            def get_next_update(self) -> Any:
                return EspPartition(TABLE[2] if self.row == TABLE[1] else TABLE[1])

            @staticmethod
            def mark_app_valid_cancel_rollback() -> None:
                assert board.data
                if code := board.data.confirm():
                    raise OSError(-code)

        esp32, machine = ModuleType("esp32"), ModuleType("machine")
        esp32.Partition = EspPartition  # type: ignore[attr-defined]
        machine.PWRON_RESET, machine.WDT_RESET, machine.DEEPSLEEP_RESET = 1, 3, 4  # type: ignore[attr-defined]
        machine.reset_cause = lambda: 1  # type: ignore[attr-defined]

        def reset() -> None:
            raise Reset

        machine.reset = reset  # type: ignore[attr-defined]
        return {"esp32": esp32, "machine": machine}


class Firmware:
    """A start: the firmware's modules with nothing in them that RAM held."""

    _loaded: ClassVar[dict[str, ModuleType]] = {}

    NAMES = ("stage0", "kerb.log", "kerb.store", "kerb.update.inbox", "kerb.update.agent", "kerb.update.image", "kerb.update.interpreter",
             "kerb.update.probation", "kerb.update.manifest", "kerb.update.envelope")

    def __init__(self, board: Board, told: list[str]):
        sys.modules.update(board.modules)
        if not self._loaded:
            self._loaded.update({name.rsplit(".", 1)[-1]: importlib.import_module(name) for name in self.NAMES})
        self.m = self._loaded
        self.stage0: Any = self.m["stage0"]
        self.stage0.ROOT = str(board.folder)
        self.stage0.current = self.stage0.Selector()
        for name, file in (("INBOX", "inbox"), ("_LOG", "inbox.log"), ("_NAME", "inbox.id")):
            setattr(self.m["inbox"], name, f"{board.folder}/{file}")
        self.m["image"]._at = 0  # type: ignore[attr-defined]
        self.m["log"].event = lambda *words: told.append(" ".join(map(str, words[:4])))  # type: ignore[attr-defined]
        self.stage0.choose()
        sys.path[:] = [p for p in sys.path if not p.startswith(str(board.folder))]

    def store(self) -> Any:
        return self.m["store"].Store(self.stage0.ROOT)


def counted_rename(board: Board, rename: Any = os.rename) -> Any:
    def count(old: str, new: str) -> None:
        if board.supply.quarters() < 4:
            raise Cut
        rename(old, new)

    return count


__all__ = ["IMAGES", "TABLE", "Board", "Cut", "Firmware", "Reset", "counted_rename", "otadata", "pieces"]
