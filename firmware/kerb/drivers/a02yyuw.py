"""A02YYUW ultrasonic distance sensor (DFRobot SEN0311, DYP-A02) and its successor SEN0754, on a UART at 9600 8N1.

Frames as in echo_frame.py every 100 ms; range 30..4500 mm, about 8 mA while powered, so the driver switches its supply.
Anything outside the range, the codes FFFD (no target) and FFFE (interference) of the SEN0754 included, is "no echo". The
sensor has no identity to check: a missing one shows as missing frames.
"""

from micropython import const

from kerb.drivers.echo_frame import Framer
from kerb.drivers.ranging import UartRanger

_MIN_MM = const(30)
_MAX_MM = const(4500)
_CYCLE_MS = const(300)  # slowest cycle with the filter on (RX of the sensor high or open), DFRobot wiki SEN0311


def in_range(mm):
    """True when the distance is one the sensor can see."""
    return _MIN_MM <= mm <= _MAX_MM


class A02YYUW(UartRanger):
    """Options as Ranger's."""

    # Not in the data sheet: DYP states 100..500 ms for the first filtered value after a change, power-up taken as one.
    WARM_UP_MS = 500

    def __init__(self, bus, options):
        super().__init__("a02yyuw", bus, options)
        self._framer = Framer()
        self._nearest, self._farthest, self._cycle_ms = _MIN_MM, _MAX_MM, _CYCLE_MS
