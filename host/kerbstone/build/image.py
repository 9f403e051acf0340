"""Makes a littlefs image with the board's own file-system code, run by the interpreter."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from kerbstone.emulator.engine.interpreter import Interpreter
from kerbstone.emulator.flash import create
from kerbstone.errors import EngineError

# Runs in MicroPython: packs the files named in a JSON list into the image.
_SCRIPT = Path(__file__).parents[1] / "emulator" / "shims" / "make_image.py"


def write_image(interpreter: Interpreter, image: Path, blocks: int, files: dict[str, bytes]) -> None:
    """Formats `image` (blocks of 4096 bytes) and writes every file into it.

    Raises EngineError when the interpreter or the file system refuses (image too small).
    """
    with tempfile.TemporaryDirectory() as folder:
        listing = []
        for i, (name, data) in enumerate(sorted(files.items())):
            path = Path(folder) / str(i)
            path.write_bytes(data)
            listing.append([name, str(path)])
        create(image, blocks)
        order = Path(folder) / "order.json"
        order.write_text(json.dumps([str(image), blocks, listing]))
        command = [interpreter.binary] if interpreter.binary else [sys.executable, "-m", "micropython_unix"]
        done = subprocess.run([*command, str(_SCRIPT), str(order)], capture_output=True, text=True, check=False, timeout=60)
        if done.returncode or "done" not in done.stdout:
            words = (done.stderr or done.stdout).strip().splitlines()
            raise EngineError(f"The file system image could not be made: {words[-1] if words else 'no answer from MicroPython'}.")
