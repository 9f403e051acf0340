"""A bench of blank virtual boards with their parts, images to flash, books, and the real command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import esp_bench
from enrolled_board import PASSPHRASE
from kerbstone.bench.rp2 import Rp2Board
from kerbstone.bench.virtual import VirtualBoard
from kerbstone.build.node import load_node
from virtual_board import firmware as rp2_firmware
from virtual_board import uf2

ESP_NODE, RP2_NODE = "parking", "light"


def esp_image(path: Path, mcu: str = "esp32s3", app_bytes: int = 60_000) -> Path:
    """Bootloader, partition table, application, as micropython.org ships it."""
    path.write_bytes(esp_bench.firmware(mcu, esp_bench.application(mcu, app_bytes)))
    return path


def rp2_image(path: Path, pages: int = 200) -> Path:
    path.write_bytes(uf2(rp2_firmware(pages)))
    return path


@dataclass
class Stand:
    """Boards by name; what `kerbstone flash` gets to reach one is `ports[name]`."""

    folder: Path
    ports: dict[str, str] = field(default_factory=dict)
    boards: dict[str, VirtualBoard | Rp2Board] = field(default_factory=dict)
    _stack: ExitStack = field(default_factory=ExitStack)

    def esp(self, name: str, board: str | None = None, node: str | None = ESP_NODE) -> VirtualBoard:
        """A blank ESP32; the same one when it was there before."""
        wired = load_node(node) if node else None
        assert board or wired
        made = VirtualBoard(board or wired.spec.node.board, self.folder / name, node=wired)  # type: ignore[union-attr]
        self._stack.callback(made.close)
        self.ports[name], self.boards[name] = made.port, made
        return made

    def rp2(self, name: str, node: str = RP2_NODE) -> Rp2Board:
        """A blank RP2040; the same one when it was there before."""
        wired = load_node(node)
        made = Rp2Board(wired.spec.node.board, self.folder / name, node=wired)
        made.start()
        self._stack.callback(made.stop)
        self.ports[name], self.boards[name] = str(self.folder / name), made
        return made

    def close(self) -> None:
        self._stack.close()

    def __enter__(self) -> Stand:
        return self

    def __exit__(self, *args: object) -> None:
        self.close()


def kerbstone(*words: object, cwd: Path | None = None, timeout: float = 600) -> subprocess.CompletedProcess[str]:
    """The command, with the passphrase of the tests' books."""
    command = [sys.executable, "-m", "kerbstone", *map(str, words)]
    words_of = {**os.environ, "KERBSTONE_PASSPHRASE": PASSPHRASE}
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False, cwd=cwd, env=words_of)


def verdicts(done: subprocess.CompletedProcess[str]) -> dict[str, dict[str, object]]:
    """{port: verdict} of a run with --json."""
    assert done.stdout.startswith("{"), done.stdout[-2000:] + done.stderr[-3000:]
    return {row["where"]: row for row in json.loads(done.stdout)["boards"]}
