"""Duty cycle of the downlinks of a gateway: a budget for each sub-band over a sliding hour (ETSI EN 300 220-1 section 5.4.4)."""

from __future__ import annotations

from collections import deque

from kerbstone.emulator.air.plan import EU868, Plan

_HOUR_US = 3_600_000_000


class DutyCycle:
    """Times are UTC in us; they may not run backwards by more than a frame."""

    def __init__(self, plan: Plan = EU868) -> None:
        self._plan = plan
        self._spent: dict[int, deque[tuple[int, int]]] = {}  # sub-band -> (when, us on air)

    def allows(self, freq_hz: int, airtime_us: int, at_us: int) -> bool:
        """True when a frame of this length may start at `at_us`."""
        band = self._plan.sub_band(freq_hz)
        if band is None:
            return False
        spent = self._spent.setdefault(band, deque())
        while spent and spent[0][0] <= at_us - _HOUR_US:
            spent.popleft()
        return sum(us for _, us in spent) + airtime_us <= self._plan.sub_bands[band].permille * _HOUR_US // 1000

    def spend(self, freq_hz: int, airtime_us: int, at_us: int) -> None:
        band = self._plan.sub_band(freq_hz)
        if band is not None:
            self._spent.setdefault(band, deque()).append((at_us, airtime_us))
