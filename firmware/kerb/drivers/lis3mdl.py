"""LIS3MDL three-axis magnetometer on I2C.

Chip: ST LIS3MDL, data sheet DocID024204 Rev 6; address 0x1E or 0x1C; 6842, 3421, 2281 or 1711 counts a gauss at 4, 8, 12 or 16 G;
temperature 8 counts a C around 25. Its comparator looks at the whole field, so the Earth's 25..65 uT hide a car from it: polled.
270 uA at 20 Hz in its best mode (not confirmed), 1 uA in power-down. A transfer of several registers needs bit 7 of the address.
"""

from micropython import const

from kerb.drivers.magnet import Magnet, scaled

_CTRL_1 = const(0x20)
_FINE = const(0xFC)  # thermometer on, ultra-high performance X and Y, 80 Hz
_CTRL_2 = const(0x21)  # 4 G
_CTRL_3 = const(0x22)
_CONTINUOUS = const(0x00)
_POWER_DOWN = const(0x03)
_CTRL_4 = const(0x23)
_FINE_Z = const(0x0C)
_CTRL_5 = const(0x24)
_BDU = const(0x40)
_STATUS = const(0x27)
_READY = const(0x08)
_MANY = const(0x80)
_OUT = const(0x28)
_TEMP = const(0x2E)
_SAMPLE_MS = const(60)

PER_UT = {"4G": 68.42, "8G": 34.21, "12G": 22.81, "16G": 17.11}  # counts a uT


def convert(raw, full_scale, out):
    """Fills out[0..2] with uT from registers 0x28..0x2D; `full_scale` is a key of PER_UT. True when saturated."""
    return scaled(raw, "<", PER_UT[full_scale], out)


class LIS3MDL(Magnet):
    QUANTITIES = ("bx_ut", "by_ut", "bz_ut", "chip_temp_c")
    ADDR = 0x1E
    ID_AT = 0x0F
    ID = 0x3D

    def _configure(self):
        self._two = bytearray(2)
        for register, value in ((_CTRL_1, _FINE), (_CTRL_2, 0), (_CTRL_3, _POWER_DOWN), (_CTRL_4, _FINE_Z), (_CTRL_5, _BDU)):
            self._put(register, value)

    def start(self):
        self._get(_OUT | _MANY, self._raw)  # a sample left over from before the pause must not count as new
        self._put(_CTRL_3, _CONTINUOUS)

    def _field(self, out):
        self._wait(_STATUS, _READY, _SAMPLE_MS)
        return convert(self._get(_OUT | _MANY, self._raw), "4G", out)

    def _temperature(self):
        raw = self._get(_TEMP | _MANY, self._two)
        counts = raw[1] << 8 | raw[0]
        return 25 + (counts - 65536 if counts > 32767 else counts) / 8

    def sleep(self):
        self._put(_CTRL_3, _POWER_DOWN)
