"""The unix port behind a pseudo-terminal, enough of a board for mpremote: the prompt, and a soft reboot that starts it again.

Its file system is a folder, mounted where a board has its own. It has no hardware.
"""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import threading
import tty
from pathlib import Path

_START = """import vfs, os, sys
vfs.umount('/')
vfs.mount(vfs.VfsPosix({folder!r}), '/')
os.chdir('/')
sys.path[:] = ['', '.frozen', '/lib']
"""
_RAW_ON = b"\x01"
_RAW_BANNER = b"raw REPL; CTRL-B to exit\r\n>"


class PtyBoard:
    """`port` is what `mpremote connect` takes."""

    def __init__(self, folder: Path):
        self._start = folder / "start.py"
        (folder / "disk").mkdir()
        self._start.write_text(_START.format(folder=str(folder / "disk")))
        self._outer, slave = pty.openpty()
        tty.setraw(slave)
        self._slave = slave
        self.port = os.ttyname(slave)
        self._stop, self._stopping = os.pipe()
        self._process, self._inner = self._boot()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _boot(self) -> tuple[subprocess.Popen[bytes], int]:
        inner, slave = pty.openpty()
        tty.setraw(slave)
        command = [sys.executable, "-m", "micropython_unix", "-i", str(self._start)]
        environment = {k: v for k, v in os.environ.items() if k != "HOME"}
        process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, env=environment, start_new_session=True)
        os.close(slave)
        return process, inner

    def _serve(self) -> None:
        while True:
            ready, _, _ = select.select([self._outer, self._inner, self._stop], [], [])
            if self._stop in ready:
                return
            if self._outer in ready:
                os.write(self._inner, os.read(self._outer, 4096))
            if self._inner in ready:
                try:
                    os.write(self._outer, os.read(self._inner, 4096))
                except OSError:  # the interpreter has ended: Ctrl-D at the raw prompt
                    self._reboot()

    def _reboot(self) -> None:
        self._process.wait()
        os.close(self._inner)
        self._process, self._inner = self._boot()
        os.write(self._outer, b"MPY: soft reboot\r\n")
        os.write(self._inner, _RAW_ON)
        heard = b""
        while not heard.endswith(_RAW_BANNER):
            heard += os.read(self._inner, 4096)
        os.write(self._outer, _RAW_BANNER)

    def close(self) -> None:
        os.write(self._stopping, b"x")
        self._thread.join()
        self._process.kill()
        self._process.wait()
        for fd in (self._inner, self._outer, self._slave, self._stop, self._stopping):
            os.close(fd)
