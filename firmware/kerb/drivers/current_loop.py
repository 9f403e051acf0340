"""4-20 mA transmitter over a shunt, on an ADC pin of the MCU or on an ADS1115 (TI SBAS444E) on I2C.

NAMUR NE 43: 3.8 to 20.5 mA is measurement, to 3.6 and 21.0 the transmitter is out of its range, beyond that it is broken or the
line is cut. The ADS1115 takes 150 uA for 9 ms a reading and 0.5 uA asleep. On the ESP32, whose ADC is off by some per cent
near its ends, the ADS1115 is the better choice.
"""

import time

from micropython import const

from kerb.errors import ConfigError, SensorError
from kerb.quality import FAULT, GOOD, SUSPECT

_CONVERSION = const(0)
_CONFIG = const(1)
_START = const(0x8183)  # one shot, 128 samples a second, comparator off
_READY = const(0x80)
_SINGLE = const(0x4000)  # AIN0 against ground; + 0x1000 an input
_RESET_CONFIG = const(0x8583)  # of a chip nobody has written to
_4V096 = const(0x0200)  # full scale: 125 uV a count; the step below would end at 20.48 mA over 100 ohm
_READINGS = const(5)
_ATTENUATION = {0: "ATTN_0DB", 2: "ATTN_2_5DB", 6: "ATTN_6DB", 11: "ATTN_11DB"}


def loop_value(ma, low, high):
    """(value at `ma` between low at 4 mA and high at 20 mA, quality); (None, FAULT) outside 3.6 .. 21.0 (NE 43)."""
    if not 3.6 <= ma <= 21.0:
        return None, FAULT
    return low + (high - low) * (ma - 4) / 16, GOOD if 3.8 <= ma <= 20.5 else SUSPECT


class CURRENT_LOOP:
    """Options: low (0), high (100): values at 4 and 20 mA; shunt_ohm (100); pin and attenuation (11 dB) or full_scale_v (RP2040),
    or with a bus: addr (0x48), input (0). Quantities are "PART.value" and "PART.ma".
    """

    WARM_UP_MS = 0
    QUANTITIES = ()
    OWN_QUANTITIES = ("value", "ma")  # after the name of the part and a dot

    def __init__(self, bus, options):
        self._bus = bus
        self._name = options.get("name", "current_loop")
        self._where = options.get("where", "adc")
        self._low, self._high = options.get("low", 0), options.get("high", 100)
        self._ma_per_v = 1000 / options.get("shunt_ohm", 100)
        self._sample = {"quality": GOOD}
        self._readings = [0] * _READINGS
        if bus:
            self._addr = options.get("addr", 0x48)
            self._word = bytearray(2)
            self._setting = _START | _4V096 | _SINGLE | options.get("input", 0) << 12
            self._check()
            return
        from machine import ADC, Pin

        if "pin" not in options:
            raise ConfigError("%s has neither 'pin' nor 'bus'; say where its shunt is measured" % self._name)
        pin = Pin(options["pin"])
        if "full_scale_v" in options:
            self._read = ADC(pin).read_u16
            self._scale = options["full_scale_v"] / 65535
        else:
            self._read = ADC(pin, atten=getattr(ADC, _ATTENUATION[int(options.get("attenuation", 11))])).read_uv  # type: ignore[attr-defined]
            self._scale = 1e-6

    def start(self):
        """Nothing to do: a reading takes 9 ms."""

    def measure(self, env):
        try:
            volt = self._convert() if self._bus else self._median()
        except OSError:
            raise self._error("no answer at 0x%02x; check supply and wiring" % self._addr if self._bus else "the ADC gave no reading")
        ma = volt * self._ma_per_v
        sample = self._sample
        sample[self._name + ".ma"] = ma
        sample[self._name + ".value"], sample["quality"] = loop_value(ma, self._low, self._high)
        return sample

    def set(self, key, value):
        raise ConfigError("%s has nothing to set; remove '%s' from the application" % (self._name, key))

    def sleep(self):
        """Nothing to do: the ADS1115 powers down after each reading."""

    def _median(self):
        for i in range(_READINGS):
            self._readings[i] = self._read()
        self._readings.sort()
        return self._readings[_READINGS // 2] * self._scale

    def _check(self):
        """The chip has no identity: its configuration must be that of the reset, or keep what is written."""
        try:
            if self._register(_CONFIG) & 0x7FFF != _RESET_CONFIG & 0x7FFF:
                self._write(self._setting & 0x7FFF)
                if self._register(_CONFIG) & 0x7FFF != self._setting & 0x7FFF:
                    raise self._error("does not keep its configuration; check that it is an ADS1115")
        except OSError:
            raise self._error("no answer at 0x%02x; check supply, wiring and pull-ups" % self._addr)

    def _convert(self):
        self._write(self._setting)
        for _ in range(10):
            time.sleep_ms(2)
            if self._register(_CONFIG) >> 8 & _READY:
                raw = self._register(_CONVERSION)
                return (raw - 65536 if raw & 0x8000 else raw) * 1.25e-4
        raise self._error("is never ready; check its supply")

    def _register(self, register):
        self._bus.readfrom_mem_into(self._addr, register, self._word)
        return self._word[0] << 8 | self._word[1]

    def _write(self, value):
        self._bus.writeto(self._addr, bytes((_CONFIG, value >> 8, value & 255)))

    def _error(self, cause):
        return SensorError(self._name, self._where, cause)
