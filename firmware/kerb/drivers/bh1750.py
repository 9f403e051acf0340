"""ROHM BH1750FVI ambient light sensor (data sheet rev. E, 2014).

Bus: I2C 0x23 (ADDR low) or 0x5C, to 400 kHz. Current: 120 uA measuring, 0.01 uA powered down (typical). It has no identity
register: any chip that answers at its address is taken for it. Options: `addr`; `window` (1.0), light before the
cover over light behind it.
"""

import time

from micropython import const

from kerb.errors import SensorError
from kerb.quality import GOOD, SUSPECT

_POWER_DOWN = b"\x00"
_POWER_ON = b"\x01"
_ONCE_HIGH = b"\x20"  # 1 lux a count, 0.83 in fact; powers down afterwards
_COUNTS_A_LUX = 1.2
_LONGEST_MS = const(180)
_FULL = const(65535)


class BH1750:
    """Illuminance in lux. At 54,600 lx the chip is at its end: the value is then a lower bound, SUSPECT."""

    WARM_UP_MS = _LONGEST_MS
    QUANTITIES = ("lux",)

    def __init__(self, bus, options):
        self._bus = bus
        self._address = options.get("addr", 0x23)
        self._name = options.get("name", "bh1750")
        self._where = options.get("where", "I2C")
        self._window = options.get("window", 1.0)
        self._raw = bytearray(2)
        self._result = {"lux": None, "quality": GOOD}
        self._started = None
        self._write(_POWER_ON)
        self._write(_POWER_DOWN)

    def start(self):
        """Begins one measurement of high resolution."""
        self._write(_POWER_ON)
        self._write(_ONCE_HIGH)
        self._started = time.ticks_ms()

    def measure(self, env):
        """The measurement that start() began."""
        if self._started is None:
            raise SensorError(self._name, self._where, "measured before it was started")
        try:
            self._bus.readfrom_into(self._address, self._raw)
        except OSError as error:
            raise self._silent(error)
        self._started = None
        count = self._raw[0] << 8 | self._raw[1]
        self._result["lux"] = count / _COUNTS_A_LUX * self._window
        self._result["quality"] = SUSPECT if count == _FULL else GOOD
        return self._result

    def sleep(self):
        self._write(_POWER_DOWN)

    def _write(self, command):
        try:
            self._bus.writeto(self._address, command)
        except OSError as error:
            raise self._silent(error)

    def _silent(self, error):
        return SensorError(self._name, self._where, "no answer at 0x%02X (%s); check wiring and ADDR" % (self._address, error))
