"""Ctrl-C for an interpreter that computes: a signal, sent only when it finds the interpreter in a state that can take it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import struct
import termios
import time
from pathlib import Path

_STOP_S = 0.05  # how long a running process may take to stop


def _status(pid: int) -> dict[str, str]:
    """/proc/PID/status; empty where there is no such process or no such file system."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return {}
    return dict(line.split(":\t", 1) for line in lines if ":\t" in line)


def executes(pid: int) -> bool | None:
    """Is code running that Ctrl-C should end? None: it cannot be told at this moment.

    MicroPython handles SIGINT while it executes, and lets go of it at its prompt and wherever code has called
    `micropython.kbd_intr(-1)`.
    """
    status = _status(pid)
    if not status:
        return False
    if int(status["SigCgt"], 16) & 1 << (signal.SIGINT - 1):
        return True
    return None if status["State"].startswith("R") else False


def interrupt(pid: int, link: int) -> bool:
    """Sends Ctrl-C; False when the process is just now at its prompt or in an exchange over `link`.

    The process is stopped while its state is looked at: otherwise it could put the default action in place in between,
    and the signal would end it, or ask the board something and never read the answer.
    """
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGSTOP)
        try:
            if _stopped(pid) and executes(pid) and not exchange(link):
                os.kill(pid, signal.SIGINT)
                return True
        finally:
            os.kill(pid, signal.SIGCONT)
    return False


def _stopped(pid: int) -> bool:
    end = time.monotonic() + _STOP_S
    while time.monotonic() < end:
        if _status(pid).get("State", "").startswith("T"):
            return True
        time.sleep(0.0005)
    return False


def exchange(link: int) -> bool:
    """Bytes are under way, in either direction."""
    word = bytearray(4)
    for request in (termios.FIONREAD, termios.TIOCOUTQ):
        fcntl.ioctl(link, request, word)
        if struct.unpack("i", word)[0]:
            return True
    return False
