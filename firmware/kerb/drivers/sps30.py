"""Sensirion SPS30 particulate matter sensor on I2C (data sheet version 1.0 - D1, March 2020).

Bus: I2C 0x69, at most 100 kHz, SEL tied to GND, 5 V supply. Currents: sleep 38 uA, idle 330 uA, measuring 55 mA,
start 80 mA for 200 ms. Warm-up: 8 s above 200 particles/cm3, 16 s above 100, 30 s above 50: the longest counts.
Options: `integers` = True reads whole ug/m3 (firmware 2.0 or newer, half the bytes) instead of 32-bit floats.
The fan is cleaned by the chip itself, once a week of measuring.
"""

import time
from struct import unpack_from

from micropython import const

from kerb.drivers.crc import check_words
from kerb.errors import SensorError
from kerb.quality import GOOD, SUSPECT, WARMING

# Commands (section 6, I2C interface) and the time they may take.
_START = b"\x00\x10\x03\x00\xac"  # big-endian IEEE 754 floats; the last byte is the CRC of the argument
_START_INTEGERS = b"\x00\x10\x05\x00\xf6"  # unsigned 16-bit integers
_STOP = b"\x01\x04"
_DATA_READY = b"\x02\x02"
_READ_VALUES = b"\x03\x00"
_SLEEP = b"\x10\x01"  # from idle only, firmware 2.0 or newer
_WAKE = b"\x11\x03"
_PRODUCT_TYPE = b"\xd0\x02"
_VERSION = b"\xd1\x00"
_STATUS = b"\xd2\x06"  # firmware 2.2 or newer
_MODE_MS = const(20)  # start, stop
_SLEEP_MS = const(5)  # sleep, wake
_TYPE = b"00080000"  # what every SPS30 answers

_CADENCE_MS = const(1000)  # a new value every second
_POLL_MS = const(50)
_RANGE_UG = const(1000)  # specified up to 1,000 ug/m3

_ASLEEP = const(0)
_IDLE = const(1)
_MEASURING = const(2)


def parse_float(buf, out):
    """Fills `out` with the first len(out) of ten values from an answer in float format: 6 bytes each, CRC after every second.

    Order: mass PM1, PM2.5, PM4, PM10 (ug/m3); number PM0.5, PM1, PM2.5, PM4, PM10 (1/cm3); typical size (um).
    """
    raw = bytearray(4)
    for i in range(len(out)):
        at = 6 * i
        raw[0], raw[1], raw[2], raw[3] = buf[at], buf[at + 1], buf[at + 3], buf[at + 4]
        out[i] = unpack_from(">f", raw)[0]


def parse_uint16(buf, out):
    """Fills `out` as parse_float does, from an answer in integer format: 3 bytes each. Typical size: nm on the wire, um here."""
    for i in range(len(out)):
        value = buf[3 * i] << 8 | buf[3 * i + 1]
        out[i] = value / 1000 if i == 9 else value


class SPS30:
    """PM1, PM2.5, PM4 and PM10 in ug/m3. `version` = (major, minor) of the chip's firmware."""

    WARM_UP_MS = 30000
    QUANTITIES = ("pm1_ug", "pm25_ug", "pm4_ug", "pm10_ug")

    def __init__(self, bus, options):
        self._bus = bus
        self._addr = options.get("addr", 0x69)
        self._name = options.get("name", "sps30")
        self._where = options.get("where", "I2C")
        self._integers = options.get("integers", False)
        self._buf = bytearray(24)
        self._view = {n: memoryview(self._buf)[:n] for n in (3, 6, 12, 24)}
        self._values = [0.0] * 4
        self._result = {"quality": GOOD}
        self._started = 0
        self._warm = False
        self._wake()  # an MCU reset leaves the chip as it was: asleep, or measuring
        self._get(_PRODUCT_TYPE, 12)
        for i in range(8):
            if self._buf[i // 2 * 3 + i % 2] != _TYPE[i]:
                raise self._error("product type is not that of an SPS30; check the address")
        self._get(_VERSION, 3)
        self.version = (self._buf[0], self._buf[1])
        if self._integers and self.version < (2, 0):
            raise self._error("firmware %d.%d has no integer format; remove the option 'integers'" % self.version)
        self._try(_STOP)  # refused when it was not measuring
        time.sleep_ms(_MODE_MS)
        self._state = _IDLE

    def start(self):
        """Wakes the chip and starts fan and laser; does nothing while it measures."""
        if self._state == _MEASURING:
            return
        if self._state == _ASLEEP:
            self._wake()
        self._send(_START_INTEGERS if self._integers else _START, _MODE_MS)
        self._state = _MEASURING
        self._started = time.ticks_ms()
        self._warm = False

    def measure(self, env):
        """The latest second's mass concentrations. Waits up to 1.1 s when they were read a moment ago."""
        if self._state != _MEASURING:
            raise self._error("is not measuring; call start() first")
        self._await_data()
        values, result = self._values, self._result
        count = 12 if self._integers else 24
        self._get(_READ_VALUES, count)
        (parse_uint16 if self._integers else parse_float)(self._buf, values)
        quality = GOOD
        for i in range(4):
            result[self.QUANTITIES[i]] = values[i]
            if not 0 <= values[i] <= _RANGE_UG:
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
            self._send(_STOP, _MODE_MS)
            self._state = _IDLE
        if self._state == _IDLE and self.version >= (2, 0):
            self._send(_SLEEP, _SLEEP_MS)
            self._state = _ASLEEP

    def _await_data(self):
        for _ in range(_CADENCE_MS // _POLL_MS + 2):
            self._get(_DATA_READY, 3)
            if self._buf[1] & 1:
                return
            time.sleep_ms(_POLL_MS)
        raise self._error("no new value for more than 1 s; check its 5 V supply")

    def _fan_speed_off(self):
        """Reads the device status register: bit 4 fan stuck, bit 5 laser current, bit 21 fan speed out of range."""
        self._get(_STATUS, 6)
        if self._buf[4] & 0x30:
            raise self._error("reports a failed %s; replace it" % ("fan" if self._buf[4] & 0x10 else "laser"))
        return self._buf[1] & 0x20

    def _wake(self):
        # The first transfer only wakes the bus interface and is not acknowledged; the second, within 100 ms, is the command.
        # A chip that is awake may refuse both.
        self._try(_WAKE)
        self._try(_WAKE)
        time.sleep_ms(_SLEEP_MS)

    def _try(self, command):
        try:
            self._bus.writeto(self._addr, command)
        except OSError:
            pass

    def _send(self, command, wait_ms):
        try:
            self._bus.writeto(self._addr, command)
        except OSError:
            raise self._error("does not acknowledge command %02x%02x; check wiring and supply" % (command[0], command[1]))
        if wait_ms:
            time.sleep_ms(wait_ms)

    def _get(self, command, count):
        self._send(command, 0)
        try:
            self._bus.readfrom_into(self._addr, self._view[count])
        except OSError:
            raise self._error("does not answer command %02x%02x; check wiring and supply" % (command[0], command[1]))
        if not check_words(self._buf, count // 3):
            raise self._error("wrong checksum after command %02x%02x; shorten the cable" % (command[0], command[1]))

    def _error(self, cause):
        return SensorError(self._name, self._where, cause)
