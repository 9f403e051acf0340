"""Finds the frames of a sensor in a stream of bytes that may begin anywhere and hold anything.

What a frame is says a function `probe(buf, at, have)`, which sees `have` bytes from buf[at] on: 0 = no frame begins here, else
how many bytes this frame has, or at least one more than `have` while that is not known. It is asked again when they are there,
and must then have checked the sum. After a refusal the search goes on at the very next byte, so that a false header, a
truncated frame or a wrong sum never costs the good frame behind or inside it.
"""

import time

from micropython import const

_CHUNK = const(32)
_POLL_MS = const(10)


class Framer:
    """After read() or wait() returned n, the frame is buf[at:at + n] until the next call. Nothing is allocated by either."""

    def __init__(self, probe, largest):
        self._probe = probe
        self._largest = largest
        self._chunk = bytearray(_CHUNK)
        self.buf = bytearray(largest + _CHUNK)
        self.reset()

    def reset(self):
        """Forgets what came so far."""
        self.at = self._end = self._length = 0
        self.seen = 0  # bytes since

    def read(self, bus):
        """Length of the next frame; 0 = the bus has nothing more for now."""
        while True:
            length = self._next()
            if length:
                return length
            waiting = bus.any()
            if not waiting:
                return 0
            self._put(bus.readinto(self._chunk, min(waiting, _CHUNK)) or 0)

    def wait(self, bus, limit_ms):
        """As read(), but waits up to limit_ms for a frame."""
        end = time.ticks_add(time.ticks_ms(), limit_ms)
        while True:
            length = self.read(bus)
            if length or time.ticks_diff(end, time.ticks_ms()) <= 0:
                return length
            time.sleep_ms(_POLL_MS)

    def drain(self, bus):
        """Throws away what was received before now."""
        while bus.any():
            bus.readinto(self._chunk, _CHUNK)
        self.reset()

    def _next(self):
        self.at += self._length
        self._length = 0
        while self.at < self._end:
            have = self._end - self.at
            need = self._probe(self.buf, self.at, have)
            if 0 < need <= have:
                self._length = need
                return need
            if have < need <= self._largest:
                break
            self.at += 1
        return 0

    def _put(self, count):
        self.seen += count
        buf, chunk = self.buf, self._chunk
        if self._end + count > len(buf):
            for i in range(self._end - self.at):  # less than the largest frame, so a chunk always fits behind it
                buf[i] = buf[self.at + i]
            self._end -= self.at
            self.at = 0
        for i in range(count):
            buf[self._end + i] = chunk[i]
        self._end += count
