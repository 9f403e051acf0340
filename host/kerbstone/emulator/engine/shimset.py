"""The compiled shims in a folder of their own, named by their content."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

from kerbstone.build.firmware import cache_dir, compile_file

SHIMS = Path(__file__).parents[1] / "shims"
_START = "_start.py"


def shim_folder() -> Path:
    """Path of a folder with every shim as .mpy and `_start.py` as text."""
    sources = sorted(p for p in SHIMS.glob("*.py") if p.name != "make_image.py")
    key = hashlib.sha256(b"".join(p.name.encode() + p.read_bytes() for p in sources)).hexdigest()[:16]
    target = cache_dir() / f"shims-{key}"
    if target.is_dir():
        return target
    temporary = target.with_name(f"{target.name}.{os.getpid()}")
    temporary.mkdir(exist_ok=True)
    for source in sources:
        if source.name == _START:
            shutil.copy(source, temporary / _START)
        else:
            (temporary / f"{source.stem}.mpy").write_bytes(compile_file(source, source.name))
    try:
        temporary.rename(target)
    except OSError:
        shutil.rmtree(temporary)
    return target
