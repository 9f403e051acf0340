"""Where a script of a test runs: the emulator, a whole emulated chip, or a board on a serial port."""

from __future__ import annotations

from typing import Protocol

from kerbstone.build.node import Node
from kerbstone.errors import KerbstoneError


class TargetError(KerbstoneError):
    """The target is not there, or the script on it failed; the message ends with the board's last line."""


class Missing(KerbstoneError):
    """This installation has no such target; a test skips with the sentence."""


class Target(Protocol):
    """A MicroPython board with the node's firmware on it: `kerb` imports, own drivers and applications included."""

    def exec(self, script: str, timeout_s: float = 30.0) -> str:
        """What the script printed. It runs after boot.py in a fresh interpreter, in place of main.py.

        Raises TargetError when it ends in an exception or takes longer than `timeout_s` (virtual seconds, or real ones on a board).
        """
        ...

    def put(self, path: str, data: bytes) -> None:
        """Writes a file; its folder is made."""
        ...

    def reset(self) -> None:
        """Restarts the board; files stay."""
        ...

    def close(self) -> None: ...


def open_target(where: str, node: Node) -> Target:
    """The target that `--target` names: "emulator", "chip", or a serial port. Raises TargetError or Missing."""
    if where == "emulator":
        from kerbstone.testing.targets.emulated import EmulatedTarget

        return EmulatedTarget(node)
    if where == "chip":
        from kerbstone.testing.targets.chip import chip_target

        return chip_target(node)
    if "/" not in where and not where.upper().startswith("COM"):
        raise TargetError(f"There is no target {where!r}: take emulator, chip, or a serial port like /dev/ttyUSB0.")
    from kerbstone.testing.targets.serial import SerialTarget

    return SerialTarget(where, node)


PUT = """
import os
path = {path!r}
folder = ""
for name in path.split("/")[:-1]:
    folder += name + "/"
    if name:
        try:
            os.mkdir(folder[:-1])
        except OSError:
            pass
with open(path, {mode!r}) as f:
    f.write(bytes.fromhex({text!r}))
"""
CHUNK = 2048  # bytes of a file in one script: its text must fit the heap of a small board twice


def put_by_script(target: Target, path: str, data: bytes) -> None:
    """Writes a file through scripts, for a target without a better way."""
    for at in range(0, len(data) or 1, CHUNK):
        target.exec(PUT.format(path=path, mode="ab" if at else "wb", text=data[at : at + CHUNK].hex()))
