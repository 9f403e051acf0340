"""QMC5883P three-axis magnetometer on I2C, what boards named "GY-271" carry now.

Chip: QST QMC5883P, data sheet Rev C; address 0x2C, identity 0x80 at 0x00; 1000, 2500, 3750 or 15000 counts a gauss at 30, 12, 8 or
2 G. It has no thermometer. Currents as the QMC5883L's (not confirmed).
"""

from micropython import const

from kerb.drivers.magnet import scaled
from kerb.drivers.qmc5883l import QMC5883L

_SINGLE = const(0x02)  # one conversion at the highest oversampling, then suspended
_CTRL_2 = const(0x0B)
_RANGE_8G = const(0x08)  # SET and RESET on
_SIGN = const(0x29)

PER_UT = {"30G": 10, "12G": 25, "8G": 37.5, "2G": 150}  # counts a uT


def convert(raw, full_scale, out):
    """Fills out[0..2] with uT from registers 0x01..0x06; `full_scale` is a key of PER_UT. True when saturated."""
    return scaled(raw, "<", PER_UT[full_scale], out)


class QMC5883P(QMC5883L):
    ADDR = 0x2C
    ID_AT = 0x00
    ID = 0x80
    OUT, STATUS, CTRL_1, RUN, STANDBY = 0x01, 0x09, 0x0A, _SINGLE, 0  # suspended
    PER_UT = PER_UT["8G"]

    def _prepare(self):
        """Nobody sells another chip under this name."""

    def _configure(self):
        self._put(_SIGN, 0x06)  # the directions of the axes the data sheet draws
        self._put(_CTRL_2, _RANGE_8G)
