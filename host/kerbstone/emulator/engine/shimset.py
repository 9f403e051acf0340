"""The compiled shims in a folder of their own, named by their content."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

from kerbstone.build.firmware import compile_file, kept_folder

SHIMS = Path(__file__).parents[1] / "shims"
_START = "_start.py"


def shim_folder() -> Path:
    """Path of a folder with every shim as .mpy and `_start.py` as text."""
    sources = sorted(p for p in SHIMS.glob("*.py") if p.name != "make_image.py")
    key = hashlib.sha256(b"".join(p.name.encode() + p.read_bytes() for p in sources)).hexdigest()[:16]
    return kept_folder(f"shims-{key}", lambda folder: _fill(folder, sources))


def _fill(folder: Path, sources: list[Path]) -> None:
    for source in sources:
        if source.name == _START:
            shutil.copy(source, folder / _START)
        else:
            (folder / f"{source.stem}.mpy").write_bytes(compile_file(source, source.name))
