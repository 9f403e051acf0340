"""Sensirion SCD30 CO2 sensor (interface description version 1.0, May 2020), I2C.

Bus: I2C 0x61, at most 50 kHz (freq = 50000), clock stretching up to 150 ms. Current: 19 mA on average at one value every 2 s,
75 mA while its lamp is on (not confirmed). The answer is read 3 ms after the command.
"""

import time
from struct import unpack_from

from micropython import const

from kerb.drivers.sensirion import Words
from kerb.quality import GOOD, SUSPECT

# Commands (section 1.4)
_START = const(0x0010)  # argument: ambient pressure in mbar, 0 = 1013.25
_STOP = const(0x0104)
_INTERVAL = const(0x4600)
_READY = const(0x0202)
_READ = const(0x0300)
_VERSION = const(0xD100)
_WAIT_MS = const(4)

_INTERVAL_S = const(2)
_POLL_MS = const(100)
_HIGHEST_PPM = const(10000)


def parse(buf):
    """(ppm, C, %RH) of six words with their CRCs (checked before): big-endian floats. 0 ppm = nothing measured yet."""
    raw = bytearray(12)
    for i in range(6):
        raw[2 * i], raw[2 * i + 1] = buf[3 * i], buf[3 * i + 1]
    return unpack_from(">fff", raw)


class SCD30:
    """`version` = (major, minor) of the chip's firmware."""

    WARM_UP_MS = 4500
    QUANTITIES = ("co2_ppm", "temp_c", "rh_pct")

    def __init__(self, bus, options):
        self._chip = chip = Words(bus, options.get("addr", 0x61), options, "scd30", 6)
        self._result = {"co2_ppm": 0.0, "temp_c": 0.0, "rh_pct": 0.0, "quality": GOOD}
        self._running = False
        chip.get(_VERSION, 1, _WAIT_MS)
        self.version = (chip.buf[0], chip.buf[1])
        chip.send(_INTERVAL, _WAIT_MS, _INTERVAL_S)

    def start(self):
        """Starts measuring every 2 s; does nothing while it measures."""
        if not self._running:
            self._chip.send(_START, _WAIT_MS, 0)
            self._running = True

    def measure(self, env):
        """The latest value; waits up to 2 s for a new one."""
        chip, result = self._chip, self._result
        if not self._running:
            raise chip.error("is not measuring; call start() first")
        for _ in range(2 * _INTERVAL_S * 1000 // _POLL_MS):
            chip.get(_READY, 1, _WAIT_MS)
            if chip.word(0) == 1:
                chip.get(_READ, 6, _WAIT_MS)
                ppm, temp, rh = parse(chip.buf)
                if ppm > 0:  # the first value after a start may be 0
                    break
            time.sleep_ms(_POLL_MS)
        else:
            raise chip.error("no new value for more than 2 s; check its supply, which must carry peaks of 75 mA")
        result["co2_ppm"], result["temp_c"], result["rh_pct"] = ppm, temp, rh
        result["quality"] = GOOD if 350 <= ppm <= _HIGHEST_PPM and -40 <= temp <= 70 and 0 <= rh <= 100 else SUSPECT
        return result

    def sleep(self):
        """Stops measuring."""
        if self._running:
            self._chip.send(_STOP, _WAIT_MS)
            self._running = False
