"""Fragments pushed to devices, as fast as they say that they arrive: over a broker, or through a network server's queue."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from kerbstone.update.carry.pace import SETTLE_S, WINDOW, Pace
from kerbstone.update.carry.reports import RECEIVING, Report, reports
from kerbstone.update.fragments import Parcel

Send = Callable[[str, bytes], None]


class Push:
    """A Carrier. `send(device, fragment)` hands one fragment to the bearer; `size`: bytes of the longest it carries; `spare`: coded
    fragments of a small bundle that leave unasked, as a share of it; `room(device)`: whether the bearer takes another one now;
    `forget(device)` takes back what has not left yet. `window`, `at_once`, `settle_s`: see Pace.

    `clock`: seconds of any beginning.
    """

    def __init__(self, send: Send, size: int, window: int = WINDOW, spare: float = 0.0, clock: Callable[[], float] = time.monotonic,
                 forget: Callable[[str], None] = lambda device: None, room: Callable[[str], bool] = lambda device: True,
                 at_once: bool = False, settle_s: float = SETTLE_S):
        self._send, self._size, self._clock, self._forget, self._room = send, size, clock, forget, room
        self._window, self._spare, self._at_once, self._settle_s = window, spare, at_once, settle_s
        self._lock = threading.RLock()
        self._paces: dict[str, Pace] = {}
        self._cut: Parcel | None = None  # the last one: a roll-out has the same for thousands

    def begin(self, device: str, bundle: bytes, had: int = 0, sent: int = 0) -> None:
        """As Carrier.begin; `sent`: fragments that have left to it before. Raises UpdateError for a bundle that is too large for this
        bearer, and what the bearer raises."""
        with self._lock:
            if self._cut is None or self._cut.bundle != bundle:
                self._cut = Parcel(bundle, self._size)
            spare = round(self._cut.count * self._spare + 0.49)
            self._paces[device] = Pace(self._cut, self._window, spare, self._at_once, self._settle_s, had, sent)
            self.pump(device)

    def heard(self, device: str, payload: bytes) -> list[Report]:
        """As Carrier.heard."""
        with self._lock:
            told = self.note(device, payload)
            self.pump(device)
        return told

    def note(self, device: str, payload: bytes) -> list[Report]:
        """Takes a message of a device; what is due then leaves with the next `pump`."""
        told = reports(payload)
        with self._lock:
            pace = self._paces.get(device)
            if pace:
                self._judge(device, pace, told)
        return told

    def _judge(self, device: str, pace: Pace, told: list[Report]) -> None:
        ours = [r for r in told if r.bundle == pace.parcel.name]
        news = [r.had for r in ours if r.had is not None and r.wanted == pace.parcel.count and not r.old]
        before = pace.sent
        if any(r.state != RECEIVING for r in ours):
            self.stop(device)
        elif news:
            pace.report(news[-1], self._clock())
        elif not told:
            pace.heard(self._clock())
        if pace.sent < before:
            self._forget(device)  # of those behind a gap none is of use

    def pump(self, device: str) -> None:
        """Sends what is due and has room."""
        with self._lock:
            pace = self._paces.get(device)
            while pace and self._room(device) and (numbers := pace.due(1)):
                self._send(device, pace.parcel.piece(pace.parcel.number(numbers[0])))

    def stop(self, device: str) -> None:
        """As Carrier.stop."""
        with self._lock:
            self._paces.pop(device, None)
            self._forget(device)

    def pace(self, device: str) -> Pace | None:
        """How far a device's bundle is; None once it has said what became of it."""
        with self._lock:
            return self._paces.get(device)
