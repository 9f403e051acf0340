"""How long the virtual clock stands still for a network server that answers when it likes."""

from __future__ import annotations

import time
from collections.abc import Callable

from kerbstone.emulator.kernel import Kernel

_TURN_S = 0.01  # how long each of several gateways is listened to in turn


class Patience:
    """Shared by the gateways of a cell: first each hands on its copy of a frame, then all wait together, `seconds` of real time at
    most, until one has an answer."""

    def __init__(self, seconds: float):
        self._seconds = seconds
        self._readers: list[Callable[[float], bool]] = []
        self._due = False

    def add(self, read: Callable[[float], bool]) -> None:
        """`read(timeout_s)` takes one message of the server, if one comes in time, and says whether it was a downlink."""
        self._readers.append(read)

    def wait_soon(self, kernel: Kernel) -> None:
        """The clock stands still after all that is due at this instant."""
        if not self._due:
            self._due = True
            kernel.at(kernel.now, self._wait)

    def _wait(self) -> None:
        self._due = False
        deadline = time.monotonic() + self._seconds
        while (left := deadline - time.monotonic()) > 0:
            turn = left if len(self._readers) == 1 else min(left, _TURN_S)
            if any([read(turn) for read in self._readers]):
                return
