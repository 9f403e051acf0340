"""Modbus RTU master on RS485.

MODBUS over Serial Line V1.02 (frames, CRC, 3.5 characters of silence) and MODBUS Application Protocol V1.1b3 (functions 1-6, 15,
16 and the exception codes).
"""

import time
from struct import pack_into

from micropython import const

from kerb.errors import KerbError

_READ_DISCRETE = const(2)  # the last of the two that read bits
WRITE_COIL = const(5)
WRITE_REGISTER = const(6)
WRITE_COILS = const(15)
WRITE_REGISTERS = const(16)

_BUSY = const(6)
_EXCEPTIONS = {
    1: "illegal function", 2: "illegal data address", 3: "illegal data value", 4: "server device failure", 5: "acknowledge",
    6: "server device busy", 8: "memory parity error", 10: "gateway path unavailable", 11: "gateway target failed to respond",
}  # fmt: skip
_LONGEST = const(256)  # bytes of a frame
_POLL_MS = const(2)


class ModbusError(KerbError):
    """`code`: the slave's exception code, 0 when no valid answer came."""

    def __init__(self, code, text):
        super().__init__(text)
        self.code = code


def crc16(buf, end):
    """CRC-16/MODBUS of buf[:end]: polynomial 0xA001 reflected, initial 0xFFFF; sent low byte first."""
    crc = 0xFFFF
    for i in range(end):
        crc ^= buf[i]
        for _ in range(8):
            crc = crc >> 1 ^ 0xA001 if crc & 1 else crc >> 1
    return crc


class Master:
    """One UART, any number of slaves. `de`: Pin that is 1 while sending, or None; `echo`: the transceiver hears itself."""

    def __init__(self, bus, baud, de=None, timeout_ms=300, tries=3, echo=False):
        self._bus = bus
        self._de = de
        self._timeout_ms = timeout_ms
        self._tries = tries
        self._echo = echo
        # 3.5 characters of 11 bits; 1.75 ms above 19,200 baud (Serial Line V1.02, 2.5.1.1).
        self._silence_us = 1750 if baud > 19200 else 38500000 // baud
        self._buf = bytearray(_LONGEST)
        if de:
            de.value(0)

    def read(self, unit, function, address, count):
        """The data bytes of functions 1 to 4: a view that the next call overwrites. Raises ModbusError."""
        buf = self._buf
        size = (count + 7) // 8 if function <= _READ_DISCRETE else 2 * count
        self._head(unit, function, address, count)
        self._exchange(6, 5 + size)
        if buf[2] != size:
            raise ModbusError(0, "unit %d sent %d bytes of data for %d" % (unit, buf[2], size))
        return memoryview(buf)[3 : 3 + size]

    def write(self, unit, function, address, values):
        """Functions 5 (one bool), 6 (one register), 15 (bools), 16 (registers). Raises ModbusError."""
        buf = self._buf
        size = 6
        if function == WRITE_COIL:
            self._head(unit, function, address, 0xFF00 if values[0] else 0)
        elif function == WRITE_REGISTER:
            self._head(unit, function, address, values[0] & 0xFFFF)
        else:
            count = len(values)
            self._head(unit, function, address, count)
            length = (count + 7) // 8 if function == WRITE_COILS else 2 * count
            buf[6] = length
            size = 7 + length
            for i in range(7, size):
                buf[i] = 0
            for i in range(count):
                if function == WRITE_REGISTERS:
                    pack_into(">H", buf, 7 + 2 * i, values[i] & 0xFFFF)
                elif values[i]:
                    buf[7 + i // 8] |= 1 << i % 8
        self._exchange(size, 8)

    def _head(self, unit, function, address, word):
        pack_into(">BBHH", self._buf, 0, unit, function, address, word)

    def _exchange(self, size, expected):
        """Sends buf[:size], receives `expected` bytes or an exception into buf."""
        buf = self._buf
        pack_into("<H", buf, size, crc16(buf, size))
        request = bytes(buf[: size + 2])
        for left in range(self._tries - 1, -1, -1):
            self._send(request)
            try:
                return self._receive(request, expected)
            except ModbusError as error:
                if not left or error.code not in (0, _BUSY):
                    raise

    def _send(self, request):
        bus, de = self._bus, self._de
        # Whatever is still coming belongs to an earlier exchange: the line must be silent before a frame begins.
        while bus.any():
            bus.readinto(self._buf, bus.any())
            time.sleep_us(self._silence_us)
        time.sleep_us(self._silence_us)
        if de:
            de.value(1)
        bus.write(request)
        bus.flush()
        if de:
            de.value(0)

    def _receive(self, request, expected):
        buf, unit, function = self._buf, request[0], request[1]
        if self._echo:
            self._take(0, len(request), unit)
        self._take(0, 5, unit)  # the shortest answer, an exception
        if buf[0] != unit or buf[1] & 0x7F != function:
            raise ModbusError(0, "unit %d, function %d answered for %d, %d" % (buf[0], buf[1] & 0x7F, unit, function))
        failed = buf[1] & 0x80
        end = 5 if failed else expected
        self._take(5, end, unit)
        if crc16(buf, end - 2) != buf[end - 2] | buf[end - 1] << 8:
            raise ModbusError(0, "wrong CRC from unit %d; check termination, bias and baud rate" % unit)
        if failed:
            raise ModbusError(buf[2], "unit %d answers %s" % (unit, _EXCEPTIONS.get(buf[2], "exception %d" % buf[2])))
        if function >= WRITE_COIL and buf[2:6] != request[2:6]:
            raise ModbusError(0, "unit %d confirmed another write" % unit)

    def _take(self, at, end, unit):
        """Receives until buf[at:end] is full."""
        bus, view = self._bus, memoryview(self._buf)
        begun = time.ticks_ms()
        while at < end:
            waiting = min(bus.any(), end - at)
            if waiting:
                at += bus.readinto(view[at : at + waiting]) or 0
            elif time.ticks_diff(time.ticks_ms(), begun) >= self._timeout_ms:
                raise ModbusError(0, "no answer from unit %d in %d ms; check A and B, address and baud rate" % (unit, self._timeout_ms))
            else:
                time.sleep_ms(_POLL_MS)
