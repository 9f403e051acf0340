"""How far a bundle is on its way to one device: which fragments are to leave now. Pure; time comes in with the calls."""

from __future__ import annotations

from dataclasses import dataclass, field

from kerbstone.update.fragments import Parcel

RETRY_S = 3600.0  # a device that is heard and says nothing of the bundle for so long has lost what was on its way


@dataclass
class Pace:
    """`window`: fragments that may be on their way at once. `spare`: coded fragments a small bundle has behind it from the first.

    What a device has not said to have counts as being on its way. A gap in a large bundle shows in a report that is no further than the
    last: sending goes back there. In a small one nothing is sent twice: a further coded fragment stands for any that is missing.
    """

    parcel: Parcel
    window: int = 64
    spare: int = 0
    had: int = 0
    sent: int = 0
    limit: int = field(init=False)  # the last fragment to send
    _waiting: int = field(init=False)  # fragments that may still lie in a queue: each frame of the device lets one go, or as many as it got
    _moved_s: float = 0.0  # when something left or came
    _back_s: float = -RETRY_S

    def __post_init__(self) -> None:
        self.limit = self.parcel.count + (self.spare if self.parcel.any_order else 0)
        self.sent = max(self.sent, self.had)
        self._waiting = self.limit - self.had

    def due(self, now_s: float) -> range:
        """Numbers of the fragments to send now; they count as sent."""
        last = min(self.limit, self.had + self.window)
        numbers = range(self.sent + 1, last + 1)
        if numbers:
            self.sent, self._moved_s = last, now_s
        return numbers

    def report(self, had: int, now_s: float) -> None:
        """The device says how many fragments it has."""
        before, self.had = self.had, had
        self._waiting -= max(had - before, 1)
        if had > before:
            self.sent, self._moved_s = max(self.sent, had), now_s
        if self.parcel.any_order:
            self._more()
        elif had < before or (had == before and self.sent > had and now_s - self._back_s >= RETRY_S):
            self.sent, self._back_s = had, now_s

    def heard(self, now_s: float) -> None:
        """The device is there, and says nothing of the bundle."""
        self._waiting -= 1
        if now_s - self._moved_s < RETRY_S or self.sent <= self.had:
            return
        self._moved_s = now_s
        if self.parcel.any_order:
            self._waiting = 0
            self._more()
        else:
            self.sent, self._back_s = self.had, now_s

    def _more(self) -> None:
        """Coded fragments for what is missing; two more, because a random half of the bundle is not always news."""
        if self.sent >= self.limit and self._waiting <= 0:
            self._waiting = max(self.parcel.count - self.had, 0) + 2
            self.limit = min(self.sent + self._waiting, 65535)
            self.window = max(self.window, self.limit)
