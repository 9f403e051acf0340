"""Bosch BME280 temperature, humidity and pressure sensor (data sheet BST-BME280-DS002-15, revision 1.6), I2C.

Bus: I2C 0x76 (SDO low) or 0x77, up to 3.4 MHz. Currents: 0.1 uA sleep, 3.6 uA at one measurement a second.
Forced mode, every quantity sampled once, filter off: the "weather monitoring" setting of section 3.5.1 (noise 3.3 Pa, 0.07 %RH).
Compensation is the floating-point variant of section 4.2.3 and appendix 8.1: 32-bit floats keep it within 0.02 Pa of 64-bit ones,
while the data sheet's 32-bit integer variant is up to 4 Pa off.
"""

import time
from struct import unpack_from

from micropython import const

from kerb.errors import SensorError
from kerb.quality import GOOD, SUSPECT

# Registers (section 5.3)
_CALIBRATION_1 = const(0x88)  # 26 bytes: T1..T3, P1..P9, reserved, H1
_CALIBRATION_2 = const(0xE1)  # 7 bytes: H2..H6
_ID = const(0xD0)
_CHIP_ID = const(0x60)
_RESET = const(0xE0)
_CTRL_HUM = const(0xF2)  # takes effect with the next write of CTRL_MEAS
_STATUS = const(0xF3)  # bit 0: calibration being copied after a reset; bit 3: measuring
_CTRL_MEAS = const(0xF4)
_DATA = const(0xF7)  # 8 bytes: pressure 20 bits, temperature 20 bits, humidity 16 bits

_RESET_NOW = b"\xb6"
_ONCE_HUM = b"\x01"
_ONCE_FORCED = b"\x25"  # temperature x1, pressure x1, forced
_SKIPPED = const(0x80000)  # a channel that was not measured
_RESET_MS = const(2)
_WAIT_TRIES = const(10)

# Limits of the measuring range; the compensation clamps to them as Bosch's reference does.
_T_MIN, _T_MAX = const(-40), const(85)
_P_MIN, _P_MAX = const(30000), const(110000)


def parse_calibration(low, high):
    """18 trimming values (T1..T3, P1..P9, H1..H6) from the 26 bytes at 0x88 and the 7 bytes at 0xE1 (table 16)."""
    h2, h3, e4, e5, e6, h6 = unpack_from("<hBbBbb", high)
    return unpack_from("<HhhHhhhhhhhh", low) + (low[25], h2, h3, e4 << 4 | e5 & 15, e6 << 4 | e5 >> 4, h6)


def parse_data(buf):
    """(adc_t, adc_p, adc_h) from the 8 bytes at 0xF7."""
    return (
        buf[3] << 12 | buf[4] << 4 | buf[5] >> 4,
        buf[0] << 12 | buf[1] << 4 | buf[2] >> 4,
        buf[6] << 8 | buf[7],
    )


def compensate(calibration, adc_t, adc_p, adc_h):
    """(C, Pa, %RH), each clamped to the chip's range, from trimming values and raw samples."""
    t1, t2, t3, p1, p2, p3, p4, p5, p6, p7, p8, p9, h1, h2, h3, h4, h5, h6 = calibration
    part = adc_t / 131072.0 - t1 / 8192.0
    fine = (adc_t / 16384.0 - t1 / 1024.0) * t2 + part * part * t3
    temp = min(max(fine / 5120.0, _T_MIN), _T_MAX)

    x = fine / 2.0 - 64000.0
    offset = (x * x * p6 / 32768.0 + x * p5 * 2.0) / 4.0 + p4 * 65536.0
    gain = (1.0 + (p3 * x * x / 524288.0 + p2 * x) / 524288.0 / 32768.0) * p1
    if gain > 0:
        p = (1048576.0 - adc_p - offset / 4096.0) * 6250.0 / gain
        p = p + (p9 * p * p / 2147483648.0 + p * p8 / 32768.0 + p7) / 16.0
        pressure = min(max(p, _P_MIN), _P_MAX)
    else:
        pressure = _P_MIN

    y = fine - 76800.0
    scale = h2 / 65536.0 * (1.0 + h6 / 67108864.0 * y * (1.0 + h3 / 67108864.0 * y))
    h = (adc_h - (h4 * 64.0 + h5 / 16384.0 * y)) * scale
    humidity = min(max(h * (1.0 - h1 * h / 524288.0), 0), 100)
    return temp, pressure, humidity


class BME280:
    """Air temperature, relative humidity and absolute pressure."""

    WARM_UP_MS = 10  # 9.3 ms at most for one sample of each (appendix 9.1)
    QUANTITIES = ("temp_c", "rh_pct", "pressure_hpa")

    def __init__(self, bus, options):
        self._bus = bus
        self._addr = options.get("addr", 0x76)
        self._name = options.get("name", "bme280")
        self._where = options.get("where", "I2C")
        self._one = bytearray(1)
        self._data = bytearray(8)
        self._result = {"quality": GOOD}
        self._pending = False
        self._read(_ID, self._one)
        if self._one[0] != _CHIP_ID:
            raise self._error("chip id is 0x%02x, a BME280 has 0x60 (0x58 is a BMP280); check the part" % self._one[0])
        self._write(_RESET, _RESET_NOW)
        time.sleep_ms(_RESET_MS)
        self._await(1, "does not finish its reset; check its supply")
        low, high = bytearray(26), bytearray(7)
        self._read(_CALIBRATION_1, low)
        self._read(_CALIBRATION_2, high)
        self._calibration = parse_calibration(low, high)
        if self._calibration[0] in (0, 0xFFFF) or not self._calibration[3]:
            raise self._error("calibration memory is empty; replace it")

    def start(self):
        """Triggers one measurement; the chip sleeps again by itself."""
        self._write(_CTRL_HUM, _ONCE_HUM)
        self._write(_CTRL_MEAS, _ONCE_FORCED)
        self._pending = True

    def measure(self, env):
        """The measurement start() triggered; without one, triggers it and waits 10 ms."""
        if not self._pending:
            self.start()
            time.sleep_ms(self.WARM_UP_MS)
        self._await(8, "does not finish its measurement; check its supply")
        self._pending = False
        self._read(_DATA, self._data)
        adc_t, adc_p, adc_h = parse_data(self._data)
        if adc_t == _SKIPPED or adc_p == _SKIPPED:
            raise self._error("has measured nothing; it lost its supply since start()")
        temp, pressure, humidity = compensate(self._calibration, adc_t, adc_p, adc_h)
        result = self._result
        result["temp_c"] = temp
        result["rh_pct"] = humidity
        result["pressure_hpa"] = pressure / 100
        at_end = temp in (_T_MIN, _T_MAX) or pressure in (_P_MIN, _P_MAX)
        result["quality"] = SUSPECT if at_end else GOOD
        return result

    def sleep(self):
        """Nothing to do: forced mode ends asleep, at 0.1 uA."""

    def _await(self, bit, cause):
        for _ in range(_WAIT_TRIES):
            self._read(_STATUS, self._one)
            if not self._one[0] & bit:
                return
            time.sleep_ms(1)
        raise self._error(cause)

    def _read(self, register, buf):
        try:
            self._bus.readfrom_mem_into(self._addr, register, buf)
        except OSError:
            raise self._error("does not answer at 0x%02x; check wiring and address" % self._addr)

    def _write(self, register, data):
        try:
            self._bus.writeto_mem(self._addr, register, data)
        except OSError:
            raise self._error("does not acknowledge at 0x%02x; check wiring and address" % self._addr)

    def _error(self, cause):
        return SensorError(self._name, self._where, cause)
