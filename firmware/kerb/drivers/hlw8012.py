"""HiLink HLW8012 and Belling BL0937 mains energy meters: frequencies in place of numbers (HLW8012 rev 1.3, BL0937 V1.02).

CF beats with the active power, CF1 with the voltage (SEL high) or the current (SEL low). Both are counted by the chip's pulse counter
(`machine.Counter`: ESP32 family), so no interrupt runs at 2 kHz and no pulse is lost; ports without it are refused.
Current: 3 mA at 5 V (unconfirmed); it never sleeps.
Options: `cf_pin`, `cf1_pin`, `sel_pin`; `model` ("BL0937" or "HLW8012"); `voltage_divider` (ratio, 1600) and `shunt_ohm` (0.001) of
the board; `counter` (0), the first of two counter units.
"""

import time

from kerb.drivers.meter import MOST_V, Meter, power_factor
from kerb.drivers.pins import pin_of
from kerb.errors import ConfigError, SensorError
from kerb.quality import GOOD, SUSPECT, WARMING

# Model -> reference (V) and the divisors of power, current and voltage: F = V(V) V(I) k / Vref^2 and so on. The HLW8012 runs on its
# 3.579 MHz: 24/64, 24/512 and 1/256 of it.
_MODELS = {
    "HLW8012": (2.43, 3579000 * 24 / 64, 3579000 * 24 / 512, 3579000 / 256),
    "BL0937": (1.218, 1721506.0, 94638.0, 15397.0),
}


def multipliers(model, divider, shunt_ohm):
    """(W, A, V) a hertz of CF, of CF1 with SEL low, of CF1 with SEL high."""
    vref, power, current, voltage = _MODELS[model]
    return vref * vref * divider / shunt_ohm / power, vref / shunt_ohm / current, vref * divider / voltage


class HLW8012(Meter):
    """Voltage and current take turns on CF1: each measurement refreshes one, and the quality is WARMING until both are known."""

    WARM_UP_MS = 4900  # one gate of CF1: 60 mA still give 20 pulses of a BL0937
    QUANTITIES = ("volt_v", "current_a", "power_w", "energy_kwh", "power_factor")

    def __init__(self, bus, options):
        import machine

        super().__init__("hlw8012", "pins", options)
        model = options.get("model", "BL0937")
        if model not in _MODELS:
            raise ConfigError("%s at %s knows no model '%s'; take 'HLW8012' or 'BL0937'" % (self._name, self._where, model))
        if not hasattr(machine, "Counter"):
            raise ConfigError("%s at %s needs a pulse counter, which this port lacks; take a BL0942 or CSE7766" % (self._name, self._where))
        self._w, self._a, self._v = multipliers(model, options.get("voltage_divider", 1600), options.get("shunt_ohm", 0.001))
        self._sel = machine.Pin(pin_of(self._name, options, "sel_pin"), machine.Pin.OUT, value=0)
        unit = options.get("counter", 0)
        self._cf = machine.Counter(unit, machine.Pin(pin_of(self._name, options, "cf_pin"), machine.Pin.IN))
        self._cf1 = machine.Counter(unit + 1, machine.Pin(pin_of(self._name, options, "cf1_pin"), machine.Pin.IN))
        self._result = {"volt_v": None, "current_a": None, "quality": GOOD}
        self._pulses, self._since = self._cf.value(), time.ticks_ms()
        self._began = self._gate = 0

    def start(self):
        """Opens the gate of CF1 for the other of its two quantities: voltage first, and for as long as there is none."""
        if self._result["volt_v"] != 0:
            self._sel.value(not self._sel.value())
        self._gate, self._began = self._cf1.value(), time.ticks_ms()

    def measure(self, env):
        """Closes the gate. Power is the mean since the last measurement."""
        now = time.ticks_ms()
        pulses, gate = self._cf.value(), self._cf1.value()
        ms, gate_ms = time.ticks_diff(now, self._since), time.ticks_diff(now, self._began)
        if ms <= 0 or gate_ms <= 0:
            raise SensorError(self._name, self._where, "measured before it was started")
        result = self._result
        step = pulses - self._pulses
        result["power_w"] = watt = self._w * step * 1000 / ms
        hertz = (gate - self._gate) * 1000 / gate_ms
        if self._sel.value():
            result["volt_v"] = self._v * hertz
        else:
            result["current_a"] = self._a * hertz
        self._pulses, self._since = pulses, now
        self._used(step * int(self._w * 1000000 + 0.5), 3600000000)
        result["energy_kwh"] = self.energy_wh / 1000
        volt, amp = result["volt_v"], result["current_a"]
        if volt == 0:
            raise SensorError(self._name, self._where, "no pulses on CF1 for %d ms; check wiring and mains supply" % gate_ms)
        if volt is None or amp is None:
            result["power_factor"], result["quality"] = None, WARMING
            return result
        result["power_factor"] = power_factor(watt, volt * amp)
        result["quality"] = GOOD if volt <= MOST_V else SUSPECT
        return result
