"""Texas Instruments ADS1115 16-bit analogue converter (SBAS444E, 2024), I2C, for the drivers of what is wired to it.

Bus: I2C 0x48..0x4B. Currents: 150 uA converting, 0.5 uA powered down, to which it returns by itself. It has no identity; that it keeps
its configuration is all that can be checked.
"""

import time

from micropython import const

from kerb.errors import SensorError

_CONVERSION = const(0)
_CONFIG = const(1)
_START = const(0x8000)  # read: 1 = idle
_SINGLE = const(0x4000)  # inputs against ground: channel << 12
_ONE_SHOT = const(0x0100)
_RATE_16 = const(0x0020)  # 16 samples/s: the quietest that is still fast enough
_NO_COMPARATOR = const(3)
_CONVERT_MS = const(70)  # 62.5 ms and 10 % of clock tolerance
_TRIES = const(10)

# Full scale in mV -> gain code
_GAINS = {6144: 0, 4096: 1, 2048: 2, 1024: 3, 512: 4, 256: 5}


class Converter:
    """One chip. `range_mv`: full scale, one of 6144, 4096, 2048, 1024, 512, 256."""

    def __init__(self, bus, addr, options, name, range_mv):
        self._bus = bus
        self._addr = addr
        self._name = options.get("name", name)
        self._where = options.get("where", "I2C")
        self._range_mv = range_mv
        self._gain = _GAINS[range_mv] << 9
        self._two = bytearray(2)

    def read_mv(self, channel):
        """Millivolts at input 0..3 against ground, or None at the end of the range. Takes 70 ms."""
        config = _SINGLE | channel << 12 | self._gain | _ONE_SHOT | _RATE_16 | _NO_COMPARATOR
        self._write(config | _START)
        time.sleep_ms(_CONVERT_MS)
        for _ in range(_TRIES):
            now = self._read(_CONFIG)
            if now & 0x7FFF != config:
                raise self.error("does not keep its configuration; check that it is an ADS1115")
            if now & _START:
                break
            time.sleep_ms(5)
        else:
            raise self.error("does not finish its conversion; check its supply")
        raw = self._read(_CONVERSION)
        if raw & 0x8000:
            raw -= 0x10000
        return None if raw in (32767, -32768) else raw * self._range_mv / 32768

    def error(self, cause):
        return SensorError(self._name, self._where, cause)

    def _write(self, value):
        self._two[0], self._two[1] = value >> 8, value & 0xFF
        try:
            self._bus.writeto_mem(self._addr, _CONFIG, self._two)
        except OSError:
            raise self.error("does not acknowledge at 0x%02x; check wiring and supply" % self._addr)

    def _read(self, register):
        try:
            self._bus.readfrom_mem_into(self._addr, register, self._two)
        except OSError:
            raise self.error("does not answer at 0x%02x; check wiring and supply" % self._addr)
        return self._two[0] << 8 | self._two[1]
