"""Vishay VEML7700 ambient light sensor (data sheet rev. 1.8, application note 84323).

Bus: I2C 0x10, to 400 kHz; 16-bit registers, least significant byte first. Current: 45 uA measuring at 100 ms, 0.5 uA shut down (typical).
Identity: register 7 reads 0x81 in its low byte. Option: `window` (1.0), light before the cover over light behind it.
It begins with the least gain, where sunlight fits, and takes more gain and time as it grows dark.
"""

from micropython import const

from kerb.errors import SensorError
from kerb.quality import GOOD, SUSPECT

_ADDRESS = const(0x10)
_CONFIG, _LIGHT, _IDENTITY = const(0x00), const(0x04), const(0x07)
_ID = const(0x81)
_SHUT_DOWN = const(0x0001)
# Bits of CONFIG (gain, time), lux a count: 0.0042 at gain 2 and 800 ms, in proportion to both (data sheet, table of resolutions).
_RANGES = ((0x1000, 0.5376), (0x0000, 0.0672), (0x0800, 0.0336), (0x0880, 0.0084))  # 1/8, 1 and 2 at 100 ms, 2 at 400 ms
_LOW, _HIGH = const(200), const(50000)  # counts: out of these the next range is taken
_FULL = const(65535)
_MOST_LUX = const(140000)  # data sheet: "to about 140 klx"; beyond, the polynomial has nothing to stand on


class VEML7700:
    """Illuminance in lux, 0.0084 to 140,000; above 1,000 lx the chip is not linear, and the note's polynomial corrects it."""

    WARM_UP_MS = 450
    QUANTITIES = ("lux",)

    def __init__(self, bus, options):
        self._bus = bus
        self._name = options.get("name", "veml7700")
        self._where = options.get("where", "I2C")
        self._window = options.get("window", 1.0)
        self._word = bytearray(2)
        self._range = 0
        self._result = {"lux": None, "quality": GOOD}
        found = self._get(_IDENTITY) & 0xFF
        if found != _ID:
            raise SensorError(self._name, self._where, "identity is 0x%02X, not 0x81: another chip has address 0x10" % found)
        self._put(_SHUT_DOWN)

    def start(self):
        """Measures from now on in the present range."""
        self._put(_RANGES[self._range][0])

    def measure(self, env):
        """The last measurement; the range for the next one follows from it."""
        count = self._get(_LIGHT)
        lux = count * _RANGES[self._range][1]
        if lux > 1000:
            lux = (((6.0135e-13 * lux - 9.3924e-9) * lux + 8.1488e-5) * lux + 1.0023) * lux
        self._result["lux"] = lux * self._window
        self._result["quality"] = SUSPECT if count == _FULL or lux > _MOST_LUX else GOOD
        if count > _HIGH and self._range:
            self._range -= 1
        elif count < _LOW and self._range < len(_RANGES) - 1:
            self._range += 1
        return self._result

    def sleep(self):
        self._put(_SHUT_DOWN)

    def _get(self, register):
        try:
            self._bus.readfrom_mem_into(_ADDRESS, register, self._word)
        except OSError as error:
            raise self._silent(error)
        return self._word[0] | self._word[1] << 8

    def _put(self, value):
        self._word[0], self._word[1] = value & 0xFF, value >> 8
        try:
            self._bus.writeto_mem(_ADDRESS, _CONFIG, self._word)
        except OSError as error:
            raise self._silent(error)

    def _silent(self, error):
        return SensorError(self._name, self._where, "no answer at 0x10 (%s); check wiring and supply" % error)
