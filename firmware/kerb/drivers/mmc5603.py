"""MMC5603NJ three-axis magnetometer on I2C.

Chip: MEMSIC MMC5603NJ, data sheet Rev B; address 0x30 only; 20 bits, 0.00625 uT a count around 524288; temperature 0.8 C a count.
The chip sets and resets its bridge before each conversion by itself, which takes the drift of its offset with temperature out.
The low nibbles of 0x06..0x08 sit in bits 7..4. One conversion of 6.6 ms (not confirmed); it idles in between.
"""

from micropython import const

from kerb.drivers.magnet import Magnet

_TEMP = const(0x09)
_STATUS = const(0x18)
_CTRL_0 = const(0x1B)
_MEASURE = const(0x21)  # automatic SET and RESET, one field conversion
_MEASURE_T = const(0x02)
_DONE = const(0x40)
_DONE_T = const(0x80)
_NULL = const(524288)
_UT = 0.00625
_CONVERSION_MS = const(20)


def convert(raw, out):
    """Fills out[0..2] with uT from registers 0x00..0x08."""
    for i in range(3):
        out[i] = ((raw[2 * i] << 12 | raw[2 * i + 1] << 4 | raw[6 + i] >> 4) - _NULL) * _UT
    return out


class MMC5603(Magnet):
    QUANTITIES = ("bx_ut", "by_ut", "bz_ut", "chip_temp_c")
    ADDR = 0x30
    ID_AT = 0x39
    ID = 0x10

    def _configure(self):
        self._put(_CTRL_0 + 1, 0)  # 6.6 ms conversions, all axes
        self._put(_CTRL_0 + 2, 0)  # one conversion at a time

    def start(self):
        self._put(_CTRL_0, _MEASURE)

    def _field(self, out):
        self._wait(_STATUS, _DONE, _CONVERSION_MS)
        convert(self._get(0, self._raw), out)
        return max(out) >= (_NULL - 1) * _UT or min(out) <= -_NULL * _UT

    def _temperature(self):
        self._put(_CTRL_0, _MEASURE_T)
        self._wait(_STATUS, _DONE_T, _CONVERSION_MS)
        return self._byte(_TEMP) * 0.8 - 75
