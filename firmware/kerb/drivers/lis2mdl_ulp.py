"""The coprocessor of an ESP32-S3 watches a LIS2MDL while the node sleeps deeply (docs/decisions/0052).

Two single measurements a second in place of ten, and from the one that is news on the field at 50 Hz while the firmware starts. The program
is firmware/ulp/lis2mdl.s; registers: ESP32-S3 TRM, RTC_CNTL and RTC_IO. A coprocessor that was deaf in a sleep is not trusted
again until the next power-on: the sensor's own comparator watches then.
"""

import time

import esp32
import machine
from machine import mem32
from micropython import const

from kerb import log

_TIMER = const(0x600080FC)  # RTC_CNTL_ULP_CP_TIMER_REG
_TIMER_ON = const(0x80000000)
_PAD = const(0x60008484)  # RTC_IO_TOUCH_PAD0_REG
_MUX_SEL = const(0x80000)  # the pad is the RTC domain's
_PERIOD_US = const(500000)
_DISTRUST = const(0x500007F4)  # the last word of what the port leaves to programs
# Words of the program, at `data`.
_BUSY = const(0x50000354)
_MEASURING = const(0x50000358)
_ALIVE = const(0x5000035C)
_THRESHOLD = const(0x50000360)
_STOP = const(0x50000364)
_KEPT = const(0x50000368)
_DEAF = const(0x50000378)
_SAMPLES = const(0x5000037C)
_PAST = const(0x5000049C)
_WAKES = (4, 6)  # machine.wake_reason(): timer, coprocessor
_TOO_DEAF = const(8)  # times in a row: the program wakes the node
_LOOKS = const(32)  # that the program remembers
_LATE = const(8)  # of them belong to what comes, 4 s
_LONGEST_MS = const(40)  # until a program that keeps samples sees that it shall stop


class Watch:
    """`pins`: SCL and SDA. Between arm() and halt() the bus is the coprocessor's."""

    def __init__(self, name, pins):
        self._pins = pins
        slept = machine.reset_cause() == machine.DEEPSLEEP_RESET
        # The coprocessor goes on through a soft or software reset, with the bus; a Ctrl-C in halt() leaves the pads to it.
        self._loaded = bool(mem32[_TIMER] & _TIMER_ON)
        self._armed = self._loaded or bool(mem32[_PAD + 4 * pins[0]] & _MUX_SEL)
        self.trusted = not (slept and mem32[_DISTRUST] & 1)
        if not slept:
            mem32[_DISTRUST] = 0
        self.kept = self.halt()  # x, y, z in counts without the offset, of each sample since the wake
        if slept and self._loaded and machine.wake_reason() in _WAKES and self._deaf():  # type: ignore[attr-defined]
            self.trusted = False
            mem32[_DISTRUST] = 1
            log.event("fault", name, "no answer to the coprocessor in deep sleep; its comparator watches from now on")

    def before(self):
        """Counts without the offset, x, y, z: the mean of what was seen 16 to 4 s before the wake, noise 0.2 uT; None with fewer looks."""
        last = mem32[_ALIVE] & 0xFFFF
        if not self._loaded or last < _LOOKS:
            return None
        sums = [0, 0, 0]
        for look in range(last - _LOOKS + 1, last - _LATE + 1):
            for axis in range(3):
                sums[axis] += _signed(mem32[_PAST + 12 * (look % _LOOKS) + 4 * axis])
        return [total / (_LOOKS - _LATE) for total in sums]

    def _deaf(self):
        """True when the sensor did not answer; or no look at all, of which the shortest sleep has several."""
        return (mem32[_DEAF] & 0xFFFF) >= _TOO_DEAF or not mem32[_ALIVE] & 0xFFFF

    def halt(self):
        """Takes the bus back."""
        if not self._armed:
            return ()
        self._armed = False
        mem32[_TIMER] = mem32[_TIMER] & (_TIMER_ON - 1)
        mem32[_STOP] = 1
        for _ in range(_LONGEST_MS):
            time.sleep_ms(1)
            if not mem32[_BUSY] & 1:
                break
        for pin in self._pins:
            mem32[_PAD + 4 * pin] = mem32[_PAD + 4 * pin] & ~_MUX_SEL
        count = mem32[_KEPT] & 0xFFFF
        return [[_signed(mem32[_SAMPLES + 12 * i + 4 * axis]) for axis in range(3)] for i in range(count)]

    def arm(self, threshold):
        """Watches from here on: an output beyond +-threshold counts on any axis ends deep sleep."""
        if self._armed:
            return
        ulp = esp32.ULP()  # type: ignore[attr-defined]
        if not self._loaded:
            from kerb.drivers import lis2mdl_code as code

            ulp.load_binary(0, code.binary(*self._pins))
            self._loaded = True
        for word in (_BUSY, _MEASURING, _ALIVE, _STOP, _KEPT, _DEAF):
            mem32[word] = 0
        mem32[_THRESHOLD] = threshold
        ulp.set_wakeup_period(0, _PERIOD_US)
        ulp.run(0)
        esp32.wake_on_ulp(True)  # type: ignore[attr-defined]
        self._armed = True


def _signed(word):
    value = word & 0xFFFF
    return value - 0x10000 if value & 0x8000 else value
