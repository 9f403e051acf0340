"""The drive an RP2040 shows in its boot loader, as a folder: what is copied into it is a candidate for the flash."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

from kerbstone.bench.uf2 import BLOCK, expected_bytes
from kerbstone.errors import BenchError

# What tools look for on the drive (mpflash, uf2conv); the version is that of the RP2040 B2, unconfirmed.
_INFO = "UF2 Bootloader v3.0\r\nModel: Raspberry Pi RP2\r\nBoard-ID: RPI-RP2\r\n"
_INDEX = (
    '<html><head><meta http-equiv="refresh" content="0;URL=\'https://www.raspberrypi.com/documentation/microcontrollers/\'"></head>'
    "<body>RPI-RP2</body></html>\r\n"
)
_OWN = {"INFO_UF2.TXT": _INFO, "INDEX.HTM": _INDEX}
_SETTLE_S = 0.2  # a whole file must not change for so long: the copying tool may still set its times
_GIVE_UP_S = 2.0  # an incomplete file that does not grow for so long is taken as it is


class Drive:
    """The folder exists while the drive is plugged in."""

    def __init__(self, folder: Path):
        self.folder = folder
        self._seen: dict[Path, tuple[int, int, float]] = {}  # size, mtime, since when

    def insert(self) -> None:
        """Raises BenchError when the folder is there and not ours."""
        if self.folder.exists():
            if not (self.folder / "INFO_UF2.TXT").is_file():
                raise BenchError(f"{self.folder} exists and is no board's drive: move it away, or name another state folder.")
            shutil.rmtree(self.folder)
        # Built aside and renamed, so that nobody finds the folder without its files.
        aside = self.folder.with_name(f".{self.folder.name}.new")
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir(parents=True)
        for name, text in _OWN.items():
            (aside / name).write_bytes(text.encode())
        aside.rename(self.folder)
        self._seen.clear()

    def eject(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    def arrived(self) -> Path | None:
        """A file that has been copied in and is complete, or as complete as it gets."""
        now = time.monotonic()
        for path in sorted(p for p in self.folder.glob("*") if p.name not in _OWN and p.is_file()):
            try:
                stat = path.stat()
                with path.open("rb") as f:
                    whole = expected_bytes(f.read(BLOCK)) == stat.st_size
            except OSError:
                continue
            size, mtime, since = self._seen.get(path, (-1, 0, now))
            if (size, mtime) != (stat.st_size, stat.st_mtime_ns):
                self._seen[path] = (stat.st_size, stat.st_mtime_ns, now)
            elif now - since > (_SETTLE_S if whole else _GIVE_UP_S):
                return path
        return None
