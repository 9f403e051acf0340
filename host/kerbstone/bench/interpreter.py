"""The seam between a board that has booted and the interpreter that runs on its file system."""

from __future__ import annotations

import importlib
import socket
from pathlib import Path
from typing import Protocol


class Session(Protocol):
    """A running interpreter."""

    def stop(self) -> None:
        """Ends it, as a reset would; called once, also after it has ended by itself."""


class Interpreter(Protocol):
    """Starts MicroPython on the file system at `offset` of a flash image.

    `stream` is one end of a socket pair and stands for the UART: console bytes both ways. The callee owns it; closing it
    means that the interpreter has reset, and the board boots anew.
    """

    def __call__(self, flash_image: Path, offset: int, size: int, stream: socket.socket) -> Session: ...


def bench_interpreter() -> Interpreter | None:
    """The bench's own interpreter (`kerbstone.bench.repl`), or None where it is not installed."""
    try:
        found: Interpreter = importlib.import_module("kerbstone.bench.repl").start_interpreter
    except (ModuleNotFoundError, AttributeError):
        return None
    return found
