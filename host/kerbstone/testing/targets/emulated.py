"""The emulator as a target: the node's board with its virtual parts, which runs scripts in place of main.py."""

from __future__ import annotations

from pathlib import Path

from kerbstone.build.node import Node
from kerbstone.emulator.bench import Bench
from kerbstone.emulator.kernel import SECOND_US
from kerbstone.emulator.run import START_UTC
from kerbstone.testing.targets import TargetError, put_by_script

_SCRIPT = "_script.py"
_STEP_US = SECOND_US


class EmulatedTarget:
    """`node` may be changed by scripts as a board can; every script sees the same flash."""

    def __init__(self, node: Node, seed: int = 1):
        self._bench = Bench(seed, START_UTC)
        self._runtime = self._bench.add(node)
        self._device = self._runtime.device
        self._scripts = 0

    def exec(self, script: str, timeout_s: float = 30.0) -> str:
        device, kernel = self._device, self._bench.kernel
        # A name for each: what stands in /rom under one name never changes for a board that has booted (engine/stand.py).
        self._scripts += 1
        folder = Path(device.spec.rom) / str(self._scripts)
        folder.mkdir()
        (folder / _SCRIPT).write_text(script, encoding="utf-8")
        device.script = f"/rom/{folder.name}/{_SCRIPT}"
        said, seen = self._runtime.console.stat().st_size, len(kernel.log.events)
        device.power_on()
        end = kernel.now + int(timeout_s * SECOND_US)
        while kernel.now < end and not self._ended(seen):
            self._bench.run(min(kernel.now + _STEP_US, end))
        output = self._runtime.console.read_bytes()[said:].decode(errors="replace")
        if not self._ended(seen):
            device.power_off()
            raise TargetError(f"The script did not end within {timeout_s:g} s of virtual time; last line: {_last(output)}")
        if any(e[2] == "crash" for e in kernel.log.events[seen:]):
            raise TargetError(f"The script failed on the emulator: {_last(output)}")
        return output

    def _ended(self, seen: int) -> bool:
        return any(e[2] == "prompt" for e in self._bench.kernel.log.events[seen:])

    def put(self, path: str, data: bytes) -> None:
        put_by_script(self, path, data)

    def reset(self) -> None:
        self._device.power_off()

    def close(self) -> None:
        self._bench.close()


def _last(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1] if lines else "-"
