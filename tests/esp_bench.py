"""What the tests of the virtual ESP32 boards share: the real esptool, images made with its own classes, a stand-in interpreter."""

import contextlib
import os
import random
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from kerbstone.bench.esp import partitions
from kerbstone.bench.esp.chips import CHIPS
from kerbstone.bench.esp.partitions import Partition

try:
    from esptool.bin_image import ESP32FirmwareImage, ESP32S3FirmwareImage, ImageSegment, LoadFirmwareImage
    from esptool.loader import ESPLoader, slip_reader
    from esptool.util import FatalError
except ImportError:
    if os.environ.get("CI") == "true":
        raise
    pytest.skip("esptool is not installed: pip install -e .[test]", allow_module_level=True)

ORACLES = (ESPLoader, slip_reader, LoadFirmwareImage, FatalError)  # for the tests, which import esptool by way of this file
BOARDS = {"esp32": "olimex_esp32_poe", "esp32s3": "xiao_esp32s3_wio_sx1262"}
_IMAGES = {"esp32": ESP32FirmwareImage, "esp32s3": ESP32S3FirmwareImage}
_RAM = {"esp32": 0x3FFB0000, "esp32s3": 0x3FC90000}
FS_AT = 0x200000


def esptool(port, *words, before="no-reset", timeout=120):
    """The unmodified command line; `before=None` leaves the tool its default reset."""
    command = [sys.executable, "-m", "esptool", "--port", port, *(["--before", before] if before else []), *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)


def succeed(*arguments, **options):
    done = esptool(*arguments, **options)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


def blob(size, seed=1):
    """Half noise, half runs, so that compression has something to do; holds every byte value that the framing escapes."""
    chance = random.Random(seed)
    return b"".join(chance.randbytes(512) + bytes([chance.choice((0, 0xFF, 0xC0, 0xDB))]) * 512 for _ in range(size // 1024 + 1))[:size]


def application(chip, size=20_000, seed=2):
    """A valid image, made by esptool."""
    image = _IMAGES[chip]()
    image.entrypoint = _RAM[chip]
    image.chip_id = CHIPS[chip].image_id
    segment = ImageSegment(_RAM[chip], blob(size // 4 * 4, seed), 0)
    segment.name = ".dram0.data"  # some versions ask for it
    image.segments = [segment]
    return image.save(None)


TABLE = [  # MicroPython's own: the file system is not in it
    Partition("nvs", partitions.DATA, 0x02, 0x9000, 0x6000),
    Partition("phy_init", partitions.DATA, 0x01, 0xF000, 0x1000),
    Partition("factory", partitions.APP, partitions.FACTORY, 0x10000, 0x1F0000),
]


def firmware(chip, app=None, table=None):
    """Bootloader, partition table and application in one file, as micropython.org ships it; goes to the boot offset."""
    start = CHIPS[chip].boot_offset
    whole = bytearray(b"\xff" * (0x10000 - start))
    boot = application(chip, 4000, 3)
    whole[: len(boot)] = boot
    rows = partitions.pack(TABLE if table is None else table)
    whole[0x8000 - start : 0x8000 - start + len(rows)] = rows
    return bytes(whole) + (application(chip) if app is None else app)


@dataclass
class EchoInterpreter:
    """Says where its file system is and what it begins with, then echoes; `reset` ends it, `loader` does so for the ROM's loader."""

    starts: list = field(default_factory=list)
    stopped: int = 0
    reason: str = ""

    def __call__(self, flash_image: Path, offset: int, size: int, stream):
        with flash_image.open("rb") as f:
            f.seek(offset)
            head = f.read(8)
        self.starts.append((offset, size, head))
        stream.sendall(b"file system at 0x%x: %s\r\n>>> " % (offset, head.hex().encode()))
        threading.Thread(target=self._echo, args=(stream,), daemon=True).start()
        return self

    def _echo(self, stream):
        with stream, contextlib.suppress(OSError):  # the board was switched off
            while data := stream.recv(4096):
                if b"reset" in data or b"loader" in data:
                    self.reason = "bootloader" if b"loader" in data else "stopped"
                    return
                stream.sendall(data)

    def stop(self):
        self.stopped += 1
