"""What a virtual board keeps between two runs: flash, wear, MAC, in a directory that one process owns at a time."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import tempfile
from pathlib import Path
from types import TracebackType

from kerbstone.errors import BenchError

# Locally administered, so it never meets a real board's address; the rest comes from the directory's name.
_MAC_PREFIX = bytes((0x02, 0x4B, 0x53))


class StateDir:
    """A locked state directory: `flash` and `mac`. Without a path it is a temporary one, gone at the end."""

    def __init__(self, path: Path | None, board: str):
        """Raises BenchError when the directory is in use, belongs to another board, or cannot be used."""
        self._temporary = tempfile.TemporaryDirectory(prefix="kerbstone-board-") if path is None else None
        self.path = Path(self._temporary.name) if self._temporary else Path(path or "")
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise BenchError(f"{self.path} cannot be used as a state directory ({error.strerror}): name another.") from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._lock)
            raise BenchError(f"{self.path} is in use by another virtual board: stop that one or name another --state directory.") from error
        try:
            self.mac = self._identity(board)
        except BenchError:
            os.close(self._lock)
            raise
        self.flash = self.path / "flash.bin"

    def __enter__(self) -> StateDir:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        os.close(self._lock)
        if self._temporary:
            self._temporary.cleanup()

    def _identity(self, board: str) -> bytes:
        """The MAC of this board, made up at its first run."""
        file = self.path / "board.json"
        if not file.exists():
            seed = os.urandom(16) if self._temporary else str(self.path.resolve()).encode()
            mac = _MAC_PREFIX + hashlib.sha256(seed).digest()[:3]
            file.write_text(json.dumps({"board": board, "mac": mac.hex(":")}) + "\n")
            return mac
        try:
            kept = json.loads(file.read_text())
            name, mac_text = kept["board"], kept["mac"]
        except (ValueError, KeyError, TypeError) as error:
            raise BenchError(f"{file} is not the record of a virtual board: name another --state directory.") from error
        if name != board:
            raise BenchError(f"{self.path} keeps the state of board {name!r}, not {board!r}: name another --state directory.")
        if not isinstance(mac_text, str) or not re.fullmatch(r"([0-9a-f]{2}:){5}[0-9a-f]{2}", mac_text):
            raise BenchError(f"{file} has no MAC of the form 02:4b:53:00:00:01: correct or remove it.")
        return bytes.fromhex(mac_text.replace(":", ""))
