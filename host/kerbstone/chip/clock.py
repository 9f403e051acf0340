"""A kernel whose clock is the chip's: virtual parts live in chip time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kerbstone.emulator.kernel import Event, Kernel


class ChipKernel(Kernel):
    """Events of the parts become alarms of the chip, so a part acts while the processor computes or sleeps.

    `now` stands where somebody last looked; every bridge calls `sync()` before it touches a part.
    """

    def __init__(self, clock: Any):
        super().__init__()
        self._clock = clock
        self._alarm = clock.create_alarm(self._due)

    def at(self, t: int, fn: Callable[..., Any], *args: Any) -> Event:
        event = super().at(t, fn, *args)
        self._arm()
        return event

    def sync(self) -> None:
        """Brings the parts' clock up to the chip's."""
        self.run(int(self._clock.nanos // 1000))

    def _due(self) -> None:
        self.sync()
        self._arm()

    def _arm(self) -> None:
        if self._heap:
            self._alarm.schedule(max(self._heap[0].t * 1000 - self._clock.nanos, 0.0))
