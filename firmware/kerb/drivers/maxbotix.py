"""MaxBotix HRXL-MaxSonar-WR (MB7389 and its kin) and XL-MaxSonar-WR (MB7092): TTL serial 9600 8N1, or pulse width.

HRXL, data sheet PD11500: R####<CR> in mm every 148 ms, 300..5000; 300 = at 300 or nearer, 5000 (9999 on 10 m models) = no
target; 1 us a mm. It corrects for temperature by itself and greets with a few lines of text. XL (figures not confirmed):
R###<CR> in cm at 10 Hz, 20..765, 765 = no target; 58 us a cm. Currents 3.1 mA average (HRXL, 5 V; not confirmed).
"""

from micropython import const

from kerb.drivers.models import choose
from kerb.drivers.pulse_ranging import PulseRanger
from kerb.drivers.ranging import UartRanger

# Model, digits, mm a digit, nearest mm, mm from which there is no target, pulse us for this many mm, cycle ms
_MODELS = (("mb7389", 4, 1, 300, 5000, 1, 1, 148), ("mb7383", 4, 1, 300, 9999, 1, 1, 166), ("mb7092", 3, 10, 200, 7650, 58, 10, 100))
_SLACK_MS = const(150)  # one cycle more: the first may have begun before anybody listened


def pulse_to_mm(pulse_us, us, mm):
    """Distance for a pulse when `us` microseconds mean `mm` millimetres; rounded."""
    return (pulse_us * mm + us // 2) // us


class Framer:
    """Finds R, `digits` digits, CR in a stream; any other byte starts the search anew."""

    def __init__(self, digits):
        self._digits = digits
        self.reset()

    def reset(self):
        self._count = -1  # digits since the R; -1: no R yet
        self._value = 0

    def push(self, byte):
        """Takes the next byte; returns the number when it completes a line, else -1."""
        count = self._count
        if byte == 0x52:  # R
            self._count = self._value = 0
        elif 0 <= count < self._digits and 0x30 <= byte <= 0x39:
            self._value = self._value * 10 + byte - 0x30
            self._count = count + 1
        else:
            self._count = -1
            if count == self._digits and byte == 0x0D:
                return self._value
        return -1


class _Scaled(Framer):
    """A framer whose numbers are in mm."""

    def __init__(self, digits, mm):
        super().__init__(digits)
        self._mm = mm

    def push(self, byte):
        number = super().push(byte)
        return number if number < 0 else number * self._mm


class _Serial(UartRanger):
    def __init__(self, bus, options):
        super().__init__("maxbotix", bus, options)
        _, digits, mm, self._nearest, self._farthest, _, _, cycle_ms = choose(self._name, _MODELS, options)
        self._farthest -= 1
        self._framer = _Scaled(digits, mm)
        self._cycle_ms = cycle_ms + _SLACK_MS


class _Pulse(PulseRanger):
    def __init__(self, options):
        from machine import Pin

        super().__init__("maxbotix", options, Pin(options["pulse_pin"], Pin.IN))
        _, _, _, self._nearest, self._none, self._us, self._per_mm, cycle_ms = choose(self._name, _MODELS, options)
        self._first_us = (cycle_ms + _SLACK_MS) * 1000
        self._longest_us = 2 * self._none * self._us // self._per_mm
        self._gap_ms = 0

    def _mm(self, pulse_us):
        mm = pulse_to_mm(pulse_us, self._us, self._per_mm)
        return mm if self._nearest <= mm < self._none else None


class MAXBOTIX:
    """Options: model ("mb7389", "mb7383" = 10 m, "mb7092"), pulse_pin (without a bus), and Ranger's."""

    WARM_UP_MS = 500
    QUANTITIES = UartRanger.QUANTITIES

    def __init__(self, bus, options):
        self._way = _Serial(bus, options) if bus else _Pulse(options)
        self.start, self.measure, self.set, self.sleep = self._way.start, self._way.measure, self._way.set, self._way.sleep
