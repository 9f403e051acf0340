"""BMM150 three-axis magnetometer on I2C, with its trim and Hall resistance.

Chip: Bosch BMM150, data sheet Rev 1.4 and the arithmetic of Bosch's own driver in its float form; address 0x10..0x13.
The raw counts mean nothing without the trim registers and the resistance measured with each sample. Regular preset (9 and 15
repetitions), forced mode: some 10 ms a sample; 500 uA at 10 Hz (not confirmed), 1 uA suspended.
"""

import time
from struct import unpack_from

from micropython import const

from kerb.drivers.magnet import Magnet

_OUT = const(0x42)  # X 13 bits, Y 13, Z 15, RHALL 14, little endian, left justified
_READY_AT = const(0x48)
_READY = const(0x01)
_POWER = const(0x4B)
_OPERATION = const(0x4C)
_FORCED = const(0x02)
_SLEEP = const(0x06)
_REPEAT_XY = const(0x51)
_REPEAT_Z = const(0x52)
_TRIM = const(0x5D)
_WAKE_MS = const(3)
_SAMPLE_MS = const(40)
_OVER_XY = const(-4096)
_OVER_Z = const(-16384)


def trim_of(raw):
    """(x1, y1, x2, y2, z1, z2, z3, z4, xy1, xy2, xyz1) from registers 0x5D..0x71."""
    x1, y1 = unpack_from("<bb", raw, 0)
    z4, x2, y2 = unpack_from("<hbb", raw, 5)
    z2, z1, xyz1, z3, xy2, xy1 = unpack_from("<hHHhbB", raw, 11)
    return (x1, y1, x2, y2, z1, z2, z3, z4, xy1, xy2, xyz1 & 0x7FFF)


def compensate(trim, x, y, z, rhall, out):
    """Fills out[0..2] with uT from right-shifted counts. An axis that overflowed, or a sample without RHALL, reads 0: True then."""
    x1, y1, x2, y2, z1, z2, z3, z4, xy1, xy2, xyz1 = trim
    out[0] = out[1] = out[2] = 0.0
    lost = not (rhall and xyz1)
    if not lost:
        ratio = xyz1 * 16384 / rhall - 16384
        gain = xy2 * (ratio * ratio / 268435456) + ratio * xy1 / 16384 + 256
        for i, counts, second, first in ((0, x, x2, x1), (1, y, y2, y1)):
            if counts == _OVER_XY:
                lost = True
            else:
                out[i] = (counts * (gain * (second + 160)) / 8192 + first * 8) / 16
        scale = z2 + z1 * rhall / 32768
        if z == _OVER_Z or not (z1 and z2 and scale):
            lost = True
        else:
            out[2] = ((z - z4) * 131072 - z3 * (rhall - xyz1)) / (scale * 64)
    return lost


class BMM150(Magnet):
    ADDR = 0x10
    ID_AT = 0x40
    ID = 0x32

    def _prepare(self):
        self._put(_POWER, 1)  # suspended it does not tell its identity
        time.sleep_ms(_WAKE_MS)

    def _configure(self):
        self._eight = bytearray(8)
        self._trim = trim_of(self._get(_TRIM, bytearray(21)))
        self._awake()

    def _awake(self):
        self._put(_OPERATION, _SLEEP)
        self._put(_REPEAT_XY, 4)
        self._put(_REPEAT_Z, 14)
        self._suspended = False

    def start(self):
        if self._suspended:
            self._prepare()
            self._awake()
        self._put(_OPERATION, _FORCED)

    def _field(self, out):
        self._wait(_READY_AT, _READY, _SAMPLE_MS)
        x, y, z, hall = unpack_from("<hhhH", self._get(_OUT, self._eight), 0)
        return compensate(self._trim, x >> 3, y >> 3, z >> 1, hall >> 2, out)

    def sleep(self):
        self._put(_POWER, 0)
        self._suspended = True
