"""Battery voltage through a divider on an ADC pin, with the gate some boards put before the divider.

Heltec WiFi LoRa 32 V3: pin 1, 390k/100k (ratio 4.9, some units 4.9 x 1.045), gate 37 low to measure (V3.2 and V4: high),
released to input afterwards, attenuation 2.5 dB. XIAO ESP32S3: no divider on the board; two equal resistors make ratio 2.
ESP32 pins are read with read_uv(), which uses the chip's own calibration; the RP2040 has none, so there the option
`full_scale_v` (3.3) tells what 65535 means.
"""

from micropython import const

from kerb.errors import ConfigError, SensorError
from kerb.quality import GOOD, SUSPECT

_READINGS = const(5)
_EMPTY_V = 0.5  # a node that runs has more: below it the divider is not connected

# Attenuation in dB, whole part -> name in machine.ADC (MicroPython ESP32 quick reference)
_ATTENUATION = {0: "ATTN_0DB", 2: "ATTN_2_5DB", 6: "ATTN_6DB", 11: "ATTN_11DB"}


def convert(readings, scale):
    """Volts from raw readings (sorted in place): their median times `scale` volts a count."""
    readings.sort()
    return readings[len(readings) // 2] * scale


class BATTERY:
    """Options: pin, ratio (1), gate_pin, gate_level (0), attenuation (dB, ESP32) or full_scale_v (RP2040), name, where."""

    # The divider's 80 kohm and a 100 nF capacitor settle to 0.1 % in seven time constants, 56 ms; without the capacitor at once.
    WARM_UP_MS = 60
    QUANTITIES = ("battery_v",)

    def __init__(self, bus, options):
        from machine import ADC, Pin

        self._name = options.get("name", "battery")
        self._where = options.get("where", "adc")
        if "pin" not in options:
            raise ConfigError("%s has no 'pin'; name the ADC pin of the battery divider" % self._name)
        self._pin_class = Pin
        self._gate = None
        self._gate_level = options.get("gate_level", 0)
        if options.get("gate_pin") is not None:
            self._gate = Pin(options["gate_pin"], Pin.IN)
        else:
            self.WARM_UP_MS = 0  # always connected, so long settled
        pin = Pin(options["pin"])
        ratio = options.get("ratio", 1)
        if "full_scale_v" in options:
            self._read = ADC(pin).read_u16
            self._scale = ratio * options["full_scale_v"] / 65535
        else:
            attenuation = int(options.get("attenuation", 11))
            if attenuation not in _ATTENUATION:
                raise ConfigError("%s cannot have %s dB; use 0, 2.5, 6 or 11" % (self._name, attenuation))
            self._read = ADC(pin, atten=getattr(ADC, _ATTENUATION[attenuation])).read_uv  # type: ignore[attr-defined]
            self._scale = ratio / 1000000
        self._readings = [0] * _READINGS
        self._sample = {"battery_v": 0.0, "quality": GOOD}

    def start(self):
        if self._gate:
            self._gate.init(self._pin_class.OUT, value=self._gate_level)

    def measure(self, env):
        try:
            for i in range(_READINGS):
                self._readings[i] = self._read()
        except OSError:
            raise SensorError(self._name, self._where, "the ADC gave no reading; use a pin of ADC1")
        volts = convert(self._readings, self._scale)
        self._sample["battery_v"] = volts
        self._sample["quality"] = GOOD if volts >= _EMPTY_V else SUSPECT
        return self._sample

    def set(self, key, value):
        raise ConfigError("%s has nothing to set; remove '%s' from the application" % (self._name, key))

    def sleep(self):
        """Closes the gate and releases it, so nothing flows through the divider or the pin."""
        if self._gate:
            self._gate.value(1 - self._gate_level)
            self._gate.init(self._pin_class.IN)
