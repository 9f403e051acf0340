"""JSN-SR04T and AJ-SR04M waterproof ultrasonic modules on their UART, 9600 8N1.

Frames as in echo_frame.py; the AJ-SR04M leaves the header out of the sum, so a wrong model shows as missing frames. The mode
is a resistor on the board (R27 of the JSN-SR04T V3): 47 kOhm sends every 100 ms, 120 kOhm after a 0x55. Without a resistor the
module answers with a pulse: driver hc_sr04. Ranges are those of the sellers' sheets; 8 mA at work is not confirmed.
The module counts with a fixed speed of sound (not confirmed: 340 m/s).
"""

from kerb.drivers.echo_frame import Framer
from kerb.drivers.models import choose
from kerb.drivers.ranging import UartRanger
from kerb.errors import ConfigError

# Model, what the header adds to the sum, nearest and farthest mm (the AJ-SR04M's range is not confirmed)
_MODELS = (("jsn_sr04t", 0xFF, 200, 6000), ("aj_sr04m", 0, 200, 8000))
_ASK = b"\x55"
_CYCLE_MS = (200, 150)  # twice the 100 ms of mode 1; in mode 2 the echo of 6 m, a frame and the rest of the polling


class JSN_SR04T(UartRanger):
    """Options: model ("jsn_sr04t" or "aj_sr04m"), mode (1 = it sends by itself, 2 = it waits for 0x55), and Ranger's."""

    WARM_UP_MS = 500

    def __init__(self, bus, options):
        super().__init__("jsn_sr04t", bus, options)
        _, head, self._nearest, self._farthest = choose(self._name, _MODELS, options)
        mode = options.get("mode", 1)
        if mode not in (1, 2):
            raise ConfigError("%s has no UART mode %s; take 1 (47 kOhm) or 2 (120 kOhm)" % (self._name, mode))
        self._framer = Framer(head)
        self._ask = _ASK if mode == 2 else b""
        self._cycle_ms = _CYCLE_MS[mode - 1]
