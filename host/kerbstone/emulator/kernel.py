"""The one clock: a discrete-event queue in integer microseconds.

Everything that happens in an emulated cell is an event of one kernel, so a run is a pure
function of its inputs: same seed, same order, same log.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import Any

from kerbstone.emulator.log import EventLog

SECOND_US = 1_000_000


class Event:
    """A call that is due at `t`; `cancel()` makes it do nothing."""

    __slots__ = ("args", "fn", "seq", "t")

    def __init__(self, t: int, seq: int, fn: Callable[..., Any], args: tuple[Any, ...]):
        self.t = t
        self.seq = seq
        self.fn: Callable[..., Any] | None = fn
        self.args = args

    def cancel(self) -> None:
        self.fn = None
        self.args = ()

    @property
    def pending(self) -> bool:
        return self.fn is not None

    def __lt__(self, other: Event) -> bool:
        return (self.t, self.seq) < (other.t, other.seq)


class Kernel:
    """Runs events in order of time, then of scheduling."""

    def __init__(self, log: EventLog | None = None):
        self.now = 0
        self.end = 0
        self.log = log or EventLog()
        self.log.clock = self
        self._heap: list[Event] = []
        self._seq = 0

    def at(self, t: int, fn: Callable[..., Any], *args: Any) -> Event:
        """Calls fn(*args) at t us (never before now)."""
        self._seq += 1
        event = Event(max(t, self.now), self._seq, fn, args)
        heapq.heappush(self._heap, event)
        return event

    def after(self, dt: int, fn: Callable[..., Any], *args: Any) -> Event:
        return self.at(self.now + dt, fn, *args)

    def try_advance(self, t: int) -> bool:
        """Moves the clock to t at once when nothing else is due until then."""
        heap = self._heap
        while heap and heap[0].fn is None:
            heapq.heappop(heap)
        if t > self.end or (heap and heap[0].t <= t):
            return False
        if t > self.now:
            self.now = t
        return True

    def next_due(self) -> int | None:
        """When the next event is due, us; None: nothing is."""
        heap = self._heap
        while heap and heap[0].fn is None:
            heapq.heappop(heap)
        return heap[0].t if heap else None

    def horizon(self) -> int:
        """The first instant at which anything may be otherwise than it is now: the next event, or the end of this run."""
        due, end = self.next_due(), self.end + 1
        return end if due is None or due > end else due

    def run(self, until: int) -> None:
        """Runs every event up to and including `until`; the clock then stands at `until`."""
        self.end = until
        heap = self._heap
        while heap and heap[0].t <= until:
            event = heapq.heappop(heap)
            fn = event.fn
            if fn is None:
                continue
            event.fn = None
            if event.t > self.now:
                self.now = event.t
            fn(*event.args)
        self.now = max(self.now, until)
