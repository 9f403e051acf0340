"""A virtual RP2040 board for tests, UF2 files for it, and the real mpremote command against it."""

from __future__ import annotations

import importlib.util
import os
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from kerbstone.bench.rp2 import RUNNING, Rp2Board
from kerbstone.bench.uf2 import RP2040, XIP_BASE, boot_crc

_MAGIC = (0x0A324655, 0x9E5D5157)


def need_mpremote() -> None:
    """Skips without mpremote; fails in CI."""
    if importlib.util.find_spec("mpremote") is None:
        if os.environ.get("CI") == "true":
            pytest.fail("mpremote is not installed")
        pytest.skip("mpremote is not installed")


def boot_page(text: bytes = b"a boot stage") -> bytes:
    """256 bytes the boot ROM starts."""
    code = text.ljust(252, b"\0")
    return code + boot_crc(code).to_bytes(4, "little")


def uf2(pages: dict[int, bytes], family: int = RP2040, flags: int = 0x2000, size: int = 256) -> bytearray:
    """A UF2 of pages by flash offset, in the order given."""
    out = bytearray()
    for number, (offset, page) in enumerate(pages.items()):
        out += struct.pack("<8I", *_MAGIC, flags, XIP_BASE + offset, size, number, len(pages), family)
        out += page.ljust(476, b"\0") + (0x0AB16F30).to_bytes(4, "little")
    return out


def firmware(pages: int = 40) -> dict[int, bytes]:
    """Pages of a firmware that starts: the boot stage and content that differs from page to page."""
    return {0: boot_page()} | {256 * n: bytes((n * 7 + i) & 255 for i in range(256)) for n in range(1, pages)}


def wait_until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


def running_board(state: Path) -> Rp2Board:
    """A board with firmware in its flash and an empty file system, at its prompt."""
    board = Rp2Board("pico_w", state)
    board.start()
    (board.folder / "firmware.uf2").write_bytes(uf2(firmware()))
    assert board.wait_for(RUNNING)
    return board


def mpremote(board: Rp2Board, *words: str, cwd: Path | None = None, status: int = 0, timeout: float = 90) -> str:
    """Runs the unmodified command line; gives what it printed."""
    need_mpremote()
    done = subprocess.run(
        [sys.executable, "-m", "mpremote", "connect", str(board.port), *words], cwd=cwd, capture_output=True, timeout=timeout, check=False
    )
    text = (done.stdout + done.stderr).decode()
    assert done.returncode == status, f"mpremote {' '.join(words)}: {text}"
    return text
