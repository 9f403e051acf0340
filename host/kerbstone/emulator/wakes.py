"""Charge per wake, by what caused it; the sleep between wakes stands apart.

A book is turned over twice a wake, so it costs a few microseconds where a wake costs a millisecond.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any

from kerbstone.emulator.board.limits import Limits
from kerbstone.emulator.ledger import Ledger

SLEEP = "sleep"  # deep sleep between wakes: RAM is gone, parts and leakage draw on
_RESETS = {1: "power-on", 3: "watchdog"}  # numbers of Device; the ESP32 port tells machine.reset() and a soft reset not apart
_ULP_WAKE = 6  # ESP_SLEEP_WAKEUP_ULP; no port has another reason of this number
_SENDING = "tx"  # the state in which every radio of ours is charged while it transmits


@dataclass
class WakeSum:
    """All wakes of one cause. `uplink`: at least one transmission left the node while it was awake."""

    cause: str
    uplink: bool
    count: int = 0
    charge_uas: float = 0.0  # of all consumers, from the first instruction to sleep
    time_us: int = 0

    @property
    def label(self) -> str:
        return f"{self.cause}, sent" if self.uplink else self.cause

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


class WakeBook:
    """Books what a ledger's meters drew since the last turn of the page under the cause of that page."""

    def __init__(self, ledger: Ledger):
        self._ledger = ledger
        self._cause: str | None = None
        self._since = 0
        self._charge = 0.0
        self._sent = 0.0
        self._sums: dict[tuple[str, bool], WakeSum] = {}

    def begin(self, cause: int, reason: int, limits: Limits) -> None:
        """The chip starts: `cause` as reset_cause(), `reason` as wake_reason() of the port has it."""
        if self._cause == SLEEP and cause == limits.deep_sleep_cause:
            self._turn({limits.timer_wake: "timer", _ULP_WAKE: "coprocessor"}.get(reason, "pin"))
        else:
            self._turn(_RESETS.get(cause, "reset"))

    def sleep(self) -> None:
        """Deep sleep begins."""
        self._turn(SLEEP)

    def end(self) -> None:
        """The supply is off."""
        self._turn(None)

    def _turn(self, cause: str | None) -> None:
        self._charge, self._sent = self._book(self._sums)
        self._cause, self._since = cause, self._ledger.clock.now

    def _book(self, sums: dict[tuple[str, bool], WakeSum]) -> tuple[float, float]:
        """Adds the present page to `sums` as it stands; returns the charge of all meters, and what of it went into transmissions."""
        ledger = self._ledger
        ledger.settle()
        charge = ledger.total_uas
        sent = sum(m.charge_uas.get(_SENDING, 0.0) for m in ledger.meters.values())
        if self._cause is not None:
            key = (self._cause, self._cause != SLEEP and sent > self._sent)
            entry = sums.setdefault(key, WakeSum(*key))
            entry.count += 1
            entry.charge_uas += charge - self._charge
            entry.time_us += ledger.clock.now - self._since
        return charge, sent

    def sums(self) -> list[WakeSum]:
        """The wakes and sleeps that have ended, sleep last, the rest by charge."""
        return ordered(self._sums.values())

    def so_far(self) -> list[WakeSum]:
        """As sums, and the present wake or sleep as it stands."""
        sums = {key: replace(entry) for key, entry in self._sums.items()}
        self._book(sums)
        return ordered(sums.values())


def ordered(sums: Iterable[WakeSum]) -> list[WakeSum]:
    """Sleep last, the rest by charge."""
    return sorted(sums, key=lambda s: (s.cause == SLEEP, -s.charge_uas, s.cause, s.uplink))
