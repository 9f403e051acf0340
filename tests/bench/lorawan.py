"""What the LoRaWAN MAC costs: bytes of .mpy in all (one region is a table of node.json), and heap and chip time for one uplink.

`python tests/bench/lorawan.py` alone prints it; KERBSTONE_UF2 names a MicroPython image of an RP2040 board for the time on the chip.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from kerbstone.build.firmware import compile_file
from kerbstone.build.regions import names, region_table

ROOT = Path(__file__).parents[2]
# What a plain class A node loads after a join over the air. Fixed plans, listen before talk, personalisation, class C and the packages
# are files of their own, loaded where a region, an identity or a node file asks for them.
MAC = ("__init__", "adr", "commands", "crypto", "frames", "join", "mac", "region", "session", "uplink")
_SCRIPT = Path(__file__).with_name("uplink_alloc.py")


def mac_mpy_bytes() -> int:
    firmware = ROOT / "firmware"
    names = [f"kerb/uplink/lorawan/{name}.py" for name in MAC]
    return sum(len(compile_file(firmware / name, name)) for name in names)


def uplink_alloc_bytes() -> int:
    """Of a 64-bit interpreter, whose words and blocks are twice a board's."""
    named = os.environ.get("MICROPYTHON")
    program = [named] if named else [sys.executable, "-m", "micropython_unix"]
    environment = {**os.environ, "MICROPYPATH": str(ROOT / "firmware")}
    done = subprocess.run([*program, str(_SCRIPT)], env=environment, capture_output=True, check=True)
    return int(done.stdout.split()[0])


def uplink_chip_ms(uf2: Path) -> dict[str, float]:
    """Of an RP2040 at 125 MHz with this image: milliseconds and bytes for the same frame, both from the chip's own clock and heap."""
    from kerbstone.chip.prepare import prepare

    used, took = prepare(uf2, {}).chip.execute(_SCRIPT.read_text(), 60.0).stdout.split()
    return {"uplink_chip_ms": int(took) / 1000, "uplink_chip_alloc_bytes": int(used)}


def figures() -> dict[str, float]:
    tables = [len(json.dumps(region_table(name), separators=(",", ":"))) for name in names()]
    found: dict[str, float] = {
        "mac_mpy_bytes": mac_mpy_bytes(), "largest_region_bytes": max(tables), "uplink_alloc_bytes": uplink_alloc_bytes(),
    }  # fmt: skip
    uf2 = os.environ.get("KERBSTONE_UF2")
    return found | uplink_chip_ms(Path(uf2)) if uf2 else found


if __name__ == "__main__":
    print(json.dumps(figures(), indent=1))
