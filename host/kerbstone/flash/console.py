"""What is behind a serial port, by what it says."""

from __future__ import annotations

import time

import serial

from kerbstone.flash.link import open_failure

PROMPT, ROM, SILENT = "prompt", "rom", "silent"
_LISTEN_S = 1.6  # an ESP32 without firmware complains about once a second
_ROM_WORDS = (b"invalid header", b"waiting for download", b"csum err", b"ets Jun", b"ets Jul", b"ESP-ROM:", b"flash read err", b"E (")


def peek(port: str) -> tuple[str, str]:
    """(PROMPT, ROM or SILENT, what was heard). Raises LinkError when the port does not open."""
    try:
        line = serial.serial_for_url(port, 115_200, timeout=0.05, exclusive=True)
    except (serial.SerialException, OSError, ValueError) as error:
        raise open_failure(port) from error
    heard = b""
    with line:
        end = time.monotonic() + _LISTEN_S
        try:
            line.write(b"\r\x03\x02")  # Ctrl-C ends a program, Ctrl-B a raw prompt
            while time.monotonic() < end:
                heard += line.read(max(1, line.in_waiting))
                if b">>> " in heard:
                    return PROMPT, _text(heard)
                if any(word in heard for word in _ROM_WORDS):
                    return ROM, _text(heard)
        except (serial.SerialException, OSError) as error:
            raise open_failure(port) from error
    return SILENT, _text(heard)


def _text(heard: bytes) -> str:
    return heard.decode("utf-8", "replace")
