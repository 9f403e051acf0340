"""The energy ledger: charge of every consumer of a node, by state, in microampere-seconds."""

from __future__ import annotations

from typing import Protocol


class _Clock(Protocol):
    now: int


class Meter:
    """One consumer (MCU, part, radio): integrates current over virtual time."""

    def __init__(self, clock: _Clock, name: str):
        self.clock = clock
        self.name = name
        self.state = "off"
        self.current_ua = 0.0
        self.since = clock.now
        self.charge_uas: dict[str, float] = {}
        self.time_us: dict[str, int] = {}

    def set(self, state: str, current_ua: float) -> None:
        """The consumer draws `current_ua` in `state` from now on."""
        self.settle()
        self.state = state
        self.current_ua = current_ua

    def settle(self) -> None:
        """Books what was drawn since the last change."""
        dt = self.clock.now - self.since
        self.since = self.clock.now
        if dt:
            self.charge_uas[self.state] = self.charge_uas.get(self.state, 0.0) + self.current_ua * dt / 1e6
            self.time_us[self.state] = self.time_us.get(self.state, 0) + dt

    def add(self, state: str, charge_uas: float) -> None:
        """Books a pulse that is too short to be a state of its own."""
        self.charge_uas[state] = self.charge_uas.get(state, 0.0) + charge_uas

    @property
    def total_uas(self) -> float:
        return sum(self.charge_uas.values())


class Ledger:
    """All meters of one node."""

    def __init__(self, clock: _Clock):
        self.clock = clock
        self.meters: dict[str, Meter] = {}

    def meter(self, name: str) -> Meter:
        if name not in self.meters:
            self.meters[name] = Meter(self.clock, name)
        return self.meters[name]

    def settle(self) -> None:
        for meter in self.meters.values():
            meter.settle()

    @property
    def total_uas(self) -> float:
        return sum(m.total_uas for m in self.meters.values())
