"""SHT40, SHT41, SHT45 temperature and humidity sensor on I2C.

Sensirion SHT4x data sheet v7.1: address 0x44, one-byte commands, words with CRC-8. High precision takes 8.3 ms at most;
0.08 uA idle, to which the chip returns by itself after every measurement. It refuses a read while it measures.
"""

import time

from micropython import const

from kerb.drivers.crc import check_words
from kerb.errors import ConfigError, SensorError
from kerb.quality import GOOD, SUSPECT

_SERIAL = const(0x89)
_MEASURE_HIGH = const(0xFD)
_COMMAND_MS = const(1)


def convert(raw, out):
    """Fills out[0] with degrees C and out[1] with %RH from two word+CRC triplets (CRCs already checked).

    T = -45 + 175 t / 65535, RH = -6 + 125 r / 65535 (section 4.6); RH is cropped to 0..100 as the data sheet advises.
    """
    out[0] = -45 + 175 * (raw[0] << 8 | raw[1]) / 65535
    out[1] = min(100.0, max(0.0, -6 + 125 * (raw[3] << 8 | raw[4]) / 65535))
    return out


class SHT4X:
    """Options: addr (0x44), name, where. `serial` is the chip's 32-bit serial number, as 8 hex digits."""

    WARM_UP_MS = 10
    QUANTITIES = ("temp_c", "rh_pct")

    def __init__(self, bus, options):
        self._bus = bus
        self._addr = options.get("addr", 0x44)
        self._name = options.get("name", "sht4x")
        self._where = options.get("where", "i2c")
        self._one = bytearray(1)
        self._six = bytearray(6)
        self._values = [0.0, 0.0]
        self._sample = {"temp_c": 0.0, "rh_pct": 0.0, "quality": GOOD}
        self._command(_SERIAL)
        time.sleep_ms(_COMMAND_MS)
        self._read()
        raw = self._six
        self.serial = "%02x%02x%02x%02x" % (raw[0], raw[1], raw[3], raw[4])

    def start(self):
        self._command(_MEASURE_HIGH)

    def measure(self, env):
        """One reading for each start()."""
        self._read()
        values, sample = convert(self._six, self._values), self._sample
        sample["temp_c"], sample["rh_pct"] = values[0], values[1]
        # Outside its operating range (section 3.1) the chip still answers, and is not to be believed.
        sample["quality"] = GOOD if -40 <= values[0] <= 125 else SUSPECT
        return sample

    def set(self, key, value):
        raise ConfigError("%s has nothing to set; remove '%s' from the application" % (self._name, key))

    def sleep(self):
        """Nothing to do: the chip idles by itself."""

    def _command(self, code):
        self._one[0] = code
        try:
            self._bus.writeto(self._addr, self._one)
        except OSError:
            raise SensorError(self._name, self._where, "no answer at 0x%02x; check supply, wiring and pull-ups" % self._addr)

    def _read(self):
        try:
            self._bus.readfrom_into(self._addr, self._six)
        except OSError:
            raise SensorError(self._name, self._where, "refused the read; call start() and wait 10 ms before measure()")
        if not check_words(self._six, 2):
            raise SensorError(self._name, self._where, "wrong CRC; shorten the bus or lower its frequency")
