"""What CPython lacks of MicroPython, so that pure firmware modules import under both; the same examples at each run in CI."""

import os
import sys
import types

from hypothesis import settings

_micropython = types.ModuleType("micropython")
_micropython.const = lambda value: value  # type: ignore[attr-defined]
sys.modules.setdefault("micropython", _micropython)

settings.register_profile("ci", derandomize=True)
if os.environ.get("CI") == "true":
    settings.load_profile("ci")
