"""Sensirion SEN50, SEN54 and SEN55 environmental nodes (data sheet version 2, March 2022), I2C.

Bus: I2C 0x69, at most 100 kHz, SEL to GND, 5 V supply. Currents, not confirmed: 63 mA measuring (70 mA in its first minute), 2.6 mA
idle. Particles need 8 to 30 s from the start of the fan as in an SPS30; its gas indices are made by the chip itself, every second,
and only after an hour of learning that a stop ends: a node that wants them leaves it on (`stay`). What a model cannot measure is None.
"""

import time

from micropython import const

from kerb.drivers.sensirion import Words
from kerb.quality import GOOD, SUSPECT, WARMING

# Commands (section 6) and the time until their answer may be read
_START = const(0x0021)
_STOP = const(0x0104)
_READY = const(0x0202)
_READ = const(0x03C4)
_NAME = const(0xD014)
_STATUS = const(0xD206)
_START_MS, _STOP_MS, _WAIT_MS = const(50), const(200), const(20)
_NAME_WORDS = const(16)

_CADENCE_MS = const(1000)
_POLL_MS = const(50)
_RANGE_UG = const(1000)
_COLDEST_C, _HOTTEST_C = const(-40), const(85)  # beyond, its humidity sensor is not to be believed
_SCALES = (10, 10, 10, 10, 100, 200, 10, 10)
_NOT_THERE = const(0x7FFF)
_FAILED = ((0x10, "fan"), (0x20, "laser"), (0x80, "gas sensor"), (0x40, "humidity sensor"))  # bits of the status register


def value(word, i):
    """The i-th of eight words (PM1, PM2.5, PM4, PM10 ug/m3; %RH; C; VOC, NOx index), or None = not available."""
    if i < 4:
        return None if word == 0xFFFF else word / _SCALES[i]
    if word == _NOT_THERE:
        return None
    return (word - 65536 if word & 0x8000 else word) / _SCALES[i]


class SEN5X:
    """`model` is "SEN50", "SEN54" or "SEN55"."""

    WARM_UP_MS = 30000
    QUANTITIES = ("pm1_ug", "pm25_ug", "pm4_ug", "pm10_ug", "rh_pct", "temp_c", "voc_index", "nox_index")

    def __init__(self, bus, options):
        self._chip = chip = Words(bus, options.get("addr", 0x69), options, "sen5x", _NAME_WORDS)
        self._result = {"quality": GOOD}
        self._started = 0
        self._running = self._warm = False
        chip.attempt(_STOP, _STOP_MS)  # an MCU reset leaves the chip measuring
        chip.get(_NAME, _NAME_WORDS, _WAIT_MS)
        self.model = "".join([chr(chip.buf[i // 2 * 3 + i % 2]) for i in range(5)])
        if self.model not in ("SEN50", "SEN54", "SEN55"):
            raise chip.error("is no SEN50, SEN54 or SEN55; check the part")

    def start(self):
        """Starts fan and laser; does nothing while it measures."""
        if not self._running:
            self._chip.send(_START, _START_MS)
            self._running = True
            self._started = time.ticks_ms()
            self._warm = False

    def measure(self, env):
        """The latest second's values. Waits up to 1.1 s when they were read a moment ago."""
        chip, result = self._chip, self._result
        if not self._running:
            raise chip.error("is not measuring; call start() first")
        for _ in range(_CADENCE_MS // _POLL_MS + 2):
            chip.get(_READY, 1, _WAIT_MS)
            if chip.word(0) & 1:
                break
            time.sleep_ms(_POLL_MS)
        else:
            raise chip.error("no new value for more than 1 s; check its 5 V supply")
        chip.get(_READ, 8, _WAIT_MS)
        quality = GOOD
        for i, key in enumerate(self.QUANTITIES):
            number = value(chip.word(i), i)
            result[key] = number
            if i < 4 and (number is None or number > _RANGE_UG):
                quality = SUSPECT
        temp = result["temp_c"]
        if temp is not None and not _COLDEST_C <= temp <= _HOTTEST_C:
            quality = SUSPECT
        chip.get(_STATUS, 2, _WAIT_MS)
        low = chip.word(1)
        for bit, what in _FAILED:
            if low & bit:
                raise chip.error("reports a failed %s; replace it" % what)
        if chip.word(0) & 0x20:  # fan speed out of range
            quality = SUSPECT
        if not self._warm:
            self._warm = time.ticks_diff(time.ticks_ms(), self._started) >= self.WARM_UP_MS
        result["quality"] = quality if self._warm else WARMING
        return result

    def sleep(self):
        """Idle (2.6 mA): the lowest it has."""
        if self._running:
            self._chip.send(_STOP, _STOP_MS)
            self._running = False
