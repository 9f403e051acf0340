"""Runs the firmware's pure arithmetic as a board does it: every operation rounded to 32 bits.

numpy.float32 scalars round after each operation, and keep doing so when they meet Python numbers (NEP 50). What would bring
64 bits back in is replaced for the time of the test: the functions of `math` in a module's globals, `array("f")` states,
module constants.
"""

from __future__ import annotations

import math
import sys
import types
from array import array
from collections.abc import Callable
from typing import Any

import numpy as np

F32 = np.float32
_FUNCTIONS = ("acos", "asin", "atan2", "cos", "exp", "log", "pow", "sin", "sqrt", "tan")


def install_micropython() -> None:
    """CPython has no module `micropython`; const() is all that pure files take from it."""
    if "micropython" not in sys.modules:
        stub = types.ModuleType("micropython")
        stub.const = lambda value: value  # type: ignore[attr-defined]
        sys.modules["micropython"] = stub


def rounded(function: Callable[..., float]) -> Callable[..., np.float32]:
    """The function with its result rounded to 32 bits (arguments count as given)."""
    return lambda *arguments: F32(function(*(float(a) for a in arguments)))


def _number(value: Any) -> Any:
    if isinstance(value, float):
        return F32(value)
    return tuple(_number(v) for v in value) if isinstance(value, tuple) else value


def patch(monkeypatch: Any, module: types.ModuleType) -> None:
    """Replaces the float constants and the math functions in a module's globals by 32-bit ones."""
    for name, value in list(vars(module).items()):
        if name in _FUNCTIONS and value is getattr(math, name):
            monkeypatch.setattr(module, name, rounded(value))
        elif not name.startswith("__") and isinstance(value, float | tuple):
            monkeypatch.setattr(module, name, _number(value))


def round_state(thing: Any) -> None:
    """Turns the float attributes and `array("f")` states of an object into 32-bit ones, so that reading them keeps the type."""
    for name, value in vars(thing).items():
        if isinstance(value, float):
            setattr(thing, name, F32(value))
        elif isinstance(value, array) and value.typecode == "f":
            setattr(thing, name, np.array(value, dtype=np.float32))
