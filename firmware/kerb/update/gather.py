"""Makes a bundle of what has come, at the start of a life, where there is room; and forgets it."""

import os

import stage0
from kerb.store import Store
from kerb.update.inbox import CODED, DONE, INBOX, LOG, clear, name_of


def finish():
    """Forgets all that has come but which bundle it was: what of it is still on its way then starts no second delivery."""
    head = name_of()[:4]
    clear()
    if head:
        with open(DONE, "wb") as f:
            f.write(head)


def _set_aside():
    """Whether a block lies there that a bearer's own packages have put together (Node.block); it is the bundle now."""
    kept = Store(stage0.ROOT)
    words = kept.get("block")
    kept.remove("block")
    if not words:
        return False
    size, path = str(words, "utf-8").split(" ")
    left = int(size)
    try:
        with open(path, "rb") as f, open(INBOX + ".part", "wb") as out:
            while left > 0:
                out.write(f.read(min(left, 512)))
                left -= 512
        os.remove(path)
        os.rename(INBOX + ".part", INBOX)
    except OSError:
        return False
    return True


class _Rows:
    """The fragments of a bundle, each by itself."""

    def __init__(self):
        self._rows = {}
        self.get = self._rows.get

    def put(self, n, row):
        self._rows[n] = bytes(row)


def combine():
    """Makes the bundle of the log, or of a block; False when it takes more fragments."""
    if _set_aside():
        return True
    name = name_of()
    count, padding, size = int.from_bytes(name[4:6], "big"), name[6] if len(name) == 9 else 0, int.from_bytes(name[7:9], "big")
    if not 0 < count <= CODED or not size:
        return False
    from kerb.uplink.lorawan.packages.fragments import Defragmenter

    block = _Rows()
    puzzle = Defragmenter(count, size, 2, count, block)
    try:
        with open(LOG, "rb") as f:
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
