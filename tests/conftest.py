"""What CPython lacks of MicroPython, so that pure firmware modules import under both."""

import sys
import types

_micropython = types.ModuleType("micropython")
_micropython.const = lambda value: value  # type: ignore[attr-defined]
sys.modules.setdefault("micropython", _micropython)
