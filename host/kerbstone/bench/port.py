"""A serial port of this machine that a virtual board sits behind."""

from __future__ import annotations

import os
import pty
import tty
from pathlib import Path

from kerbstone.errors import BenchError


class Port:
    """A pty, raw in both directions; `link` is a symbolic link to the side that tools open."""

    def __init__(self, link: Path):
        self.link = link
        self.fileno, self._far = pty.openpty()
        tty.setraw(self._far)
        self.name = os.ttyname(self._far)
        if link.is_symlink():
            link.unlink()
        try:
            link.symlink_to(self.name)
        except OSError as error:
            self._shut()
            raise BenchError(f"The port {link} cannot be made: {error.strerror}; name another folder.") from error

    def close(self) -> None:
        """Unplugs the board: whoever has the port open sees it end."""
        if self.link.is_symlink() and os.readlink(self.link) == self.name:
            self.link.unlink()
        self._shut()

    def _shut(self) -> None:
        os.close(self._far)  # held open until now, so that the board's side never sees a hang-up between two users
        os.close(self.fileno)
