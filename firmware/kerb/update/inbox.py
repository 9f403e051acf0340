"""A bundle on its way: fragments on flash, so that a week without network or power costs nothing that has arrived.

A fragment: first 4 bytes of the bundle's SHA-256, number of fragments u16, its own number u16 from 1, bytes that pad the last u8, data.
Numbers are big endian. Small bundles (LoRaWAN) may come in any order with coded fragments behind, as TS004-2.0.0 codes them; what has
come is kept as a log. Large ones (MQTT) come in order and grow in their place.
"""

import os

from kerb.update.install import INBOX

_HEAD = 9
_CODED = 64  # fragments of a bundle that is put together in RAM
_LOG = INBOX + ".log"
_NAME = INBOX + ".id"


def _read(path):
    try:
        with open(path, "rb") as f:
            return f.read()
    except OSError:
        return b""


def _size(path):
    try:
        return os.stat(path)[6]
    except OSError:
        return 0


def complete():
    """Whether a bundle is there, whole."""
    return _size(INBOX) > 0


def clear():
    """Forgets all that has come."""
    for path in (INBOX, _LOG, _NAME, INBOX + ".part"):
        try:
            os.remove(path)
        except OSError:
            pass


def take(data):
    """Keeps one fragment; True when the bundle is complete. What is no fragment, or comes again, changes nothing."""
    count, number, padding = int.from_bytes(data[4:6], "big"), int.from_bytes(data[6:8], "big"), data[8] if len(data) > _HEAD else 0
    size = len(data) - _HEAD
    if size < 1 or not count or not number or padding >= size:
        return False
    name = bytes(data[:6]) + bytes((padding,)) + size.to_bytes(2, "big")
    known = _read(_NAME)
    if known != name and not (number == count > _CODED and known[:6] == name[:6]):
        clear()
        with open(_NAME, "wb") as f:
            f.write(name)
    elif complete():
        return True
    if count > _CODED:
        return _in_order(data, count, number, padding, int.from_bytes(_read(_NAME)[7:9], "big"))
    return _coded(data, count, number, padding, size)


def _in_order(data, count, number, padding, size):
    path = INBOX + ".part"
    if number != _size(path) // size + 1 or _size(path) % size:
        return False
    with open(path, "ab") as f:
        f.write(data[_HEAD : len(data) - padding] if number == count else data[_HEAD:])
    if number == count:
        os.rename(path, INBOX)
    return number == count


def _coded(data, count, number, padding, size):
    row = data[6:8] + data[_HEAD:]
    log = _read(_LOG)
    step = size + 2
    if len(log) % step:
        log = log[: len(log) - len(log) % step]  # the supply failed in the middle of one
    have = {log[i : i + 2] for i in range(0, len(log), step)}
    if row[:2] in have:
        return False
    with open(_LOG, "ab") as f:
        f.write(row)
    if len(have) + 1 < count:
        return False
    from kerb.uplink.lorawan.packages.fragments import Defragmenter

    puzzle = Defragmenter(count, size, 2, count)
    log += row
    for i in range(0, len(log), step):
        puzzle.take(int.from_bytes(log[i : i + 2], "big"), log[i + 2 : i + step])
    if not puzzle.done:
        return False
    with open(INBOX + ".part", "wb") as f:
        f.write(puzzle.data(padding))
    os.rename(INBOX + ".part", INBOX)
    return True
