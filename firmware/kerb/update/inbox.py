"""A bundle on its way: fragments on flash, so that a week without network or power costs nothing that has arrived.

A fragment: first 4 bytes of the bundle's SHA-256, number of fragments u16, its own number u16 from 1, bytes that pad the last u8, data.
Numbers are big endian. Small bundles (LoRaWAN) may come in any order with coded fragments behind, as TS004-2.0.0 codes them; what has
come is kept as a log. Large ones (MQTT) come in order and grow in their place.

It imports next to nothing: a fragment comes in the middle of a node's work, where a bin on LoRaWAN has no room for what installs.
"""

import os
from struct import pack

import stage0
from kerb.store import Store

PORT = 120  # of LoRaWAN, where fragments come in
MARK = b"KUF1"  # begins a fragment where there are no ports
INBOX = stage0.ROOT + "/inbox"
_HEAD = 9
CODED = 64  # fragments of a bundle that is put together in RAM
_LOG = INBOX + ".log"
_NAME = INBOX + ".id"


def _name():
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
    name = _name()
    if len(name) != 9:
        return None
    count, size = int.from_bytes(name[4:6], "big"), int.from_bytes(name[7:9], "big")
    had = count if complete() else _size(INBOX + ".part") // size if count > CODED else _size(_LOG) // (size + 2)
    return int.from_bytes(name[:2], "big") % 65535, had, count


def clear():
    """Forgets all that has come."""
    for path in (INBOX, _LOG, _NAME, INBOX + ".part"):
        try:
            os.remove(path)
        except OSError:
            pass


def prepare(battery_v=None):
    """Asks the next start to look at what has come; keeps the voltage for it, as nothing is measured before that."""
    Store(stage0.ROOT).put("start", pack("<BH", 0, 0xFFFF if battery_v is None else int(battery_v * 1000)))


def take(data):
    """Keeps one fragment; True when the next start should look at what has come. What is no fragment, or comes again, changes nothing."""
    count, number, padding = int.from_bytes(data[4:6], "big"), int.from_bytes(data[6:8], "big"), data[8] if len(data) > _HEAD else 0
    size = len(data) - _HEAD
    if size < 1 or not count or not number or padding >= size:
        return False
    name = bytes(data[:6]) + bytes((padding,)) + size.to_bytes(2, "big")
    known = _name()
    if known != name and not (number == count > CODED and known[:6] == name[:6]):
        Store(stage0.ROOT)  # makes the folder
        clear()
        with open(_NAME, "wb") as f:
            f.write(name)
    elif complete():
        return True
    if count > CODED:
        return _in_order(data, count, number, padding, int.from_bytes(_name()[7:9], "big"))
    return _coded(data, count, size)


def _in_order(data, count, number, padding, size):
    path = INBOX + ".part"
    if number != _size(path) // size + 1 or _size(path) % size:
        return False
    with open(path, "ab") as f:
        f.write(data[_HEAD : len(data) - padding] if number == count else data[_HEAD:])
    if number == count:
        os.rename(path, INBOX)
    return number == count


def _coded(data, count, size):
    """Adds to the log; that is all a node in the middle of its work has the room for."""
    number, step = bytes(data[6:8]), size + 2
    have = _size(_LOG) // step
    piece = bytearray(2)
    with open(_LOG, "ab+") as f:
        for i in range(have):
            f.seek(i * step)
            f.readinto(piece)
            if piece == number:
                return have >= count
        f.write(number + data[_HEAD:])
    return have + 1 >= count


class _Rows:
    """The fragments of a bundle, each by itself."""

    def __init__(self):
        self._rows = {}
        self.get = self._rows.get

    def put(self, n, row):
        self._rows[n] = bytes(row)


def combine():
    """Makes the bundle of the log; False when it takes more fragments."""
    name = _name()
    count, padding, size = int.from_bytes(name[4:6], "big"), name[6] if len(name) == 9 else 0, int.from_bytes(name[7:9], "big")
    if not 0 < count <= CODED or not size:
        return False
    from kerb.uplink.lorawan.packages.fragments import Defragmenter

    block = _Rows()
    puzzle = Defragmenter(count, size, 2, count, block)
    try:
        with open(_LOG, "rb") as f:
            row = f.read(size + 2)
            while len(row) == size + 2 and not puzzle.done:
                puzzle.take(int.from_bytes(row[:2], "big"), row[2:])
                row = f.read(size + 2)
    except OSError:
        return False
    if not puzzle.done:
        return False
    with open(INBOX + ".part", "wb") as f:  # row by row: the whole bundle may be more than the heap has in one piece
        for n in range(count):
            f.write(block.get(n) if n < count - 1 else block.get(n)[: size - padding])
    os.rename(INBOX + ".part", INBOX)
    return True
