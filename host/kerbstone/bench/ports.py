"""How a host reaches a virtual board: a pseudo-terminal, and RFC 2217 (a serial port over TCP, modem lines included)."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import select
import socket
import struct
import termios
import tty
from typing import Protocol

from serial import rfc2217

from kerbstone.errors import BenchError

_MOST_WAITING = 1 << 20  # bytes a host may leave unread before its port loses some
_CHUNK = 1 << 16
_RATES = {getattr(termios, name): int(name[1:]) for name in dir(termios) if re.fullmatch(r"B\d+", name)}
LOOK_S = 0.02  # how often a pty without a host is looked at: the kernel cannot wait for an open


class Target(Protocol):
    """A board, as a port needs it; see EspBoard."""

    def receive(self, data: bytes, baud: int | None, button: bool = False) -> None: ...
    def lines(self, dtr: bool, rts: bool) -> None: ...
    def released(self) -> None: ...


class PtyPort:
    """A pseudo-terminal. It has no modem lines, so a hand on the buttons is modelled instead:

    a SYNC request that the board would not hear stands for a reset with BOOT held, and closing the port after the loader was
    used stands for a plain reset. So `--before no-reset` works at any time, and the board boots when the tool has gone.
    """

    def __init__(self, board: Target):
        self._board = board
        self._fd, host_end = os.openpty()
        tty.setraw(host_end)
        attributes = termios.tcgetattr(host_end)
        attributes[4] = attributes[5] = termios.B115200
        termios.tcsetattr(host_end, termios.TCSANOW, attributes)
        self.path = os.ttyname(host_end)
        os.close(host_end)
        os.set_blocking(self._fd, False)
        self._open = False
        self._out = bytearray()

    def baud(self) -> int | None:
        """The rate the host has set, None when it is none of the standard ones."""
        return _RATES.get(termios.tcgetattr(self._fd)[5])

    def wants(self) -> dict[int, int]:
        """File descriptors and the poll events wanted of them."""
        return {self._fd: select.POLLIN | (select.POLLOUT if self._out else 0)} if self._open else {}

    def look(self) -> float | None:
        """Notices a host that has opened the port; returns the seconds until the next look."""
        if not self._open:
            seen = select.poll()
            seen.register(self._fd, select.POLLIN)
            events = dict(seen.poll(0)).get(self._fd, 0)
            self._open = not events & select.POLLHUP or bool(events & select.POLLIN)
        return None if self._open else LOOK_S

    def ready(self, _fd: int, events: int) -> None:
        if events & select.POLLOUT:
            self._flush()
        if events & (select.POLLIN | select.POLLHUP | select.POLLERR):
            try:
                self._board.receive(os.read(self._fd, _CHUNK), self.baud(), button=True)
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno != errno.EIO:
                    raise
                self._open = False  # the host has closed it
                self._out.clear()
                self._board.released()

    def send(self, data: bytes) -> None:
        """Bytes for the host; dropped when nobody has the port open."""
        if self._open and len(self._out) + len(data) <= _MOST_WAITING:
            self._out += data
            self._flush()

    def close(self) -> None:
        os.close(self._fd)

    def _flush(self) -> None:
        try:
            while self._out:
                del self._out[: os.write(self._fd, self._out[:_CHUNK])]
        except BlockingIOError:
            return
        except OSError:  # closed meanwhile: ready() sees it
            self._out.clear()


class _Uart:
    """The serial port that pyserial's port manager believes it drives."""

    bytesize, parity, stopbits = 8, "N", 1
    xonxoff = rtscts = break_condition = False
    cts = dsr = ri = cd = False

    def __init__(self, board: Target):
        self._board = board
        self.baudrate = 115_200
        self._dtr = self._rts = False

    @property
    def dtr(self) -> bool:
        return self._dtr

    @dtr.setter
    def dtr(self, on: bool) -> None:
        self._dtr = on
        self._board.lines(self._dtr, self._rts)

    @property
    def rts(self) -> bool:
        return self._rts

    @rts.setter
    def rts(self, on: bool) -> None:
        self._rts = on
        self._board.lines(self._dtr, self._rts)

    def reset_input_buffer(self) -> None:
        """Nothing to do: bytes go on as they come."""

    def reset_output_buffer(self) -> None:
        """Nothing to do: bytes go on as they come."""


class Rfc2217Port:
    """A TCP server for one host at a time; DTR and RTS reach the reset circuit."""

    def __init__(self, board: Target, port: int = 0):
        """Listens on the loopback address. Raises BenchError when the port number is taken."""
        self._board = board
        self._listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self._listener.bind(("127.0.0.1", port))
        except OSError as error:
            self._listener.close()
            raise BenchError(f"TCP port {port} is not free for the board's RFC 2217 server: choose another.") from error
        self._listener.listen(8)
        self._listener.setblocking(False)
        self.url = f"rfc2217://127.0.0.1:{self._listener.getsockname()[1]}?ign_set_control"
        self._host: socket.socket | None = None
        self._uart = _Uart(board)
        self._manager: rfc2217.PortManager | None = None
        self._out = bytearray()

    def baud(self) -> int | None:
        return self._uart.baudrate

    def wants(self) -> dict[int, int]:
        wanted = {self._listener.fileno(): select.POLLIN}
        if self._host:
            wanted[self._host.fileno()] = select.POLLIN | (select.POLLOUT if self._out else 0)
        return wanted

    def look(self) -> float | None:
        return None

    def ready(self, fd: int, events: int) -> None:
        if fd == self._listener.fileno():
            self._accept()
            return
        if events & select.POLLOUT:
            self._flush()
        if self._host and events & ~select.POLLOUT:
            try:
                data = self._host.recv(_CHUNK)
                plain = b"".join(self._manager.filter(data)) if self._manager else b""
            except BlockingIOError:
                return
            except (OSError, struct.error, TypeError, ValueError, KeyError):  # gone, or no RFC 2217 client: pyserial checks little
                data = plain = b""
            if plain:
                self._board.receive(plain, self._uart.baudrate)
            if not data:
                self._drop()

    def send(self, data: bytes) -> None:
        """Bytes for the host; dropped when there is none."""
        if self._host and len(self._out) + len(data) <= _MOST_WAITING:
            self.write(data.replace(rfc2217.IAC, rfc2217.IAC_DOUBLED))

    def write(self, data: bytes) -> None:
        """Raw bytes onto the connection: the port manager's own."""
        self._out += data
        self._flush()

    def close(self) -> None:
        self._drop()
        self._listener.close()

    def _accept(self) -> None:
        try:
            host, _ = self._listener.accept()
        except OSError:
            return
        if self._host:  # a serial port has one owner
            host.close()
            return
        host.setblocking(False)
        host.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._host = host
        self._manager = rfc2217.PortManager(self._uart, self)

    def _drop(self) -> None:
        if self._host:
            self._host.close()
            self._host = self._manager = None
            self._out.clear()
            self._uart.dtr = False
            self._uart.rts = False

    def _flush(self) -> None:
        with contextlib.suppress(OSError):  # full: poll says when to go on; gone: ready() sees it
            while self._out and self._host:
                del self._out[: self._host.send(self._out[:_CHUNK])]
