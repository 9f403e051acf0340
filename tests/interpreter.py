"""Runs a script in the real interpreter, with a board's heap and the firmware on its path."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

FIRMWARE = Path(__file__).parents[1] / "firmware"


def micropython(script: str, text: str = "") -> str:
    """What the script writes; it reads `text` from standard input. AssertionError with its own words when it fails."""
    found = os.environ.get("MICROPYTHON") or shutil.which("micropython") or str(Path(sys.prefix, "bin", "micropython"))
    done = subprocess.run(
        [found, "-X", "heapsize=128wk", "-c", script],
        input=text, env={**os.environ, "MICROPYPATH": str(FIRMWARE)}, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout
