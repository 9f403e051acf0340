"""The built node left to itself on the chip: its own main.py, deep sleep, the reset that ends it."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from kerbstone.build.compile import board_files
from kerbstone.build.node import Node
from kerbstone.chip.bench import transplant
from kerbstone.chip.prepare import prepare
from kerbstone.chip.wiring import Wired, wire
from kerbstone.emulator.identity import mint
from kerbstone.emulator.run import START_UTC
from kerbstone.errors import ChipError


@dataclass(frozen=True)
class Life:
    """The result of `run_life`. `wakes_s`: chip time of each reset, in s since the node was switched on."""

    node: str
    build: str
    chip_s: float
    wall_s: float
    wakes_s: list[float]
    delivered: list[str]
    console: list[str]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def run_life(node: Node, uf2: Path, seconds: float, seed: int = 1, start_utc: int = START_UTC) -> Life:
    """Switches the built node on and lets `seconds` of chip time pass; sleeping costs next to nothing.

    What the node prints in the 15 ms before its console is on USB is lost, as on a board. Raises NodeFileError, ChipError or
    EngineError; ChipError too when the node ends at the prompt, which it must never do.
    """
    node = transplant(node)
    files = board_files(node)
    files["/identity.json"] = json.dumps(mint(seed, node.name).values()).encode()
    hung: list[Wired] = []
    flash_mb = node.board.flash_mb
    prepared = prepare(
        uf2, files, attach=lambda chip: hung.append(wire(chip, node, seed, start_utc)), autostart=True, flash_mb=flash_mb,
    )  # fmt: skip
    chip = prepared.chip
    with hung[0] as wired:
        wall, began = time.monotonic(), chip.seconds
        if chip.run(seconds, lambda: chip.console.text.endswith(b">>> ")):
            last = chip.console.text.decode(errors="replace").strip().splitlines()[-2:]
            raise ChipError(f"Node {node.name} ended at the prompt of the chip: {' / '.join(last)}")
        wakes = [t / 1e6 - began for t, _, _, _ in chip.kernel.log.of("chip", "reset")]
        lines = chip.console.text.decode(errors="replace").splitlines()
        delivered = [a.payload.hex() for a in wired.arrivals()]
        return Life(node.name, prepared.build, chip.seconds - began, time.monotonic() - wall, wakes, delivered, lines)
