"""DALI bits on an RP2040: one PIO state machine clocks half bits out, another samples the bus (RP2040 data sheet, chapter 3)."""
# The names in the programs are instructions, known to the assembler only.
# ruff: noqa: F821
# mypy: disable-error-code="name-defined"

import time
from array import array

import rp2
from machine import Pin
from micropython import const

_RATE = const(19200)  # 8 cycles a half bit; slow enough for the 16-bit clock divider at any CPU clock up to 1.2 GHz
SAMPLE_US = 1000000 / _RATE
_IDLE = const(0xFFFFFFFF)
_WORDS = const(7)  # 11.7 ms: the backward frame of 7.5 ms at its slowest, and its stop condition
_LATEST_MS = const(15)  # the answer begins within 10.5 ms


@rp2.asm_pio(out_init=rp2.PIO.OUT_HIGH, out_shiftdir=rp2.PIO.SHIFT_LEFT, autopull=True, pull_thresh=32)
def _send():
    out(pins, 1)[7]


@rp2.asm_pio(in_shiftdir=rp2.PIO.SHIFT_LEFT, autopush=True, push_thresh=32, fifo_join=rp2.PIO.JOIN_RX)
def _sample():
    wait(0, pin, 0)
    wrap_target()
    in_(pins, 1)
    wrap()


class Engine:
    """Half bits out, runs in. `unit` and `unit + 1` are the state machines; tx high = bus high, rx as the bus."""

    UNIT_US = SAMPLE_US

    def __init__(self, tx, rx, unit):
        self._out = rp2.StateMachine(unit, _send, freq=_RATE, out_base=Pin(tx))
        self._in = rp2.StateMachine(unit + 1, _sample, freq=_RATE, in_base=Pin(rx, Pin.IN))
        self._out.active(1)
        self.runs = array("H", [0] * 20)

    def transmit(self, halves, count):
        """Begins to send `count` half bits, most significant first; the bus idles after them. Takes `count` / 2400 s."""
        padded = halves << 64 - count | (1 << 64 - count) - 1
        self._out.put(padded >> 32)
        self._out.put(padded & _IDLE)

    def receive(self):
        """Waits for what follows on the idle bus: how many `runs` there are, 0 for silence."""
        sm = self._in
        sm.restart()
        while sm.rx_fifo():
            sm.get()
        sm.active(1)
        time.sleep_ms(_LATEST_MS)
        if not sm.rx_fifo():
            sm.active(0)
            return 0
        at, level, length = 0, 0, 0
        for _ in range(_WORDS):
            word = sm.get()
            for bit in range(31, -1, -1):
                if word >> bit & 1 == level:
                    length += 1
                    continue
                if at == len(self.runs) - 1:
                    break
                self.runs[at] = length
                at, level, length = at + 1, level ^ 1, 1
        sm.active(0)
        self.runs[at] = length
        return at + 1
