"""What each driver and application costs: bytes of .mpy, and bytes of heap of an application with its module."""

from __future__ import annotations

import json

from interpreter import micropython
from kerbstone.build.compile import node_json
from kerbstone.build.firmware import compile_file
from kerbstone.build.node import load_node, ready_nodes
from kerbstone.paths import firmware_dir

_HEAP = """
import gc, json, sys
settings = json.loads(sys.stdin.readline())
gc.collect()
before = gc.mem_alloc()
from kerb.apps.%s import App
app = App(settings)
app.pack()
gc.collect()
print(gc.mem_alloc() - before)
"""


def mpy_sizes(folder: str) -> dict[str, int]:
    """Bytes of every compiled file of kerb/drivers or kerb/apps (without apps/algo)."""
    root = firmware_dir()
    files = sorted((root / "kerb" / folder).glob("*.py"))
    return {p.stem: len(compile_file(p, str(p.relative_to(root)))) for p in files if p.stem != "__init__"}


def app_heap() -> dict[str, int]:
    """Heap an application and the modules it needs take with the settings of its ready-made node, compiled on the fly by an
    interpreter of 64 bits: a board with .mpy files and 32 bits needs about half.
    """
    found = {}
    for name in ready_nodes():
        config = node_json(load_node(name))
        found[config["app"]] = int(micropython(_HEAP % config["app"], json.dumps(config["app_settings"]) + "\n"))
    return found
