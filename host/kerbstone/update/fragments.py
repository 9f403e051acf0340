"""A bundle cut for a bearer (firmware/kerb/update/inbox.py says what a fragment is)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from kerbstone.errors import UpdateError

HEAD = 9  # bytes of a fragment before its data
CODED = 64  # fragments up to which a device puts a bundle together from any that arrive
_MOST = (1 << 16) - 1


class Parcel:
    """A bundle as fragments of at most `size` bytes, their heads included. `piece(n)` is made when asked for: a small bundle has
    coded fragments (TS004-2.0.0) without end behind its own, and each of them stands for any that was lost.
    """

    def __init__(self, bundle: bytes, size: int):
        """Raises UpdateError when the fragments are too small or too many."""
        room = size - HEAD
        count = -(-len(bundle) // room) if room > 0 else 0
        if not 0 < count <= _MOST:
            raise UpdateError(f"{len(bundle)} bytes do not go into fragments of {size} bytes: give them room for more.")
        self.bundle = bundle
        self.count = count
        self.room = -(-len(bundle) // count)
        self.padding = count * self.room - len(bundle)
        self.digest = hashlib.sha256(bundle).digest()
        self._head = self.digest[:4] + count.to_bytes(2, "big")
        self._coded: list[int] = []

    @property
    def name(self) -> int:
        """What nodes call the bundle in their reports: the channel `bundle`."""
        return name_of(self.digest)

    @property
    def any_order(self) -> bool:
        """Whether a device takes the fragments as they come; else only the next one."""
        return self.count <= CODED

    def piece(self, n: int) -> bytes:
        """Fragment `n`, from 1; those after `count` are coded. Raises UpdateError where there is no such fragment."""
        if not 0 < n <= (_MOST if self.any_order else self.count):
            raise UpdateError(f"There is no fragment {n} of {self.count}: at most {CODED} of them can be coded.")
        return self._head + n.to_bytes(2, "big") + bytes([self.padding]) + self._row(n)

    def _row(self, n: int) -> bytes:
        if n <= self.count:
            return self.bundle[(n - 1) * self.room : n * self.room].ljust(self.room, b"\0")
        mixed = 0
        for other in columns(n - self.count, self.count):
            mixed ^= int.from_bytes(self._row(other + 1), "big")
        return mixed.to_bytes(self.room, "big")

    def number(self, k: int) -> int:
        """Which fragment to send as the `k`th, from 1, so that one that is lost is replaced soon.

        A coded fragment of a bundle in few pieces is one or two of them, drawn at random: the lines are taken that have each in its turn.
        """
        if k <= self.count:
            return k
        if self.count == 1:
            return 1  # half of one fragment is none
        while len(self._coded) < k - self.count:
            wanted, line = len(self._coded) % self.count, (self._coded[-1] - self.count if self._coded else 0) + 1
            while wanted not in columns(line, self.count):
                line += 1
            self._coded.append(self.count + line)
        return self._coded[k - self.count - 1]

    def pieces(self, coded: int = 0) -> Iterator[bytes]:
        """All fragments, and so many coded ones. Raises UpdateError when the bundle has too many fragments to be coded."""
        if coded and not self.any_order:
            raise UpdateError(f"{len(self.bundle)} bytes are {self.count} fragments, and at most {CODED} can be coded: make them larger.")
        return (self.piece(self.number(k)) for k in range(1, self.count + coded + 1))


def name_of(digest: bytes) -> int:
    """What nodes call a bundle in their reports, the channel `bundle`, by its SHA-256."""
    return int.from_bytes(digest[:2], "big") % 65535


def columns(line: int, count: int, version: int = 2) -> set[int]:
    """Which of `count` fragments the coded one `line` (1, 2, ...) is the exclusive or of: the matrix of TS004 by a 23-bit generator.

    TS004-1.0.0 counts a fragment that is drawn twice, 2.0.0 draws until they are distinct.
    """
    modulus = count + (count & (count - 1) == 0)
    x, found, drawn = 1 + 1001 * line, set[int](), 0
    while drawn < count // 2:
        x = x >> 1 | ((x & 1) ^ (x >> 5 & 1)) << 22
        if x % modulus < count:
            drawn += version == 1 or x % modulus not in found
            found.add(x % modulus)
    return found
