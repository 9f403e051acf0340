"""Sensirion SPS30 particulate matter sensor: what its life is, whichever bus it hangs on (data sheet version 1.0 - D1, March 2020).

Currents: sleep 38 uA, idle 330 uA, measuring 55 mA, start 80 mA for 200 ms. Warm-up: 8 s above 200 particles/cm3, 16 s above 100, 30 s
above 50: the longest counts. The fan is cleaned by the chip itself, once a week of measuring.
"""

import time

from micropython import const

from kerb.errors import SensorError
from kerb.quality import GOOD, SUSPECT, WARMING

TYPE = b"00080000"  # what every SPS30 answers
_RANGE_UG = const(1000)  # specified up to 1,000 ug/m3
_CADENCE_MS = const(1100)  # a new value every second
_POLL_MS = const(50)

_ASLEEP = const(0)
_IDLE = const(1)
_MEASURING = const(2)


class Sps30:
    """PM1, PM2.5, PM4 and PM10 in ug/m3. `version` = (major, minor) of the chip's firmware.

    A bus has _begin(), _end(), _doze() and _wake(), the commands; _fetch(out), False while there is no new value; and _status(), bytes 2
    and 0 of the device status register.
    """

    WARM_UP_MS = 30000
    QUANTITIES = ("pm1_ug", "pm25_ug", "pm4_ug", "pm10_ug")

    def __init__(self, bus, where, options):
        self._bus = bus
        self._name = options.get("name", "sps30")
        self._where = options.get("where", where)
        self._values = [0.0] * 4
        self._result = {"quality": GOOD}
        self._started = 0
        self._warm = False
        self._state = _IDLE
        self.version = (0, 0)

    def start(self):
        """Wakes the chip and starts fan and laser; does nothing while it measures."""
        if self._state == _MEASURING:
            return
        if self._state == _ASLEEP:
            self._wake()
        self._begin()
        self._state = _MEASURING
        self._started = time.ticks_ms()
        self._warm = False

    def measure(self, env):
        """The latest second's mass concentrations. Waits up to 1.1 s when they were read a moment ago."""
        if self._state != _MEASURING:
            raise self._error("is not measuring; call start() first")
        end = time.ticks_add(time.ticks_ms(), _CADENCE_MS)
        while not self._fetch(self._values):
            if time.ticks_diff(end, time.ticks_ms()) <= 0:
                raise self._error("no new value for more than 1 s; check its 5 V supply")
            time.sleep_ms(_POLL_MS)
        result, quality = self._result, GOOD
        for i in range(4):
            value = self._values[i]
            result[self.QUANTITIES[i]] = value
            if not 0 <= value <= _RANGE_UG:
                quality = SUSPECT
        if self.version >= (2, 2) and self._fan_speed_off():
            quality = SUSPECT
        # The tick difference overflows after 6.2 days of measuring, so being warm is remembered.
        if not self._warm:
            self._warm = time.ticks_diff(time.ticks_ms(), self._started) >= self.WARM_UP_MS
        result["quality"] = quality if self._warm else WARMING
        return result

    def sleep(self):
        """Stops fan and laser, then sleeps (38 uA); before firmware 2.0 idle (330 uA) is the lowest there is."""
        if self._state == _MEASURING:
            self._end()
            self._state = _IDLE
        if self._state == _IDLE and self.version >= (2, 0):
            self._doze()
            self._state = _ASLEEP

    def _begin(self):
        raise NotImplementedError

    def _end(self):
        raise NotImplementedError

    def _doze(self):
        raise NotImplementedError

    def _wake(self):
        raise NotImplementedError

    def _fetch(self, out):
        raise NotImplementedError

    def _status(self):
        raise NotImplementedError

    def _fan_speed_off(self):
        """Device status register: bit 4 fan stuck, bit 5 laser current, bit 21 fan speed out of range."""
        high, low = self._status()
        if low & 0x30:
            raise self._error("reports a failed %s; replace it" % ("fan" if low & 0x10 else "laser"))
        return high & 0x20

    def _error(self, cause):
        return SensorError(self._name, self._where, cause)
