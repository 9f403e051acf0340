"""A bundle on its way: fragments on flash, so that a week without network or power costs nothing that has arrived.

A fragment: first 4 bytes of the bundle's SHA-256, number of fragments u16, its own number u16 from 1, bytes that pad the last u8, data.
Numbers are big endian. Small bundles (LoRaWAN) may come in any order with coded fragments behind, as TS004-2.0.0 codes them; what has
come is kept as a log. Large ones (MQTT) come in order and grow in their place.

It imports next to nothing: a fragment comes in the middle of a node's work, where a bin on LoRaWAN has no room for what installs.
"""

import os
from struct import pack

from micropython import const

import stage0
from kerb.store import Store

PORT = 120  # of LoRaWAN, where fragments come in
MARK = b"KUF1"  # begins a fragment where there are no ports
IMAGE_MARK = b"KUI1"  # begins a piece of an image (image.py)
INBOX = stage0.ROOT + "/inbox"
_HEAD = const(9)
CODED = 64  # fragments of a bundle that is put together in RAM
LOG = INBOX + ".log"
_NAME = INBOX + ".id"
DONE = INBOX + ".done"


def name_of():
    """What of all fragments is the same: head without number, bytes of data."""
    try:
        with open(_NAME, "rb") as f:
            return f.read(9)
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


def progress():
    """(first 2 bytes of the bundle's SHA-256 modulo 65535, fragments here, fragments of the bundle); None when nothing has come."""
    name = name_of()
    if len(name) != 9:
        return None
    count, size = int.from_bytes(name[4:6], "big"), int.from_bytes(name[7:9], "big")
    here = count if complete() else _size(INBOX + ".part") // size if in_order(count) else _size(LOG) // (size + 2)
    return int.from_bytes(name[:2], "big") % 65535, here, count


def in_order(count):
    """Whether a bundle of so many fragments takes the next one only."""
    return count > CODED


def number(data):
    """The number a fragment says it has."""
    return int.from_bytes(data[6:8], "big")


def clear():
    """Forgets all that has come."""
    for path in (INBOX, LOG, _NAME, INBOX + ".part"):
        try:
            os.remove(path)
        except OSError:
            pass


def _late(head):
    """Whether a fragment is of the bundle that is on trial."""
    if not stage0.current or not stage0.current.state:
        return False
    try:
        with open(DONE, "rb") as f:
            return f.read() == head
    except OSError:
        return False


def prepare(battery_v=None):
    """Asks the next start to look at what has come; keeps the voltage for it, as nothing is measured before that."""
    Store(stage0.ROOT).put("start", pack("<BH", 0, 0xFFFF if battery_v is None else int(battery_v * 1000)))


def take(data):
    """Keeps one fragment; True when the next start should look at what has come. What is no fragment, or comes again, changes nothing."""
    count, mine, padding = int.from_bytes(data[4:6], "big"), number(data), data[8] if len(data) > _HEAD else 0
    size = len(data) - _HEAD
    if size < 1 or not count or not mine or padding >= size:
        return False
    name = bytes(data[:6]) + bytes((padding,)) + size.to_bytes(2, "big")
    known = name_of()
    if known[:4] != name[:4] and _late(name[:4]):
        return False
    if known != name and not (mine == count > CODED and known[:6] == name[:6]):
        Store(stage0.ROOT)  # makes the folder
        clear()
        with open(_NAME, "wb") as f:
            f.write(name)
    elif complete():
        return True
    if in_order(count):
        return _in_order(data, count, mine, padding, int.from_bytes(name_of()[7:9], "big"))
    return _coded(data, count, size)


def _in_order(data, count, mine, padding, size):
    path = INBOX + ".part"
    if mine != _size(path) // size + 1 or _size(path) % size:
        return False
    with open(path, "ab") as f:
        f.write(data[_HEAD : len(data) - padding] if mine == count else data[_HEAD:])
    if mine == count:
        os.rename(path, INBOX)
    return mine == count


def _coded(data, count, size):
    """Adds to the log; that is all a node in the middle of its work has the room for."""
    mine, step = bytes(data[6:8]), size + 2
    have = _size(LOG) // step
    piece = bytearray(2)
    with open(LOG, "ab+") as f:
        for i in range(have):
            f.seek(i * step)
            f.readinto(piece)
            if piece == mine:
                return have >= count
        f.write(mine + data[_HEAD:])
    return have + 1 >= count
