"""Fragments pushed to a device, as fast as it says that they arrive: over a broker, or through a network server's queue."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from kerbstone.update.carry.pace import Pace
from kerbstone.update.carry.reports import RECEIVING, Report, reports
from kerbstone.update.fragments import Parcel

Send = Callable[[str, bytes], None]


class Push:
    """A Carrier. `send(device, fragment)` hands one fragment to the bearer; `size`: bytes of the longest it carries; `forget(device)` takes
    back what has not left yet.

    `clock`: seconds of any beginning.
    """

    def __init__(self, send: Send, size: int, window: int = 64, spare: float = 0.0, clock: Callable[[], float] = time.monotonic,
                 forget: Callable[[str], None] = lambda device: None):
        self._forget = forget
        self._send, self._size, self._window, self._spare, self._clock = send, size, window, spare, clock
        self._lock = threading.RLock()
        self._paces: dict[str, Pace] = {}

    def begin(self, device: str, bundle: bytes, had: int = 0) -> None:
        """As Carrier.begin. Raises UpdateError for a bundle that is too large for this bearer, and what the bearer raises."""
        parcel = Parcel(bundle, self._size)
        with self._lock:
            self._paces[device] = Pace(parcel, self._window, round(parcel.count * self._spare + 0.49), had)
            self._pump(device)

    def heard(self, device: str, payload: bytes) -> list[Report]:
        """As Carrier.heard."""
        told = reports(payload)
        with self._lock:
            pace = self._paces.get(device)
            if pace:
                self._judge(device, pace, told)
                self._pump(device)
        return told

    def _judge(self, device: str, pace: Pace, told: list[Report]) -> None:
        ours = [r for r in told if r.bundle == pace.parcel.name]
        if any(r.state != RECEIVING for r in ours):
            self.stop(device)
        elif ours and ours[-1].had is not None:
            pace.report(ours[-1].had, self._clock())
        elif not told:
            pace.heard(self._clock())

    def _pump(self, device: str) -> None:
        pace = self._paces.get(device)
        if pace:
            for k in pace.due(self._clock()):
                self._send(device, pace.parcel.piece(pace.parcel.number(k)))

    def stop(self, device: str) -> None:
        """As Carrier.stop."""
        with self._lock:
            if self._paces.pop(device, None):
                self._forget(device)

    def pace(self, device: str) -> Pace | None:
        """How far a device's bundle is; None once it has said what became of it."""
        with self._lock:
            return self._paces.get(device)
