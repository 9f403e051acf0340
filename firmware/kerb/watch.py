"""Ends a start that hangs on an RP2040, whose watchdog waits 8.4 s at most: a timer feeds it while the node gives signs of life.

The timer's interrupt goes on while Python or C computes or waits, so a node may search its network for minutes; who hangs with interrupts
off ends the feeding with them. A node that sleeps has the timer alone: the chip's watchdog cannot be stopped, and would end its sleep.
"""

import time

import machine
from micropython import const

_TICK_MS = const(4000)
_HARD_MS = const(8300)  # RP2040 data sheet, 4.7.2: 24 bits of microseconds, counted twice (RP2040-E1)


class Watchdog:
    """As machine.WDT, for `limit_ms` of any length. `sleeps`: the node stops its clocks now and then."""

    def __init__(self, limit_ms, sleeps):
        self._limit_ms = limit_ms
        self._fed = time.ticks_ms()
        self._hard = None if sleeps else machine.WDT(timeout=_HARD_MS)
        self._timer = machine.Timer(-1)
        self._timer.init(period=_TICK_MS, mode=machine.Timer.PERIODIC, callback=self._tick, hard=True)

    def feed(self):
        self._fed = time.ticks_ms()

    def _tick(self, timer):
        # In an interrupt: nothing is allocated.
        if time.ticks_diff(time.ticks_ms(), self._fed) > self._limit_ms:
            machine.reset()
        if self._hard:
            self._hard.feed()

    def stop(self):
        """Before deep sleep, which is light sleep and a reset: the timer would wake it."""
        self._timer.deinit()
