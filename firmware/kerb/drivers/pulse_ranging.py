"""Ultrasonic sensors whose answer is the length of a pulse."""

import time

from kerb.drivers.ranging import Ranger


class PulseRanger(Ranger):
    """A sensor whose answer is the length of a pulse. A subclass sets `_pin`, `_first_us` (longest wait for the pulse),
    `_longest_us` and `_gap_ms` (rest before the next ping), and has `_mm(pulse_us)`, None for no echo; `_ping()` triggers."""

    _first_us = _longest_us = _gap_ms = 0

    def __init__(self, chip, options, pin):
        super().__init__(chip, options)
        self._pin = pin

    def _mm(self, pulse_us):
        raise NotImplementedError

    def _ping(self):
        """Nothing to do: it ranges by itself."""

    def _listen(self, echoes):
        from machine import time_pulse_us

        answers = 0
        for i in range(self._burst):
            if i:
                time.sleep_ms(self._gap_ms)
            if self._pin.value():
                # Free-running sensors may be in the middle of a pulse, whose rest says nothing.
                time_pulse_us(self._pin, 1, self._longest_us)
            if self._pin.value():
                continue
            self._ping()
            pulse = time_pulse_us(self._pin, 1, self._first_us + self._longest_us)
            if pulse == -2:
                continue
            answers += 1
            if pulse > 0:
                echoes[i] = self._mm(pulse)
        return answers

    def _silence(self):
        if self._pin.value():
            return "the echo pin stays high; switch its supply off and on, and check the wiring"
        return "no pulse within %d ms of a ping; check supply, wiring and level shifter" % ((self._first_us + self._longest_us) // 1000)
