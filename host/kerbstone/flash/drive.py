"""The drive an RP2040's boot loader shows: found by what is on it, written, and waited for.

RP2040 data sheet 2.8.4.2; the file INFO_UF2.TXT names the chip (microsoft/uf2).
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from kerbstone.errors import LinkError

MARK = "INFO_UF2.TXT"
BOARD_ID = "RPI-RP2"
WAIT_S = 20.0  # a boot loader shows its drive, or a port comes back, within this
_LOOK_S = 0.05
_MOUNTS = ("/media/*/RPI-RP2*", "/run/media/*/RPI-RP2*", "/media/RPI-RP2*", "/mnt/*", "/Volumes/RPI-RP2*")


def is_drive(folder: Path) -> bool:
    """Whether an RP2040's boot loader shows this folder."""
    try:
        return f"Board-ID: {BOARD_ID}" in (folder / MARK).read_text(errors="replace")
    except OSError:
        return False


def mounted(named: Iterable[Path] = (), root: Path = Path("/")) -> list[Path]:
    """All drives there are: those named, and those where desktops mount them."""
    usual = (path for pattern in _MOUNTS for path in root.glob(pattern.lstrip("/")))
    return list(dict.fromkeys(path for path in (*named, *usual) if is_drive(path)))


def put(drive: Path, name: str, data: bytes, where: str) -> None:
    """Copies a file to the drive, which goes away when it has taken it. Raises LinkError."""
    try:
        with (drive / name).open("wb") as f:
            f.write(data)
            f.flush()
            os.fsync(f.fileno())
    except OSError as error:
        if is_drive(drive):  # the loader restarts with the last block: what comes after it may fail
            raise LinkError(f"{where}: {drive} does not take {name}: {error.strerror}; check that it is mounted writable.") from error


def wait(there: Callable[[], bool], sentence: str, seconds: float = WAIT_S) -> None:
    """Raises LinkError with `sentence` when it does not happen in time."""
    end = time.monotonic() + seconds
    while not there():
        if time.monotonic() > end:
            raise LinkError(sentence)
        time.sleep(_LOOK_S)


def appears(drive: Path | None, before: Sequence[Path], where: str) -> Path:
    """The drive of a board that has just been sent to its boot loader. Raises LinkError."""
    sentence = f"{where}: the drive {drive or BOARD_ID} did not appear; check that it is mounted, or name its folder with --drive."
    if drive is not None:
        wait(lambda: is_drive(drive), sentence)
        return drive
    found: list[Path] = []

    def look() -> bool:
        found[:] = [path for path in mounted() if path not in before]
        return bool(found)

    wait(look, sentence)
    return found[0]
