"""A bundle through the cable, for the one who stands beside the device (firmware/kerb/update/cable.py has the protocol).

A production device needs no prompt for it: it listens for a moment after power-on. A board whose prompt answers takes it there.
"""

from __future__ import annotations

import base64
import contextlib
import re
import time
import zlib
from collections.abc import Callable

import serial

from kerbstone.errors import FlashError, LinkError, UpdateError
from kerbstone.flash import esp
from kerbstone.flash.link import Link, open_failure
from kerbstone.update.fragments import HEAD, Parcel

SIZE = 150 + HEAD  # bytes of a fragment: its line of 220 characters fits the 256 an ESP32's console keeps
_KNOCK = b"\r\nkerb update\r\n"
_KNOCK_S = 0.15
_ANSWER_S = 8.0
_TRIES = 5  # of one fragment
_SAID = re.compile(rb"kerb cable (\d+) (\d+)")
_AT_PROMPT = """from binascii import a2b_base64
from kerb.update import inbox
whole = False
for line in {lines!r}:
    whole = inbox.take(a2b_base64(line))
if whole:
    inbox.prepare()
piece = inbox.progress()
print([piece[1], piece[2], whole and 1 or 0])
"""

Progress = Callable[[int, int], None]


def install(port: str, bundle: bytes, progress: Progress = lambda done, of: None, patience_s: float = 30.0) -> None:
    """Brings a bundle to the device at a port and has it installed; `progress(done, of)` counts fragments.

    What came in an interrupted attempt is not sent again. Raises LinkError for a port that does not open or a device that does not answer,
    UpdateError for one that gives up.
    """
    with contextlib.suppress(FlashError):
        esp.chip_on(port)  # an ESP32 starts anew by the lines of its port; others by their button or their plug
    line, prompt = _found(port, time.monotonic() + patience_s)
    with line:
        if not prompt:
            _send(port, line, Parcel(bundle, SIZE), progress)
    if prompt:
        _at_prompt(port, Parcel(bundle, SIZE), progress)


def _found(port: str, end: float) -> tuple[serial.Serial, bool]:
    """The line, once the device at its other end listens; and whether that is a prompt. An RP2040's port goes and comes with its reset."""
    trouble = LinkError(f"{port}: nothing took updates; start this again and press the device's reset meanwhile.")
    while True:
        line = None
        try:
            line = serial.serial_for_url(port, 115_200, timeout=0.02, exclusive=True)
            return line, _knock(line, end, trouble)
        except (serial.SerialException, OSError, ValueError) as error:
            if time.monotonic() >= end or isinstance(error, ValueError):
                raise trouble if line else open_failure(port) from error
            time.sleep(_KNOCK_S)
        except LinkError:
            if line:
                line.close()
            raise


def _knock(line: serial.Serial, end: float, trouble: LinkError) -> bool:
    """Waits until the device listens; True when it shows a prompt instead."""
    heard, next_s = b"", 0.0
    while time.monotonic() < end:
        if time.monotonic() >= next_s:
            line.write(_KNOCK)
            next_s = time.monotonic() + _KNOCK_S
        heard = (heard + line.read(max(1, line.in_waiting)))[-400:]
        if _SAID.search(heard):
            return False
        if b">>> " in heard:
            return True
    raise trouble


def _send(port: str, line: serial.Serial, parcel: Parcel, progress: Progress) -> None:
    first = _ask(port, line, parcel.piece(1))
    had = first if 0 < first < parcel.count else 1
    progress(had, parcel.count)
    number, began = had + 1, had
    while first < parcel.count and number <= parcel.count:
        came = _ask(port, line, parcel.piece(number))
        progress(min(number, parcel.count), parcel.count)
        if number == parcel.count and came < parcel.count and began:
            number, began = 0, 0  # some of an earlier attempt were not the first ones: once through all of them
        number += 1


def _ask(port: str, line: serial.Serial, piece: bytes) -> int:
    """Sends one fragment; how many the device has then. A bundle that is whole counts as all of them."""
    row = base64.b64encode(piece + zlib.crc32(piece).to_bytes(4, "big")) + b"\n"
    count = int.from_bytes(piece[4:6], "big")
    try:
        for _ in range(_TRIES):
            line.reset_input_buffer()
            line.write(row)
            heard, end = b"", time.monotonic() + _ANSWER_S
            while time.monotonic() < end and b"again" not in heard:
                heard += line.read(max(1, line.in_waiting))
                if b"kerb cable whole" in heard:
                    return count
                if (said := _SAID.search(heard)) and heard[said.end() : said.end() + 1] in (b"\r", b"\n"):
                    return int(said[1])
    except (serial.SerialException, OSError) as error:
        raise LinkError(f"{port}: the port went away; plug it in and start again, it goes on where it was.") from error
    raise UpdateError(f"{port}: the device stopped taking the bundle; reset it and start again, it goes on where it was.")


def _at_prompt(port: str, parcel: Parcel, progress: Progress) -> None:
    with Link(port) as link:
        at, step = 1, 16
        while at <= parcel.count:
            rows = [base64.b64encode(parcel.piece(n)) for n in range(at, min(at + step, parcel.count + 1))]
            _had, _of, whole = link.ask(_AT_PROMPT.format(lines=rows))
            at += step
            progress(min(at - 1, parcel.count), parcel.count)
        if not whole:
            raise UpdateError(f"{port}: the bundle did not arrive whole; start again.")
        link.leave("import machine\nmachine.reset()\n")
