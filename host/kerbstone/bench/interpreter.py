"""The seam between a board that has booted and the interpreter that runs on its file system."""

from __future__ import annotations

import importlib
import socket
from pathlib import Path
from typing import Protocol

from kerbstone.build.board import load_board
from kerbstone.build.node import Node
from kerbstone.emulator.board.limits import LIMITS
from kerbstone.emulator.board.spec import DeviceSpec

BOOTLOADER = "bootloader"


class Session(Protocol):
    """A running interpreter. `reason` says why it has ended: "bootloader" when the firmware asked for the ROM's loader."""

    reason: str

    def stop(self) -> None:
        """Ends it, as a reset would; called once, also after it has ended by itself."""


class Interpreter(Protocol):
    """Starts MicroPython on the file system at `offset` of a flash image.

    `stream` is one end of a socket pair and stands for the UART: console bytes both ways. The callee owns it; closing it
    means that the interpreter has ended, and the board boots anew.
    """

    def __call__(self, flash_image: Path, offset: int, size: int, stream: socket.socket) -> Session: ...


def bench_interpreter(board: str, mac: bytes, node: Node | None = None) -> Interpreter | None:
    """The bench's own interpreter (`kerbstone.bench.repl`) for a board with the parts of `node`, or None where there is none.

    Raises NodeFileError.
    """
    try:
        repl = importlib.import_module("kerbstone.bench.repl")
    except ModuleNotFoundError:
        return None
    file = load_board(board)
    spec = DeviceSpec(
        name=board, title=f"{file.title} with {file.mcu.upper()}", limits=LIMITS[file.mcu], heap_kb=file.heap_kb,
        boot_ms=file.times.boot_ms, wake_ms=file.times.wake_ms, current_ua=file.current_ua.model_dump(),
        unique_id=mac.hex(), mac=mac.hex(), seed=int.from_bytes(mac[3:], "big"), rtc_ppm=file.times.rtc_ppm,
    )

    def start(flash_image: Path, offset: int, size: int, stream: socket.socket) -> Session:
        session: Session = repl.start_interpreter(
            flash_image, offset, size, stream.fileno(), spec, file.pin_names, on_end=lambda reason: stream.close(), node=node
        )
        return session

    return start
