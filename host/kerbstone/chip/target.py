"""The whole emulated RP2040 as a target of tests: the node's firmware on it, scripts in place of main.py."""

from __future__ import annotations

import json
from pathlib import Path

from kerbstone.build.compile import board_files
from kerbstone.build.node import Node
from kerbstone.chip.bench import transplant
from kerbstone.chip.prepare import prepare
from kerbstone.chip.wiring import Wired, wire
from kerbstone.emulator.identity import mint
from kerbstone.emulator.run import START_UTC
from kerbstone.errors import ChipError
from kerbstone.testing.targets import TargetError, put_by_script

_SOFT_RESET_S = 2.0  # chip time, boot.py included


class ChipTarget:
    """`node` on the bench RP2040, with its virtual parts. Raises ChipError when `uf2` does not run there, EngineError."""

    def __init__(self, node: Node, uf2: Path, seed: int = 1):
        node = transplant(node)
        files = board_files(node)
        files["/identity.json"] = json.dumps(mint(seed, node.name).values()).encode()
        hung: list[Wired] = []
        flash_mb = node.board.flash_mb
        self._chip = prepare(uf2, files, attach=lambda chip: hung.append(wire(chip, node, seed, START_UTC)), flash_mb=flash_mb).chip
        self._wired = hung[0]

    def exec(self, script: str, timeout_s: float = 30.0) -> str:
        try:
            self._chip.soft_reset(_SOFT_RESET_S)
            done = self._chip.execute(script, timeout_s)
        except ChipError as error:
            raise TargetError(str(error)) from error
        if done.stderr:
            raise TargetError(f"The script failed on the chip: {done.stderr.strip().splitlines()[-1]}")
        return done.stdout

    def put(self, path: str, data: bytes) -> None:
        put_by_script(self, path, data)

    def reset(self) -> None:
        self._chip.reset()
        self._chip.to_prompt()

    def close(self) -> None:
        self._wired.close()
