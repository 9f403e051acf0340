"""A bundle over the line of the console, for who stands beside the device with a cable: no prompt is needed, and none is opened.

After power-on the device says "kerb cable" and waits for the line "kerb update". Then each line is a fragment and its CRC-32 (big endian)
in base64, answered by "kerb cable" and how many fragments are there of how many, or "again". It takes nothing but fragments; what they
make must be signed like anything that comes over the air.
"""

import select
import sys
from binascii import a2b_base64, crc32

from kerb import log
from kerb.update import inbox

_QUIET_MS = 10000
_LONGEST = 400  # characters of a line
_CHECK = 4


def listen():
    """After the knock (kerb/update/knock.py): takes what comes, until a bundle is whole or nothing comes."""
    poll = select.poll()
    poll.register(sys.stdin, select.POLLIN)
    line, whole = b"", False
    while line is not None and not whole:
        _answer()
        line = _line(poll, _QUIET_MS)
        while line == b"kerb update" or line == b"":
            line = _line(poll, _QUIET_MS)
        data = _checked(line)
        if data:
            whole = inbox.take(data)
        elif line is not None:
            log.event("cable", "again")
    if whole:
        inbox.prepare()
        log.event("cable", "whole")


def _answer():
    piece = inbox.progress()
    log.event("cable", piece[1] if piece else 0, piece[2] if piece else 0)


def _checked(line):
    """The fragment of a line; None when it has none, or a damaged one."""
    try:
        raw = a2b_base64(line or b"")
    except ValueError:
        return None
    if len(raw) <= _CHECK or int.from_bytes(raw[-_CHECK:], "big") != crc32(raw[:-_CHECK]) & 0xFFFFFFFF:
        return None
    return raw[:-_CHECK]


def _line(poll, limit_ms):
    """The next line without its end; None when none ends within `limit_ms` of silence, or there is no line at all."""
    out = bytearray()
    while poll.poll(limit_ms):
        byte = sys.stdin.buffer.read(1)
        if not byte:
            return None
        if byte in b"\r\n":
            return bytes(out)
        if len(out) < _LONGEST:
            out += byte
    return None
