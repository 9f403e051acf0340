"""TE MS5837-30BA water pressure and temperature sensor (data sheet 08/2015), I2C 0x76.

The pressure is converted by start(), the temperature inside measure(); each takes 9.04 ms at most at OSR 4096. The chip sleeps by
itself after a conversion. The arithmetic is in integers as the data sheet gives it; they outgrow 31 bits, so it allocates.
"""

import time
from struct import unpack

from micropython import const

from kerb.errors import ConfigError, SensorError
from kerb.quality import GOOD, SUSPECT

_RESET = const(0x1E)
_READ_ADC = const(0x00)
_CONVERT_PRESSURE = const(0x48)  # OSR 4096
_CONVERT_TEMPERATURE = const(0x58)
_PROM = const(0xA0)  # seven words, two bytes apart
_PROM_WORDS = const(7)
_CONVERSION_MS = const(10)
_RESET_MS = const(10)
_WARMEST = const(2000)  # 0.01 C; the second order differs below


def crc4(words):
    """The check digit over the seven PROM words, as it stands in the upper four bits of the first."""
    rest = 0
    for i, word in enumerate(list(words) + [0]):
        if i == 0:
            word &= 0x0FFF
        for byte in (word >> 8, word & 255):
            rest ^= byte
            for _ in range(8):
                rest = (rest << 1 ^ 0x3000 if rest & 0x8000 else rest << 1) & 0xFFFF
    return rest >> 12


def first_order(c, d1, d2):
    """(difference to the reference temperature, 0.01 C, offset, sensitivity) from PROM words and raw samples."""
    dt = d2 - c[5] * 256
    return dt, 2000 + dt * c[6] // 8388608, c[2] * 65536 + c[4] * dt // 128, c[1] * 32768 + c[3] * dt // 256


def compensate(c, d1, d2):
    """(hPa, C), second order included."""
    dt, temp, offset, gain = first_order(c, d1, d2)
    far = (temp - _WARMEST) * (temp - _WARMEST)
    if temp < _WARMEST:
        temp -= 3 * dt * dt // 8589934592
        offset -= 3 * far // 2
        gain -= 5 * far // 8
    else:
        temp -= 2 * dt * dt // 137438953472
        offset -= far // 16
    return (d1 * gain // 2097152 - offset) // 8192 / 10, temp / 100


class MS5837:
    """Options: addr (0x76), name, where."""

    WARM_UP_MS = _CONVERSION_MS
    QUANTITIES = ("water_hpa", "water_temp_c")

    def __init__(self, bus, options):
        self._bus = bus
        self._addr = options.get("addr", 0x76)
        self._name = options.get("name", "ms5837")
        self._where = options.get("where", "i2c")
        self._sample = {"water_hpa": 0.0, "water_temp_c": 0.0, "quality": GOOD}
        self._command(_RESET)
        time.sleep_ms(_RESET_MS)
        self._prom = [unpack(">H", self._read(_PROM + 2 * i, 2))[0] for i in range(_PROM_WORDS)]
        if crc4(self._prom) != self._prom[0] >> 12:
            raise SensorError(self._name, self._where, "calibration fails its check; is it an MS5837, and is the cable short enough?")

    def start(self):
        self._command(_CONVERT_PRESSURE)

    def measure(self, env):
        d1 = self._adc()
        self._command(_CONVERT_TEMPERATURE)
        time.sleep_ms(_CONVERSION_MS)
        hpa, temp = compensate(self._prom, d1, self._adc())
        sample = self._sample
        sample["water_hpa"], sample["water_temp_c"] = hpa, temp
        sample["quality"] = GOOD if 0 <= hpa <= 30000 and -20 <= temp <= 85 else SUSPECT
        return sample

    def set(self, key, value):
        raise ConfigError("%s has nothing to set; remove '%s' from the application" % (self._name, key))

    def sleep(self):
        """Nothing to do: the chip sleeps by itself."""

    def _adc(self):
        raw = self._read(_READ_ADC, 3)
        value = raw[0] << 16 | raw[1] << 8 | raw[2]
        if not value:
            raise SensorError(self._name, self._where, "no conversion; call start() and wait 10 ms before measure()")
        return value

    def _command(self, code):
        try:
            self._bus.writeto(self._addr, bytes((code,)))
        except OSError:
            raise SensorError(self._name, self._where, "no answer at 0x%02x; check supply, wiring and pull-ups" % self._addr)

    def _read(self, code, count):
        self._command(code)
        try:
            return self._bus.readfrom(self._addr, count)
        except OSError:
            raise SensorError(self._name, self._where, "no answer to a read")
