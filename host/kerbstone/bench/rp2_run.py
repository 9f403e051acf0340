"""Runs a virtual RP2040 until it is stopped: a folder that takes a UF2, then a port for mpremote."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from kerbstone.bench.rp2 import OFF, Rp2Board
from kerbstone.build.node import Node


def run_rp2(name: str, state: Path | None, say: Callable[[str, str], None], node: Node | None = None) -> None:
    """`say(text, mode)` is called for everything that happens. Without `state` the board is new and forgotten afterwards.

    Raises BenchError.
    """
    with ExitStack() as stack:
        folder = state or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="kerbstone-board-")))
        board = Rp2Board(name, folder, lambda text: say(text, board.mode), node)
        board.start()
        try:
            while not board.wait_for(OFF, timeout_s=1.0):
                continue
        finally:
            board.stop()
        if board.error:
            raise board.error
