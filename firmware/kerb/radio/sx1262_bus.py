"""Commands and registers of an SX126x over SPI: chip select, BUSY, byte order (DS.SX1261-2.W.APP Rev 2.1, chapters 8.3, 10, 13.2)."""

import time
from struct import pack

from micropython import const

from kerb.errors import RadioError

_WRITE_REGISTER = const(0x0D)
_READ_REGISTER = const(0x1D)
_GET_STATUS = const(0xC0)

_BUSY_MS = const(100)  # a full calibration takes 3.5 ms, a TCXO start at most some 10 ms


class Bus:
    """`spi`: machine.SPI; `cs`, `busy`: machine.Pin. Raises RadioError, naming the command, when BUSY stays high."""

    def __init__(self, spi, cs, busy):
        self._spi = spi
        self._cs = cs
        self._busy = busy
        self._opcode = bytearray(1)
        cs.value(1)

    def _select(self, command):
        self._wait(command)
        self._cs.value(0)
        self._opcode[0] = command
        self._spi.write(self._opcode)

    def _wait(self, command):
        start = time.ticks_ms()
        while self._busy.value():
            if time.ticks_diff(time.ticks_ms(), start) > _BUSY_MS:
                self._cs.value(1)
                raise RadioError("sx1262 stayed busy before command 0x%02x: check the busy and reset pins of the board file" % command)

    def command(self, command, arguments=b""):
        """Sends a command."""
        self._select(command)
        if arguments:
            self._spi.write(arguments)
        self._cs.value(1)

    def query(self, command, size, arguments=b"\0"):
        """`size` bytes of answer; `arguments` are what goes out before, the status byte included."""
        self._select(command)
        self._spi.write(arguments)
        answer = self._spi.read(size)
        self._cs.value(1)
        return answer

    def write(self, register, data):
        """Writes consecutive registers."""
        self.command(_WRITE_REGISTER, pack(">H", register) + data)

    def read(self, register, size):
        """Reads consecutive registers."""
        return self.query(_READ_REGISTER, size, pack(">HB", register, 0))

    def change_bits(self, register, clear, put):
        """Clears and sets bits of one register."""
        self.write(register, bytes((self.read(register, 1)[0] & ~clear & 255 | put,)))

    def wake(self):
        """Ends sleep: the falling edge of chip select does it. BUSY may drop early after a warm start, so a status read follows
        and the next command polls BUSY again."""
        self._cs.value(0)
        self._wait(_GET_STATUS)
        self._opcode[0] = _GET_STATUS
        self._spi.write(self._opcode)
        self._spi.write(b"\0")
        self._cs.value(1)
