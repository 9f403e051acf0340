"""A virtual board by the name of its board file, with its ports open."""

from __future__ import annotations

import time
from pathlib import Path

from kerbstone.bench.esp.board import EspBoard
from kerbstone.bench.esp.chips import CHIPS
from kerbstone.bench.fit import same_board
from kerbstone.bench.interpreter import Interpreter, bench_interpreter
from kerbstone.bench.loop import BoardThread
from kerbstone.bench.nor import NorChip
from kerbstone.bench.ports import PtyPort, Rfc2217Port
from kerbstone.bench.state import StateDir
from kerbstone.build.board import load_board
from kerbstone.build.node import Node
from kerbstone.errors import BenchError


class VirtualBoard:
    """A powered board: `port` (pseudo-terminal), `url` (RFC 2217), `mac`. Close it to free its state directory."""

    def __init__(
        self,
        name: str,
        state: Path | None = None,
        tcp_port: int = 0,
        download: bool = False,
        interpreter: Interpreter | None = None,
        node: Node | None = None,
    ):
        """`download`: powered with BOOT held. `interpreter`: in place of the bench's own. `node`: its parts are wired to the board.

        Raises NodeFileError for an unknown board, BenchError for a chip without a loader or an unusable state directory.
        """
        board_file = load_board(name)
        same_board(node, name)
        chip = CHIPS.get(board_file.mcu)
        if chip is None:
            known = " and ".join(CHIPS)
            raise BenchError(f"Board {name!r} has the chip {board_file.mcu}; virtual loaders exist for {known}: choose such a board.")
        self.name, self.chip = name, chip
        self.flash_bytes = board_file.flash_mb << 20
        self._state = StateDir(state, name)
        self.mac = self._state.mac
        try:
            flash = NorChip(self._state.flash, self.flash_bytes)
            self.board = EspBoard(chip, flash, self.mac, interpreter or bench_interpreter(name, self.mac, node))
            tcp = Rfc2217Port(self.board, tcp_port)
        except BenchError:
            self._state.close()
            raise
        pty = PtyPort(self.board)
        self.port, self.url = pty.path, tcp.url
        self.thread = BoardThread(self.board, [pty, tcp])
        self.thread.call(lambda: self.board.power_on(download))

    def facts(self) -> dict[str, str | int]:
        """What a program needs to talk to the board."""
        return {
            "board": self.name, "chip": self.chip.name, "flash_bytes": self.flash_bytes, "mac": self.mac.hex(":"),
            "port": self.port, "url": self.url, "state": str(self._state.path),
        }

    def wait(self) -> None:
        """Lets the board live until the process is interrupted."""
        while self.thread.alive():
            time.sleep(0.5)

    def close(self) -> None:
        self.thread.stop()
        self._state.close()
