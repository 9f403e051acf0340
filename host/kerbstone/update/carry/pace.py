"""How far a bundle is on its way to one device: which fragments are to leave now. Pure; time comes in with the calls."""

from __future__ import annotations

from dataclasses import dataclass, field

from kerbstone.update.fragments import Parcel

WINDOW = 64  # of 1,000 messages Mosquitto keeps for a session that is away (max_queued_messages)
SETTLE_S = 60.0  # a device says several things at a time: what comes later than this belongs to another visit
STRIDE = 16  # a device tells how far it is once in so many fragments (kerb/update/report.py): fewer ahead of it would wait for ever
_GROW = 8


@dataclass
class Pace:
    """`window`: fragments that may be on their way at once. `spare`: coded fragments a small bundle has behind it from the first.
    `at_once`: each visit of the device takes all that waits for it (a broker); else each of its frames lets one go (class A).

    What a device has not said to have is on its way until it is heard after the visit that must have taken it. A gap in a large bundle
    shows in a report that is no further than the last: sending goes back there, with fewer ahead for a while. In a small one nothing is
    sent twice: a further coded fragment stands for any that is missing (docs/decisions/0064-one-pace.md).
    """

    parcel: Parcel
    window: int = WINDOW
    spare: int = 0
    at_once: bool = False
    settle_s: float = SETTLE_S
    had: int = 0
    sent: int = 0
    limit: int = field(init=False)  # the last fragment to send
    _ahead: int = field(init=False)
    _waiting: int = field(init=False)  # fragments that may still lie in a queue
    _empty_s: float = 0.0  # when the last of them left
    _base: int = field(init=False)  # the window counts from here
    _back: int = -1  # where sending went back to
    _vain: int = 0  # how often it did so again since
    _beyond: int = 0  # how far it looked from there

    def __post_init__(self) -> None:
        self.sent = max(self.sent, self.had)
        self.limit = max(self.parcel.count + (self.spare if self.parcel.any_order else 0), self.sent)
        self._ahead, self._base = self.window, self.had
        self._waiting = self.sent - self.had

    def due(self, most: int | None = None) -> range:
        """Numbers of the fragments to send now, so many `most`; they count as sent."""
        last = self.limit if self.parcel.any_order else min(self.limit, self._base + self._ahead)
        if most is not None:
            last = min(last, self.sent + most)
        numbers = range(self.sent + 1, last + 1)
        self._waiting += len(numbers)
        self.sent += len(numbers)
        return numbers

    def report(self, had: int, now_s: float) -> None:
        """The device says how many fragments it has."""
        lost, before = self._lost(now_s), self.had
        self.had = had
        self.sent = max(self.sent, had)
        self._left(max(had - before, 1), now_s)
        if self.parcel.any_order:
            # The first says that it has begun. A broker keeps the order, so the next says that the last has come.
            if before if self.at_once else not self._waiting:
                self._more()
        elif had > before:
            self._ahead, self._base = min(self._ahead + _GROW, self.window), had
        elif had < before or (self.sent > had and (had != self._back or lost)):
            self._go_back()

    def heard(self, now_s: float) -> None:
        """The device is there, and says nothing of the bundle."""
        if not self._lost(now_s):
            self._left(1, now_s)
        elif self.parcel.any_order:
            self._more()
        else:
            self._go_back()

    def _lost(self, now_s: float) -> bool:
        """All that was sent has left, on an earlier visit, and has not come."""
        return self.sent > self.had and not self._waiting and now_s - self._empty_s >= self.settle_s

    def _left(self, count: int, now_s: float) -> None:
        if self._waiting:
            self._waiting = 0 if self.at_once else max(self._waiting - count, 0)
            self._empty_s = now_s

    def _go_back(self) -> None:
        self._vain, self._beyond = (self._vain + 1, self._beyond) if self.had == self._back else (0, 0)
        self._ahead, self._waiting, self._base = min(STRIDE, self.window), 0, self.had
        # A device that never sleeps says once that a fragment was none for it; a sender that starts anew then finds it by going on.
        if self._vain and self._vain % 2 == 0:
            self._beyond = max(self._beyond, self.had) + self._ahead
            self._base = self._beyond = self._beyond if self._beyond < self.limit else self.had
        self.sent = self._base
        self._back = self.had

    def _more(self) -> None:
        """Coded fragments for what is missing; two more, because a random half of the bundle is not always news."""
        if self.sent >= self.limit:
            self.limit = min(self.sent + max(self.parcel.count - self.had, 0) + 2, 65535)
