"""The application that the boot chain started, as the board's UART sees it."""

from __future__ import annotations

import socket

from kerbstone.bench.interpreter import BOOTLOADER, Interpreter, Session
from kerbstone.bench.nor import NorChip
from kerbstone.errors import KerbstoneError

_MOST = 1 << 16
_NO_INTERPRETER = b"The application is valid; this bench has no interpreter to run it.\r\n"


class Application:
    """An interpreter behind a socket pair. `fileno()` is readable when it has something to say or has ended; -1: nothing runs."""

    def __init__(self, flash: NorChip, file_system: tuple[int, int], start: Interpreter | None):
        self.notice = b"" if start else _NO_INTERPRETER
        self._stream: socket.socket | None = None
        self._session: Session | None = None
        if start is None:
            return
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        try:
            self._session = start(flash.path, *file_system, theirs)
        except KerbstoneError as error:  # the console is where this board can complain
            self.notice = f"{error}\r\n".encode()
            ours.close()
            theirs.close()
        else:
            self._stream = ours

    def fileno(self) -> int:
        return self._stream.fileno() if self._stream else -1

    def write(self, data: bytes) -> None:
        """Bytes from the host. What the application does not take is lost, as on a UART without flow control."""
        if self._stream is None:
            return
        try:
            self._stream.send(data)
        except OSError:  # full, or gone: read() reports the end
            return

    def read(self) -> bytes | None:
        """Bytes for the host, empty when there are none now, None when the application has ended."""
        if self._stream is None:
            return b""
        try:
            return self._stream.recv(_MOST) or None
        except BlockingIOError:
            return b""
        except OSError:
            return None

    def wants_loader(self) -> bool:
        """Whether the firmware ended by asking for the ROM's loader."""
        return self._session is not None and self._session.reason == BOOTLOADER

    def stop(self) -> None:
        if self._session:
            self._session.stop()
            self._session = None
        if self._stream:
            self._stream.close()
            self._stream = None
