"""MMC5983MA three-axis magnetometer on I2C, by pairs of SET and RESET.

Chip: MEMSIC MMC5983MA, data sheet Rev A; address 0x30; 18 bits, 16384 counts a gauss around 131072; temperature 0.8 C a count.
Each reading is half the difference of a conversion after SET and one after RESET: the bridge's offset and its drift with
temperature, up to 0.5 uT/C, are in both and go out. Two conversions of 8 ms, 450 uA at 100 Hz (not confirmed), 1 uA between them.
"""

import time

from micropython import const

from kerb.drivers.magnet import Magnet

_TEMP = const(0x07)
_STATUS = const(0x08)
_CTRL_0 = const(0x09)
_MEASURE = const(0x01)
_MEASURE_T = const(0x02)
_SET = const(0x08)
_RESET = const(0x10)
_DONE = const(0x01)
_DONE_T = const(0x02)
_NULL = const(131072)
_PER_UT = 163.84  # counts a uT
_CONVERSION_MS = const(20)  # 8 ms at the widest bandwidth, and slack


def counts(raw, out):
    """Fills out[0..2] with the 18-bit counts of registers 0x00..0x06, zero field = 0."""
    low = raw[6]
    for i in range(3):
        out[i] = (raw[2 * i] << 10 | raw[2 * i + 1] << 2 | low >> (6 - 2 * i) & 3) - _NULL
    return out


def convert(raw, out):
    """Fills out[0..2] with uT from registers 0x00..0x06; the offset of the bridge is in it."""
    counts(raw, out)
    for i in range(3):
        out[i] /= _PER_UT
    return out


class MMC5983MA(Magnet):
    QUANTITIES = ("bx_ut", "by_ut", "bz_ut", "chip_temp_c")
    ADDR = 0x30
    ID_AT = 0x2F
    ID = 0x30

    def _configure(self):
        self._seven = bytearray(7)
        self._after_set = [0, 0, 0]
        self._after_reset = [0, 0, 0]
        self._put(_CTRL_0 + 1, 0)  # 8 ms conversions, all axes
        self._put(_CTRL_0 + 2, 0)  # one conversion at a time

    def _field(self, out):
        self._convert(_SET, self._after_set)
        self._convert(_RESET, self._after_reset)
        full = False
        for i in range(3):
            a, b = self._after_set[i], self._after_reset[i]
            full = full or max(abs(a), abs(b)) >= _NULL - 1
            out[i] = (a - b) / (2 * _PER_UT)
        return full

    def _convert(self, pulse, out):
        self._put(_CTRL_0, pulse)
        time.sleep_ms(1)  # the pulse takes 0.5 ms
        self._put(_CTRL_0, _MEASURE)
        self._wait(_STATUS, _DONE, _CONVERSION_MS)
        counts(self._get(0, self._seven), out)

    def _temperature(self):
        self._put(_CTRL_0, _MEASURE_T)
        self._wait(_STATUS, _DONE_T, _CONVERSION_MS)
        return self._byte(_TEMP) * 0.8 - 75
