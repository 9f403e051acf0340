"""What the LoRaWAN MAC costs: bytes of .mpy in all (one region is a table of node.json), and heap for one uplink."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from kerbstone.build.firmware import compile_file
from kerbstone.build.regions import names, region_table

ROOT = Path(__file__).parents[2]
MAC = ("__init__", "adr", "commands", "crypto", "frames", "join", "mac", "region", "session", "uplink")  # packages are extra


def mac_mpy_bytes() -> int:
    firmware = ROOT / "firmware"
    names = [f"kerb/uplink/lorawan/{name}.py" for name in MAC]
    return sum(len(compile_file(firmware / name, name)) for name in names)


def uplink_alloc_bytes() -> int:
    """Of a 64-bit interpreter, whose words and blocks are twice a board's."""
    script = Path(__file__).with_name("uplink_alloc.py")
    named = os.environ.get("MICROPYTHON")
    program = [named] if named else [sys.executable, "-m", "micropython_unix"]
    environment = {**os.environ, "MICROPYPATH": str(ROOT / "firmware")}
    done = subprocess.run([*program, str(script)], env=environment, capture_output=True, check=True)
    return int(done.stdout)


def figures() -> dict[str, int]:
    tables = [len(json.dumps(region_table(name), separators=(",", ":"))) for name in names()]
    return {"mac_mpy_bytes": mac_mpy_bytes(), "largest_region_bytes": max(tables), "uplink_alloc_bytes": uplink_alloc_bytes()}
