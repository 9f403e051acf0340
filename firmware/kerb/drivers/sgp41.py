"""Sensirion SGP41 VOC and NOx sensor (data sheet version 1.0, December 2021), I2C.

Bus: I2C 0x59, up to 400 kHz. Currents: 3.0 mA measuring at 3.3 V, 34 uA idle. An SGP40 answers at the same address to the
same serial number command; it is told apart by refusing to condition.

The NOx pixel is conditioned for at most 10 s after the heater was switched on; more damages it (sgp41_execute_conditioning).
Nothing ends conditioning but the next command: call measure() WARM_UP_MS after start(), then regularly. If the node is held up
(a network search takes 20 s), a timer ends conditioning in its place.
Options: `period_ms` (10000) = longest time between two calls of measure(); `self_test` (False) = test both pixels first, 320 ms;
`timer` (0) = hardware timer to use where the port has no virtual ones (ESP32 before MicroPython 1.29).
"""

import time

from micropython import const

from kerb.drivers.crc import check_words
from kerb.drivers.sgp4x import fill_command
from kerb.errors import SensorError
from kerb.quality import GOOD, SUSPECT, WARMING

# Commands and the time until their answer may be read.
_CONDITION = const(0x2612)
_MEASURE_RAW = const(0x2619)
_SELF_TEST = const(0x280E)
_HEATER_OFF = b"\x36\x15"
_SERIAL_NUMBER = b"\x36\x82"
_MEASURE_MS = const(50)
_SELF_TEST_MS = const(320)
_COMMAND_MS = const(1)

_CONDITION_MAX_MS = const(10000)
_GUARD_MS = const(9900)
_LATE_MS = const(500)  # how late a caller may be
_CONDITION_MIN_MS = const(8000)  # below this the NOx signal of the first sample is thrown away


def _timer(number):
    from machine import Timer

    try:
        return Timer(-1)
    except ValueError:
        return Timer(number)


class SGP41:
    """Raw signals in ticks, proportional to the logarithm of the pixels' resistance. `serial` = six bytes."""

    WARM_UP_MS = 9500  # of the 10 s allowed, half a second is left for a late caller
    QUANTITIES = ("sraw_voc", "sraw_nox")

    def __init__(self, bus, options):
        self._bus = bus
        self._addr = options.get("addr", 0x59)
        self._name = options.get("name", "sgp41")
        self._where = options.get("where", "I2C")
        self._period_ms = options.get("period_ms", 10000)
        self._command = bytearray(8)
        self._uncompensated = bytearray(8)
        fill_command(self._uncompensated, _MEASURE_RAW, 50, 25)
        self._buf = bytearray(9)
        self._view = {n: memoryview(self._buf)[:n] for n in (3, 6, 9)}
        self._result = {"sraw_voc": 0, "sraw_nox": None, "quality": WARMING}
        self._heated = False
        self._conditioning = False
        self._since = 0
        self._timer = _timer(options.get("timer", 0))
        # An MCU reset may have left the chip conditioning: the heater goes off before anything else.
        self._write(_HEATER_OFF, _COMMAND_MS)
        self._write(_SERIAL_NUMBER, _COMMAND_MS)
        self._read(9)
        self.serial = bytes((self._buf[0], self._buf[1], self._buf[3], self._buf[4], self._buf[6], self._buf[7]))
        if options.get("self_test", False):
            self._test()

    def start(self):
        """Switches the heater on and begins conditioning (50 ms, until the next command is taken); does nothing while it is on."""
        if self._heated:
            return
        fill_command(self._command, _CONDITION, 50, 25)  # conditioning runs without compensation
        self._since = time.ticks_ms()
        self._write(self._command, _MEASURE_MS, "does not condition as an SGP41 does; an SGP40 cannot measure NOx")
        self._heated = self._conditioning = True
        self._timer.init(mode=self._timer.ONE_SHOT, period=_GUARD_MS, callback=self._end_conditioning)

    def measure(self, env):
        """Both signals, compensated with env's rh_pct and temp_c (else 50 %, 25 C: no compensation). Takes 50 ms.

        While conditioning goes on sraw_nox is None and quality WARMING. It goes on only if the next call can still end it in time.
        """
        result = self._result
        if not self._heated:
            raise self._error("is not heated; call start() first")
        conditioned = time.ticks_diff(time.ticks_ms(), self._since) if self._conditioning else _CONDITION_MAX_MS
        if conditioned + self._period_ms + _LATE_MS < _CONDITION_MAX_MS:
            fill_command(self._command, _CONDITION, 50, 25)
            self._write(self._command, _MEASURE_MS)
            self._read(3)
            result["sraw_voc"] = self._buf[0] << 8 | self._buf[1]
            result["sraw_nox"] = None
            result["quality"] = WARMING
            return result
        rh, t = env.get("rh_pct"), env.get("temp_c")
        if rh is None or t is None:
            rh, t = 50, 25
        fill_command(self._command, _MEASURE_RAW, rh, t)
        self._write(self._command, _MEASURE_MS)
        self._stop_guard()
        self._read(6)
        voc, nox = self._buf[0] << 8 | self._buf[1], self._buf[3] << 8 | self._buf[4]
        result["sraw_voc"] = voc
        result["sraw_nox"] = nox
        result["quality"] = SUSPECT if voc in (0, 65535) or nox in (0, 65535) or conditioned > _CONDITION_MAX_MS else GOOD
        if conditioned < _CONDITION_MIN_MS:
            result["sraw_nox"] = None
            result["quality"] = WARMING
        return result

    def sleep(self):
        """Heater off, idle (34 uA). The next start() conditions again."""
        self._write(_HEATER_OFF, _COMMAND_MS)
        self._heated = False
        self._stop_guard()

    def _end_conditioning(self, timer):
        """The timer's callback (scheduled, not in interrupt context): one raw measurement that nobody reads."""
        if self._conditioning:
            try:
                self._bus.writeto(self._addr, self._uncompensated)
            except OSError:
                return  # still conditioning: the next measure() ends it and calls its values suspect
            self._conditioning = False
            time.sleep_ms(_MEASURE_MS)

    def _stop_guard(self):
        if self._conditioning:
            self._conditioning = False
            self._timer.deinit()

    def _test(self):
        """Built-in self-test: the lowest bits of the answer name the failed pixel, 1 VOC, 2 NOx."""
        self._command[0], self._command[1] = _SELF_TEST >> 8, _SELF_TEST & 0xFF
        self._write(memoryview(self._command)[:2], _SELF_TEST_MS)
        self._read(3)
        failed = self._buf[1] & 3
        if failed:
            raise self._error("self-test failed for %s; replace it" % ("VOC", "NOx", "VOC and NOx")[failed - 1])

    def _write(self, data, wait_ms, cause="does not acknowledge; check wiring and supply"):
        try:
            self._bus.writeto(self._addr, data)
        except OSError:
            raise self._error(cause)
        if wait_ms:
            time.sleep_ms(wait_ms)

    def _read(self, count):
        try:
            self._bus.readfrom_into(self._addr, self._view[count])
        except OSError:
            raise self._error("does not answer; check wiring and supply")
        if not check_words(self._buf, count // 3):
            raise self._error("wrong checksum; shorten the cable")

    def _error(self, cause):
        return SensorError(self._name, self._where, cause)
