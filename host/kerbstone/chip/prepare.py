"""From a UF2 and a node's files to a chip that stands at its prompt."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from kerbstone.build.firmware import compile_file, compile_tree
from kerbstone.build.image import write_image
from kerbstone.chip.engine import Chip
from kerbstone.chip.uf2 import PICO_FLASH_MB, read_uf2
from kerbstone.emulator.engine.interpreter import find
from kerbstone.emulator.flash import read_image
from kerbstone.paths import firmware_dir

_SCRIPTS = Path(__file__).with_name("onboard")


@dataclass(frozen=True)
class Prepared:
    chip: Chip
    build: str  # what the image calls itself
    blocks: int  # of the file system


def onboard(name: str) -> Path:
    """A script of ours that runs on the chip."""
    return _SCRIPTS / f"{name}.py"


def prepare(
    uf2: Path, files: dict[str, bytes], scripts: Iterable[str] = (), attach: Callable[[Chip], None] | None = None, autostart: bool = False,
    flash_mb: int = PICO_FLASH_MB,
) -> Prepared:  # fmt: skip
    """Boots `uf2` once to see where it keeps its file system, puts the firmware, `files` and `scripts` there, boots again.

    `files` replaces the plain firmware when it holds one. main.py stays away and the chip ends at its prompt, unless `autostart`:
    then the node runs and no prompt is awaited. `attach` hangs parts on the chip before the second boot. Raises ChipError and
    EngineError.
    """
    chip = Chip(read_uf2(uf2, flash_mb))
    chip.start()
    chip.to_prompt()
    offset, blocks = chip.find_filesystem()
    build = chip.execute("import sys\nprint(getattr(sys.implementation, '_build', '?'))", 2.0).stdout.strip()
    image = dict(files) if any(name.startswith("/kerb/") for name in files) else compile_tree(firmware_dir()) | files
    if not autostart:
        image.pop("/main.py", None)
    for name in scripts:
        image[f"/{name}.mpy"] = compile_file(onboard(name), f"{name}.py")
    with tempfile.TemporaryDirectory(prefix="kerbstone-") as folder:
        path = Path(folder) / "image"
        write_image(find(), path, blocks, image)
        chip.write_filesystem(offset, read_image(path, blocks))
    if attach:
        attach(chip)
    chip.reset()
    chip.console.text.clear()
    if not autostart:
        chip.to_prompt()
    return Prepared(chip, build, blocks)
