"""DALI bits on an ESP32: the RMT sends, a busy wait in C measures what comes back.

The stock port's RMT cannot receive, its interrupts are too late for edges 417 us apart, and a UART takes the bus's long lows for framing
errors. `time_pulse_us` times each run in C; the loop around it costs some 30 us a run and allocates nothing, so the collector stays away.
"""

from array import array

import esp32
from machine import Pin, time_pulse_us
from micropython import const

from kerb.dali.frames import HALF_BITS_PER_S

_CLOCK_DIV = const(80)  # 80 MHz / 80 = 1 us
_LATEST_US = const(15000)  # the answer begins within 10.5 ms
_IDLE_US = const(1300)  # a level that stays so long is no part of a frame


class Engine:
    """Half bits out, runs in. `unit` is the RMT channel; tx high = bus high, rx as the bus."""

    UNIT_US = 1

    def __init__(self, tx, rx, unit):
        self._rmt = esp32.RMT(unit, pin=Pin(tx), clock_div=_CLOCK_DIV, idle_level=True)
        self._rx = Pin(rx, Pin.IN)
        self.runs = array("H", [0] * 20)

    def transmit(self, halves, count):
        """Begins to send `count` half bits, most significant first; the bus idles after them. Takes `count` / 2400 s."""
        pulses, begun, level = [], 0, 0  # a frame begins low
        for i in range(1, count):
            bit = halves >> count - 1 - i & 1
            if bit != level:
                edge = (i * 1000000 + HALF_BITS_PER_S // 2) // HALF_BITS_PER_S
                pulses.append(edge - begun)
                begun, level = edge, bit
        pulses.append(count * 1000000 // HALF_BITS_PER_S - begun)
        self._rmt.write_pulses(pulses, 0)

    def receive(self):
        """Waits for what follows on the idle bus: how many `runs` there are, 0 for silence."""
        rx, runs, pulse = self._rx, self.runs, time_pulse_us
        us = pulse(rx, 0, _LATEST_US)
        at = 0
        while us > 0 and at < 19:
            runs[at] = us
            at += 1
            us = pulse(rx, at & 1, _IDLE_US)
        if us == -1 and at:  # stayed at the level of this run
            runs[at] = _IDLE_US
            at += 1
        return at
