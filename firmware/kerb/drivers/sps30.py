"""Sensirion SPS30 particulate matter sensor on I2C (data sheet version 1.0 - D1, March 2020).

Bus: I2C 0x69, at most 100 kHz, SEL tied to GND, 5 V supply. Currents and warm-up: sps30_core.py.
Options: `integers` = True reads whole ug/m3 (firmware 2.0 or newer, half the bytes) instead of 32-bit floats.
"""

import time
from struct import unpack_from

from micropython import const

from kerb.drivers.crc import check_words
from kerb.drivers.sps30_core import TYPE, Sps30

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


class SPS30(Sps30):
    def __init__(self, bus, options):
        super().__init__(bus, "I2C", options)
        self._addr = options.get("addr", 0x69)
        self._integers = options.get("integers", False)
        self._buf = bytearray(24)
        self._view = {n: memoryview(self._buf)[:n] for n in (3, 6, 12, 24)}
        self._wake()  # an MCU reset leaves the chip as it was: asleep, or measuring
        self._get(_PRODUCT_TYPE, 12)
        for i in range(8):
            if self._buf[i // 2 * 3 + i % 2] != TYPE[i]:
                raise self._error("product type is not that of an SPS30; check the address")
        self._get(_VERSION, 3)
        self.version = (self._buf[0], self._buf[1])
        if self._integers and self.version < (2, 0):
            raise self._error("firmware %d.%d has no integer format; remove the option 'integers'" % self.version)
        self._try(_STOP)  # refused when it was not measuring
        time.sleep_ms(_MODE_MS)

    def _begin(self):
        self._send(_START_INTEGERS if self._integers else _START, _MODE_MS)

    def _fetch(self, out):
        self._get(_DATA_READY, 3)
        if not self._buf[1] & 1:
            return False
        self._get(_READ_VALUES, 12 if self._integers else 24)
        (parse_uint16 if self._integers else parse_float)(self._buf, out)
        return True

    def _end(self):
        self._send(_STOP, _MODE_MS)

    def _doze(self):
        self._send(_SLEEP, _SLEEP_MS)

    def _status(self):
        self._get(_STATUS, 6)
        return self._buf[1], self._buf[4]

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
