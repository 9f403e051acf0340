"""The RP2040's own temperature sensor on ADC channel 4: the housing's temperature within a few degrees.

RP2040 data sheet 4.9.5: 0.706 V at 27 degC, -1.721 mV/degC, against a reference that is the 3.3 V supply itself; 1 % of supply
error makes 4 degC. One 12-bit count is 0.47 degC, so sixteen readings are averaged.
"""

from micropython import const

from kerb.errors import ConfigError, SensorError
from kerb.quality import GOOD

_READINGS = const(16)


def convert(u16, reference_v):
    """degC from the mean of 16-bit readings."""
    return 27 - (u16 * reference_v / 65535 - 0.706) / 0.001721


class RP2_TEMP:
    """Options: reference_v (3.3), offset_c (0, self-heating and calibration), name, where."""

    WARM_UP_MS = 0
    QUANTITIES = ("temp_c",)

    def __init__(self, bus, options):
        from machine import ADC

        channel = getattr(ADC, "CORE_TEMP", None)
        if channel is None:
            raise SensorError(options.get("name", "rp2_temp"), "adc", "this chip has no ADC channel for its temperature; choose a sensor")
        self._read = ADC(channel).read_u16
        self._reference_v = options.get("reference_v", 3.3)
        self._offset_c = options.get("offset_c", 0)
        self._sample = {"temp_c": 0.0, "quality": GOOD}

    def start(self):
        """Nothing to begin."""

    def measure(self, env):
        total = 0
        for _ in range(_READINGS):
            total += self._read()
        self._sample["temp_c"] = convert(total / _READINGS, self._reference_v) + self._offset_c
        return self._sample

    def set(self, key, value):
        raise ConfigError("rp2_temp has nothing to set; remove '%s' from the application" % key)

    def sleep(self):
        """Nothing to stop."""
