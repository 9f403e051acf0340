"""Finds frames of a fixed length in a stream of bytes, and never loses a good one to the garbage before it."""

import time

from micropython import const

_POLL_MS = const(5)


class Framer:
    """`frame` holds the frame after read() has returned True.

    good(frame): its check holds. starts(byte): a frame can begin with this byte. A window that is no frame gives way only up to the next
    byte that could begin one, so a frame that begins inside it is still found.
    """

    def __init__(self, size, good, starts):
        self.frame = bytearray(size)
        self._view = memoryview(self.frame)
        self._good = good
        self._starts = starts
        self._fill = 0
        self.seen = 0  # bytes that came in the last read()

    def reset(self):
        """Forgets a frame that has begun."""
        self._fill = 0

    def read(self, bus, timeout_ms):
        """Waits for the next good frame; False when none has come in time."""
        self.seen = waited = 0
        while True:
            if self._take(bus):
                return True
            if waited >= timeout_ms:
                return False
            time.sleep_ms(_POLL_MS)
            waited += _POLL_MS

    def _take(self, bus):
        """Uses up what the receiver holds; True at a good frame."""
        size = len(self.frame)
        while bus.any():
            got = bus.readinto(self._view[self._fill :]) or 0
            self._fill += got
            self.seen += got
            while self._fill == size:
                if self._starts(self.frame[0]) and self._good(self.frame):
                    self._fill = 0
                    return True
                self._shift(size)
        return False

    def _shift(self, size):
        at = 1
        while at < size and not self._starts(self.frame[at]):
            at += 1
        self._fill = size - at
        for i in range(self._fill):
            self.frame[i] = self.frame[at + i]
