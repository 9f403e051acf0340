"""A board on a serial port, through the unmodified mpremote command."""

from __future__ import annotations

import hashlib
import importlib.util
import subprocess
import sys
import tempfile
from pathlib import Path

from kerbstone.build.node import Node
from kerbstone.build.package import pack
from kerbstone.testing.targets import Missing, TargetError

_MARK = "/kerb/.built"  # holds the hash of what was copied, so the next session need not copy again
_COPY_S = 300.0
_STAGE_0 = ("/boot.py", "/main.py")  # stay off the board: a script shall run, not the node


class SerialTarget:
    """Copies the node's firmware when the board has another one. Never writes an identity."""

    def __init__(self, port: str, node: Node):
        if importlib.util.find_spec("mpremote") is None:
            raise Missing(f"The board on {port} is reached through mpremote, which is not installed: run `pip install mpremote`.")
        self._port = port
        self._install(node)

    def _mpremote(self, *words: str, timeout_s: float = 30.0) -> str:
        command = [sys.executable, "-m", "mpremote", "connect", self._port, *words]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=False)
        except subprocess.TimeoutExpired:
            raise TargetError(f"The board on {self._port} did not finish within {timeout_s:g} s: reset it and try again.") from None
        if done.returncode:
            lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
            raise TargetError(f"The board on {self._port} failed: {lines[-1] if lines else 'no word from mpremote'}")
        return done.stdout.replace("\r\n", "\n")

    def _install(self, node: Node) -> None:
        files = {name: data for name, data in pack(node).files.items() if name not in _STAGE_0}
        digest = hashlib.sha256(b"".join(name.encode() + data for name, data in sorted(files.items()))).hexdigest()
        ask = f"try:\n    print(open({_MARK!r}).read())\nexcept OSError:\n    print('-')"
        if self.exec(ask).strip().endswith(digest):
            return
        with tempfile.TemporaryDirectory() as folder:
            for name, data in {**files, _MARK: digest.encode()}.items():
                path = Path(folder) / name[1:]
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(data)
            tops = sorted(str(p) for p in Path(folder).iterdir())
            self._mpremote("cp", "-r", *tops, ":/", timeout_s=_COPY_S)

    def exec(self, script: str, timeout_s: float = 30.0) -> str:
        with tempfile.NamedTemporaryFile("w", suffix=".py", encoding="utf-8") as file:
            file.write(script)
            file.flush()
            return self._mpremote("run", file.name, timeout_s=timeout_s)

    def put(self, path: str, data: bytes) -> None:
        folder = ""
        for part in path.strip("/").split("/")[:-1]:
            folder += f"/{part}"
            self.exec(f"import os\ntry:\n    os.mkdir({folder!r})\nexcept OSError:\n    pass")
        with tempfile.NamedTemporaryFile() as file:
            file.write(data)
            file.flush()
            self._mpremote("cp", file.name, f":{path}")

    def reset(self) -> None:
        self._mpremote("reset")

    def close(self) -> None:
        """Nothing is held open: mpremote connects anew for each call."""
