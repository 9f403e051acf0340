"""HC-SR04 and, with their mode resistor open, JSN-SR04T and AJ-SR04M: a trigger pin and an echo pulse as long as the flight.

The echo output is at the module's supply: 5 V needs a divider. Distances are for 340 m/s, as in the sellers' sheets; the
application corrects them for temperature (sensor_m_s = 340). Figures are from those sheets, of which there are many: not
confirmed. No identity to check: a missing module shows as missing pulses.
"""

import time

from micropython import const

from kerb.drivers.models import choose
from kerb.drivers.pins import pin_of
from kerb.drivers.pulse_ranging import PulseRanger

# Model, nearest and farthest mm, us from which a pulse means no echo
_MODELS = (("hc_sr04", 20, 4000, 36000), ("jsn_sr04t", 200, 6000, 58000), ("aj_sr04m", 200, 8000, 58000))
_TRIGGER_US = const(20)  # 10 us do for the HC-SR04, some JSN-SR04T boards need 20
_FIRST_US = const(5000)  # trigger to echo high; 0.5 ms is usual
_GAP_MS = const(60)  # the last ping's reverberation, HC-SR04 sheet
_LONGEST_US = const(200000)  # clones without a time-out of their own hold the pin up for as long


def to_mm(echo_us):
    """Distance for an echo of that length at 340 m/s."""
    return (echo_us * 17 + 50) // 100


class HC_SR04(PulseRanger):
    """Options: trig_pin, echo_pin, model ("hc_sr04", "jsn_sr04t" or "aj_sr04m"), and Ranger's."""

    WARM_UP_MS = 100

    def __init__(self, bus, options):
        from machine import Pin

        name = options.get("name", "hc_sr04")
        super().__init__("hc_sr04", options, Pin(pin_of(name, options, "echo_pin"), Pin.IN))
        _, self._nearest, self._farthest, self._lost_us = choose(self._name, _MODELS, options)
        self._trig = Pin(pin_of(name, options, "trig_pin"), Pin.OUT, value=0)
        self._first_us, self._longest_us, self._gap_ms = _FIRST_US, _LONGEST_US, _GAP_MS

    def _ping(self):
        self._trig.value(1)
        time.sleep_us(_TRIGGER_US)
        self._trig.value(0)

    def _mm(self, pulse_us):
        mm = to_mm(pulse_us)
        return mm if pulse_us < self._lost_us and self._nearest <= mm <= self._farthest else None
