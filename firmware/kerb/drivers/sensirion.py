"""Sensirion's I2C transfers: a 16-bit command, arguments and answers in words with a CRC each, a pause between the two."""

import time

from kerb.drivers.crc import check_words, crc8
from kerb.errors import SensorError


class Words:
    """One chip on the bus. `buf` holds the latest answer; word(i) its i-th word."""

    def __init__(self, bus, addr, options, name, largest):
        self._bus = bus
        self._addr = addr
        self._name = options.get("name", name)
        self._where = options.get("where", "I2C")
        self.buf = bytearray(3 * largest)
        self._view = memoryview(self.buf)

    def send(self, command, wait_ms=1, argument=None):
        """Writes the command, with one word behind it if given, and waits."""
        out = bytearray(2 if argument is None else 5)
        out[0], out[1] = command >> 8, command & 0xFF
        if argument is not None:
            out[2], out[3] = argument >> 8, argument & 0xFF
            out[4] = crc8(out, 2, 4)
        self.write(out, "command %04x" % command, wait_ms)

    def write(self, data, what, wait_ms):
        try:
            self._bus.writeto(self._addr, data)
        except OSError:
            raise self.error("does not acknowledge %s; check wiring and supply" % what)
        time.sleep_ms(wait_ms)

    def attempt(self, command, wait_ms):
        """As send(), for a command the chip may refuse, or not acknowledge although it obeys: waits in any case."""
        try:
            self.send(command, wait_ms)
        except SensorError:
            time.sleep_ms(wait_ms)

    def get(self, command, words, wait_ms=1):
        """Sends the command and reads that many words."""
        self.send(command, wait_ms)
        self.read(words)

    def read(self, words):
        try:
            self._bus.readfrom_into(self._addr, self._view[: 3 * words])
        except OSError:
            raise self.error("does not answer; check wiring and supply")
        if not check_words(self.buf, words):
            raise self.error("wrong checksum; shorten the cable or lower the bus frequency")

    def word(self, i):
        return self.buf[3 * i] << 8 | self.buf[3 * i + 1]

    def error(self, cause):
        return SensorError(self._name, self._where, cause)
