"""A board's MicroPython prompt over its serial port, through mpremote's own transport."""

from __future__ import annotations

import contextlib
import json
import struct
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import serial
from mpremote import transport_serial
from mpremote.transport import TransportError, TransportExecError
from mpremote.transport_serial import SerialTransport

from kerbstone.errors import FlashError, LinkError
from kerbstone.flash import esp

_TRIES = 3
_PAUSE_S = 0.5  # doubles: a board that resets when the port opens needs a moment
_ANSWER_S = 30.0
_START_S = 3.0  # from power-on to a prompt
_KNOCK_S = 0.1
_SILENT_S = 10.0  # the longest wait for one byte that is due
_HELD = "another program has it open"
_HELD_S = 1.0  # a port's lock outlives close() while a program that another thread starts still has a copy of it
_FACTS = """import sys, os, json, machine
u = os.uname()
i = sys.implementation
print(json.dumps([machine.unique_id().hex(), u.sysname, list(i.version[:3]), getattr(i, "_mpy", 0), u.machine]))
"""

# It prints what it heard, which may be anything; output belongs to the commands. Redirecting would take it from all threads.
transport_serial.print = lambda *words: None


@dataclass(frozen=True)
class Facts:
    """What a board says of itself. `chip_id`: `machine.unique_id()`, an ESP32's MAC or an RP2040's flash serial."""

    chip_id: str
    platform: str
    version: tuple[int, ...]
    mpy: int
    machine: str

    @property
    def mcu(self) -> str:
        """The chip in the name the port gives its board, "... with ESP32S3", as board files write it; "" when it names none."""
        _, with_, chip = self.machine.rpartition(" with ")
        return chip.strip().lower().replace("-", "") if with_ else ""


class Link:
    """An open prompt. Use it in a `with`; other programs find the port busy meanwhile."""

    def __init__(self, port: str):
        """Raises LinkError: the port is missing, busy, forbidden, or nothing with a prompt answers there."""
        self.port = port
        self._transport = _open(port)
        try:
            self._enter()
        except LinkError:
            self.close()
            raise

    def _interrupt(self) -> bool:
        """Ctrl-C until a prompt shows: a board that has just started does not hear the first one. False when none did."""
        line, heard, end = self._transport.serial, b"", time.monotonic() + _START_S
        with contextlib.suppress(OSError):
            while b">>> " not in heard and time.monotonic() < end:
                line.write(b"\r\x03\x02")  # Ctrl-B leaves a raw prompt
                time.sleep(_KNOCK_S)
                heard += line.read(line.in_waiting)
        return b">>> " in heard

    def _wake(self) -> None:
        """A node asleep hears no Ctrl-C; the reset that esptool begins with wakes an ESP32."""
        self.close()
        with contextlib.suppress(FlashError):
            esp.chip_on(self.port)
        self._transport = _open(self.port)

    def _enter(self) -> None:
        for attempt in range(_TRIES):
            if not self._interrupt() and not attempt:
                self._wake()
                self._interrupt()
            try:
                self._transport.enter_raw_repl()
                return
            except (TransportError, OSError):
                time.sleep(_PAUSE_S * 2**attempt)
        raise LinkError(f"{self.port}: no MicroPython prompt in {_TRIES} attempts; press reset, or flash MicroPython first.")

    def exec(self, script: str, timeout_s: float = _ANSWER_S) -> str:
        """Runs a script and returns what it printed. Raises LinkError with the board's last line; the script itself is never shown."""
        try:
            self._transport.exec_raw_no_follow(script)
            out, err = self._transport.follow(timeout_s)
        except (TransportError, TransportExecError, OSError, struct.error) as error:
            raise LinkError(f"{self.port}: the board stopped answering; check the cable and start again.") from error
        if err:
            words = err.decode("utf-8", "replace").strip().splitlines()
            raise LinkError(f"{self.port}: the board refused: {words[-1]}")
        text: str = out.decode("utf-8", "replace").replace("\r\n", "\n")
        return text

    def ask(self, script: str, timeout_s: float = _ANSWER_S) -> Any:
        """The JSON that a script printed last. Raises LinkError."""
        lines = self.exec(script, timeout_s).strip().splitlines()
        try:
            return json.loads(lines[-1])
        except (IndexError, ValueError) as error:
            raise LinkError(f"{self.port}: the board's answer was cut off; check the cable and start again.") from error

    def facts(self) -> Facts:
        """Which board this is."""
        chip_id, platform, version, mpy, machine = self.ask(_FACTS)
        return Facts(chip_id, platform, tuple(version), mpy, machine)

    def leave(self, last_words: str) -> None:
        """Sends a script after which the board does not answer: a reset, the boot loader."""
        with contextlib.suppress(TransportError, OSError):
            self._transport.exec_raw_no_follow(last_words)
        self.close()

    def close(self) -> None:
        with contextlib.suppress(TransportError, OSError):
            self._transport.close()

    def __enter__(self) -> Link:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def _open(port: str) -> SerialTransport:
    end = time.monotonic() + _HELD_S
    while True:
        try:
            transport = SerialTransport(port, timeout=_SILENT_S)
            break
        except (serial.SerialException, TransportError, OSError) as error:
            failure = open_failure(port)
            if _HELD not in str(failure) or time.monotonic() > end:
                raise failure from error
            time.sleep(_KNOCK_S)
    transport.is_pty = False  # it would wait for ever on a pseudo-terminal that says nothing
    return transport


def open_failure(port: str) -> LinkError:
    """Why a port did not open: mpremote tells only that, the port itself says more."""
    return LinkError(_why_not(port))


def _why_not(port: str) -> str:
    try:
        serial.serial_for_url(port, exclusive=True).close()
    except (serial.SerialException, OSError) as error:
        words = str(error).lower()
        if "permission" in words:
            return f"{port}: this user may not open it; add the user to the group that owns it (dialout) and log in again."
        if "busy" in words or "lock" in words or "temporarily unavailable" in words:
            return f"{port}: {_HELD}; close that one (a terminal, mpremote, a second kerbstone)."
        return f"{port}: there is no such port; check the cable (some carry no data) and the name."
    return f"{port}: it did not open at first; try again."
