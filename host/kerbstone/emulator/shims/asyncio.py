"""Lets the port's own asyncio run in virtual time, then steps out of its way."""

import select  # noqa: F401  (in place before the frozen package asks for it)
import sys
import time

time._for_asyncio()
_path = sys.path[:]
sys.path[:] = [".frozen"]
sys.modules.pop("asyncio", None)
import asyncio as _real

sys.path[:] = _path
sys.modules["asyncio"] = _real
for _name in dir(_real):
    globals()[_name] = getattr(_real, _name)


def __getattr__(name):
    return getattr(_real, name)
