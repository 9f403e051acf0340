"""Sensirion SPS30 particulate matter sensor on a UART (data sheet version 1.0 - D1, March 2020); on I2C take driver sps30.

Bus: UART 115200 8N1, SEL open, 5 V supply, SHDLC frames to address 0. Currents and warm-up as on I2C. Asleep its receiver is
off: any byte wakes it, and the wake-up command must follow within 100 ms.
"""

from struct import unpack_from

from micropython import const

from kerb.drivers.framing import Framer
from kerb.drivers.shdlc import miso, mosi, probe
from kerb.drivers.sps30_core import TYPE, Sps30

# Commands (section 5.3)
_START = const(0x00)
_STOP = const(0x01)
_READ = const(0x03)
_SLEEP = const(0x10)
_WAKE = const(0x11)
_INFO = const(0xD0)
_VERSION = const(0xD1)
_STATUS = const(0xD2)

_NOT_ALLOWED = const(0x43)  # state of an answer: not in this mode
_LARGEST = const(140)  # 40 bytes of floats, all of them stuffed, with head and edges: 96; the product type is shorter
_ANSWER_MS = const(100)
_AT = const(4)  # offset of the data in an answer


class SPS30_UART(Sps30):
    def __init__(self, bus, options):
        super().__init__(bus, "UART", options)
        self._framer = Framer(probe, _LARGEST)
        self._answer = bytearray(_LARGEST // 2)
        self._wake()  # an MCU reset leaves the chip as it was: asleep, or measuring
        length = self._ask(_INFO, b"\x00")
        if bytes(self._answer[_AT : _AT + 8]) != TYPE or length < 8:
            raise self._error("product type is not that of an SPS30; check the wiring")
        self._ask(_VERSION)
        self.version = (self._answer[_AT], self._answer[_AT + 1])
        self._ask(_STOP, b"", True)  # refused when it was not measuring

    def _begin(self):
        self._ask(_START, b"\x01\x03")  # IEEE 754 floats

    def _fetch(self, out):
        if not self._ask(_READ):
            return False
        for i in range(4):
            out[i] = unpack_from(">f", self._answer, _AT + 4 * i)[0]
        return True

    def _end(self):
        self._ask(_STOP)

    def _doze(self):
        self._ask(_SLEEP)

    def _status(self):
        self._ask(_STATUS, b"\x00")
        return self._answer[_AT + 1], self._answer[_AT + 3]

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
