"""Sensirion SPS30 particulate matter sensor on a UART (data sheet version 1.0 - D1, March 2020); on I2C take driver sps30.

Bus: UART 115200 8N1, SEL open, 5 V supply, SHDLC frames to address 0. Currents and warm-up as on I2C. Asleep its receiver is
off: any byte wakes it, and the wake-up command must follow within 100 ms.
"""

import time
from struct import unpack_from

from micropython import const

from kerb.drivers.framing import Framer
from kerb.drivers.shdlc import miso, mosi, probe
from kerb.errors import SensorError
from kerb.quality import GOOD, SUSPECT, WARMING

# Commands (section 5.3)
_START = const(0x00)
_STOP = const(0x01)
_READ = const(0x03)
_SLEEP = const(0x10)
_WAKE = const(0x11)
_INFO = const(0xD0)
_VERSION = const(0xD1)
_STATUS = const(0xD2)
_TYPE = b"00080000"

_NOT_ALLOWED = const(0x43)  # state of an answer: not in this mode
_LARGEST = const(140)  # 40 bytes of floats, all of them stuffed, with head and edges: 96; the product type is shorter
_ANSWER_MS = const(100)
_SECOND_MS = const(1100)
_POLL_MS = const(50)
_RANGE_UG = const(1000)
_AT = const(4)  # offset of the data in an answer

_ASLEEP = const(0)
_IDLE = const(1)
_MEASURING = const(2)


class SPS30_UART:
    """PM1, PM2.5, PM4 and PM10 in ug/m3. `version` = (major, minor) of the chip's firmware."""

    WARM_UP_MS = 30000
    QUANTITIES = ("pm1_ug", "pm25_ug", "pm4_ug", "pm10_ug")

    def __init__(self, bus, options):
        self._bus = bus
        self._name = options.get("name", "sps30")
        self._where = options.get("where", "UART")
        self._framer = Framer(probe, _LARGEST)
        self._answer = bytearray(_LARGEST // 2)
        self._result = {"quality": GOOD}
        self._started = 0
        self._warm = False
        self._wake()  # an MCU reset leaves the chip as it was: asleep, or measuring
        length = self._ask(_INFO, b"\x00")
        if bytes(self._answer[_AT : _AT + 8]) != _TYPE or length < 8:
            raise self._error("product type is not that of an SPS30; check the wiring")
        self._ask(_VERSION)
        self.version = (self._answer[_AT], self._answer[_AT + 1])
        self._ask(_STOP, b"", True)  # refused when it was not measuring
        self._state = _IDLE

    def start(self):
        """Wakes the chip and starts fan and laser; does nothing while it measures."""
        if self._state == _MEASURING:
            return
        if self._state == _ASLEEP:
            self._wake()
        self._ask(_START, b"\x01\x03")  # IEEE 754 floats
        self._state = _MEASURING
        self._started = time.ticks_ms()
        self._warm = False

    def measure(self, env):
        """The latest second's mass concentrations. Waits up to 1.1 s when they were read a moment ago."""
        if self._state != _MEASURING:
            raise self._error("is not measuring; call start() first")
        end = time.ticks_add(time.ticks_ms(), _SECOND_MS)
        while not self._ask(_READ):
            if time.ticks_diff(end, time.ticks_ms()) <= 0:
                raise self._error("no new value for more than 1 s; check its 5 V supply")
            time.sleep_ms(_POLL_MS)
        result, quality = self._result, GOOD
        for i in range(4):
            value = unpack_from(">f", self._answer, _AT + 4 * i)[0]
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
            self._ask(_STOP)
            self._state = _IDLE
        if self._state == _IDLE and self.version >= (2, 0):
            self._ask(_SLEEP)
            self._state = _ASLEEP

    def _fan_speed_off(self):
        """Reads the device status register: bit 4 fan stuck, bit 5 laser current, bit 21 fan speed out of range."""
        self._ask(_STATUS, b"\x00")
        bits = self._answer[_AT + 3]
        if bits & 0x30:
            raise self._error("reports a failed %s; replace it" % ("fan" if bits & 0x10 else "laser"))
        return self._answer[_AT + 1] & 0x20

    def _wake(self):
        self._bus.write(b"\xff")
        # The builder stuffs this command's code, 0x11; chips take it with or without.
        self._ask(_WAKE, b"", True)

    def _ask(self, command, data=b"", may_refuse=False):
        """Length of the answer's data, which is in self._answer."""
        framer = self._framer
        framer.drain(self._bus)
        self._bus.write(mosi(0, command, data))
        while True:
            size = framer.wait(self._bus, _ANSWER_MS)
            if not size:
                raise self._error("does not answer command %02x; check 5 V supply, both pins and 115200 baud" % command)
            miso(framer.buf, framer.at, size, self._answer)
            if self._answer[1] == command:
                break
        state = self._answer[2]
        if state & 0x7F and not (may_refuse and state & 0x7F == _NOT_ALLOWED):
            raise self._error("refuses command %02x with state %02x" % (command, state))
        return self._answer[3]

    def _error(self, cause):
        return SensorError(self._name, self._where, cause)
