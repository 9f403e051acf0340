"""Bosch BME680 and BME688 temperature, humidity, pressure and gas sensor (BST-BME680-DS001 rev. 1.9, BST-BME688-DS000 rev. 1.3), I2C.

Bus: I2C 0x76 (SDO low) or 0x77. Currents: 0.15 uA asleep; not confirmed: 3.7 uA at one measurement a second without gas, 12 mA while
its hot plate heats. Forced mode, every quantity sampled once, filter off. The variant register tells which of the two
it is. Compensation follows the floating-point variant of the data sheets; nothing is clamped but humidity.
Options: `heater_c` (320), `heater_ms` (150) = the hot plate; heater_ms 0 leaves it off and gas_ohm None.
"""

import time

from micropython import const

from kerb.drivers.bme68x_formulas import fine, gas_680, gas_688, gas_wait, heater, humidity, parse_calibration, pressure
from kerb.errors import SensorError
from kerb.quality import GOOD, SUSPECT

# Registers
_RES_HEAT_VAL = const(0x00)  # 5 bytes: heater value, -, range, -, range switching error
_FIELD = const(0x1D)  # 17 bytes: status, -, pressure, temperature, humidity, ..., gas
_RES_HEAT_0 = const(0x5A)
_GAS_WAIT_0 = const(0x64)
_CTRL_GAS_0 = const(0x70)
_CTRL_GAS_1 = const(0x71)
_CTRL_HUM = const(0x72)
_CTRL_MEAS = const(0x74)
_CALIBRATION_1 = const(0x8A)  # 23 bytes
_ID = const(0xD0)
_RESET = const(0xE0)
_CALIBRATION_2 = const(0xE1)  # 14 bytes
_VARIANT = const(0xF0)
_CHIP_ID = const(0x61)

_RUN_GAS = (0x10, 0x20)  # by variant
_GAS_AT = (13, 15)
_ONCE = const(0x25)  # temperature x1, pressure x1, forced
_NEW, _VALID, _STABLE = const(0x80), const(0x20), const(0x10)
_TRIES = const(20)


class BME68X:
    """`variant` is 0 for a BME680, 1 for a BME688."""

    QUANTITIES = ("temp_c", "rh_pct", "pressure_hpa", "gas_ohm")

    def __init__(self, bus, options):
        self._bus = bus
        self._addr = options.get("addr", 0x76)
        self._name = options.get("name", "bme68x")
        self._where = options.get("where", "I2C")
        self._heater_c = options.get("heater_c", 320)
        self._heater_ms = options.get("heater_ms", 150)
        self.WARM_UP_MS = 15 + self._heater_ms
        self._one = bytearray(1)
        self._data = bytearray(17)
        self._result = {"gas_ohm": None, "quality": GOOD}
        self._ambient_c = 25.0
        if self._get(_ID, self._one)[0] != _CHIP_ID:
            raise self._error("chip id is 0x%02x, a BME68x has 0x61; check the part" % self._one[0])
        self._put(_RESET, 0xB6)
        time.sleep_ms(10)
        self.variant = self._get(_VARIANT, self._one)[0] & 1
        calibration = parse_calibration(
            self._get(_CALIBRATION_1, bytearray(23)), self._get(_CALIBRATION_2, bytearray(14)), self._get(_RES_HEAT_VAL, bytearray(5))
        )
        self._t, self._p, self._h, self._g = calibration
        if self._t[0] in (0, 0xFFFF) or not self._p[0]:
            raise self._error("calibration memory is empty; replace it")

    def start(self):
        """Triggers one measurement; the chip sleeps again by itself."""
        if self._heater_ms:
            self._put(_RES_HEAT_0, heater(self._g, self._heater_c, self._ambient_c))
            self._put(_GAS_WAIT_0, gas_wait(self._heater_ms))
        self._put(_CTRL_GAS_0, 0 if self._heater_ms else 8)
        self._put(_CTRL_GAS_1, _RUN_GAS[self.variant] if self._heater_ms else 0)
        self._put(_CTRL_HUM, 1)
        self._put(_CTRL_MEAS, _ONCE)

    def measure(self, env):
        """The measurement start() triggered, once."""
        data, result = self._data, self._result
        for _ in range(_TRIES):
            self._get(_FIELD, data)
            if data[0] & _NEW:
                break
            time.sleep_ms(5)
        else:
            raise self._error("does not finish its measurement; call start() first, and check its supply")
        t_fine = fine(self._t, data[5] << 12 | data[6] << 4 | data[7] >> 4)
        temp = t_fine / 5120.0
        pascal = pressure(self._p, t_fine, data[2] << 12 | data[3] << 4 | data[4] >> 4)
        result["temp_c"] = self._ambient_c = temp
        result["rh_pct"] = humidity(self._h, t_fine, data[8] << 8 | data[9])
        result["pressure_hpa"] = pascal / 100
        result["gas_ohm"] = None
        quality = GOOD if -40 <= temp <= 85 and 30000 <= pascal <= 110000 else SUSPECT
        if self._heater_ms:
            at = _GAS_AT[self.variant]
            adc, range_ = data[at] << 2 | data[at + 1] >> 6, data[at + 1] & 15
            if data[at + 1] & _VALID and data[at + 1] & _STABLE:
                result["gas_ohm"] = gas_688(adc, range_) if self.variant else gas_680(self._g[5], adc, range_)
            else:
                quality = SUSPECT  # the plate did not reach its temperature
        result["quality"] = quality
        return result

    def sleep(self):
        """Nothing to do: forced mode ends asleep, at 0.15 uA."""

    def _get(self, register, buf):
        try:
            self._bus.readfrom_mem_into(self._addr, register, buf)
        except OSError:
            raise self._error("does not answer at 0x%02x; check wiring and address" % self._addr)
        return buf

    def _put(self, register, value):
        self._one[0] = value
        try:
            self._bus.writeto_mem(self._addr, register, self._one)
        except OSError:
            raise self._error("does not acknowledge at 0x%02x; check wiring and address" % self._addr)

    def _error(self, cause):
        return SensorError(self._name, self._where, cause)
