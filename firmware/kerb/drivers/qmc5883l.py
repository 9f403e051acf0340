"""QMC5883L three-axis magnetometer on I2C.

Chip: QST QMC5883L, data sheet Rev 1.0; address 0x0D; 12000 (2 G) or 3000 (8 G) counts a gauss. Its thermometer has no calibrated
zero, so it is not read. 75 uA at 10 Hz (not confirmed), 3 uA in standby.
Boards sold with this name often carry a QMC5883P, whose map is another: an error says so.
"""

from micropython import const

from kerb.drivers.magnet import Magnet, scaled

_READY = const(0x01)
_OVERFLOW = const(0x02)
_RUN = const(0x11)  # continuous, 10 Hz, 8 G, 512 samples averaged
_CTRL_2 = const(0x0A)
_PERIOD = const(0x0B)  # the data sheet wants 1 here
_OTHER_ADDR = const(0x2C)  # QMC5883P, identity 0x80 at 0x00
_SAMPLE_MS = const(250)

PER_UT = {"2G": 120, "8G": 30}  # counts a uT


def convert(raw, full_scale, out):
    """Fills out[0..2] with uT from registers 0x00..0x05; `full_scale` is a key of PER_UT. True when saturated."""
    return scaled(raw, "<", PER_UT[full_scale], out)


class QMC5883L(Magnet):
    ADDR = 0x0D
    ID_AT = 0x0D
    ID = 0xFF
    # Where this map has what its successor's has elsewhere.
    OUT, STATUS, CTRL_1, RUN, STANDBY = 0x00, 0x06, 0x09, _RUN, 0
    PER_UT = PER_UT["8G"]

    def _prepare(self):
        try:
            self._bus.readfrom_mem_into(_OTHER_ADDR, 0, self._one)
        except OSError:
            return
        if self._one[0] == 0x80:
            self._fail("a QMC5883P answers at 0x2c; name driver 'qmc5883p'")

    def _configure(self):
        self._put(_CTRL_2, 0x01)  # the pin stays quiet
        self._put(_PERIOD, 0x01)
        self._put(self.CTRL_1, self.STANDBY)

    def start(self):
        self._put(self.CTRL_1, self.RUN)

    def _field(self, out):
        self._wait(self.STATUS, _READY, _SAMPLE_MS)
        overflow = self._byte(self.STATUS) & _OVERFLOW
        return bool(scaled(self._get(self.OUT, self._raw), "<", self.PER_UT, out) or overflow)

    def sleep(self):
        self._put(self.CTRL_1, self.STANDBY)
