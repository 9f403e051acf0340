"""LIS2DH12 accelerometer on I2C as a tilt sensor.

ST LIS2DH12 data sheet: address 0x19 (SA0 high) or 0x18; low power mode is 8 bit, 16 mg a count at 2 g. The first sample is
there one period and 1 ms after power-up. One count is 0.9 degrees of tilt: enough for a bin that lies on its side, not for a
level.

Between readings it is left at work (3 uA at 10 Hz; 0.5 uA powered down) and keeps in mind, in its latched INT1_SRC, whether it
was ever turned upside down: a lorry tips a bin in 20 s, while the node sleeps. No pin is needed. Position recognition (6D,
AN5005) tells up from down by sign, so a lid at 90 degrees or a bin on its side do not count.
"""

import time
from math import atan2, degrees, sqrt

from micropython import const

from kerb.errors import ConfigError, SensorError
from kerb.quality import GOOD, SUSPECT

_WHO_AM_I = const(0x0F)
_ID = const(0x33)
_CTRL1 = const(0x20)
_CTRL4 = const(0x23)
_CTRL5 = const(0x24)
_INT1_CFG = const(0x30)
_INT1_SRC = const(0x31)
_INT1_THS = const(0x32)
_INT1_DURATION = const(0x33)
_STATUS = const(0x27)
_OUT = const(0xA8)  # OUT_X_L 0x28; bit 7 of the address makes it count up

_POWER_DOWN = const(0x00)
_RUN = const(0x2F)  # CTRL1: 10 Hz, low power, X Y Z
_BDU_2G = const(0x80)
_READY = const(0x08)
_LATCH_INT1 = const(0x08)
_IN_ZONE = const(0xC0)  # AOI, 6D: interrupt while the position is the one asked for
_ACTIVE = const(0x40)
_OVER = const(22)  # counts of 16 mg by which the top points down: 0.35 g, 111 degrees of tilt
_LASTS = const(10)  # samples, 1 s
_POLL_MS = const(10)
_POLLS = const(25)

_AXES = {"x": (0, 1), "y": (1, 1), "z": (2, 1), "-x": (0, -1), "-y": (1, -1), "-z": (2, -1)}  # axis, sign
_G = 62.5  # counts of 16 mg in 1 g


def convert(raw, out):
    """Fills out[0..2] with g from the six output bytes 0x28..0x2D of low power mode (signed high bytes)."""
    for i in range(3):
        high = raw[2 * i + 1]
        out[i] = (high - 256 if high > 127 else high) / _G
    return out


def tilt(g, axis, sign):
    """Angle in degrees, 0..180, between the axis that should point up and the true vertical; g as from convert()."""
    up = g[axis] * sign
    a, b = g[(axis + 1) % 3], g[(axis + 2) % 3]
    # atan2 keeps its precision near 0, where acos loses half its digits to 32-bit floats.
    return degrees(atan2(sqrt(a * a + b * b), up))


class LIS2DH12:
    """Options: addr (0x19), up ("z"; x, y, z, -x, -y or -z), memory (True: keep upside down in mind), name, where.

    `tipped`: it was upside down, more than 111 degrees for a second, since the last measure().
    """

    WARM_UP_MS = 110
    QUANTITIES = ("tilt_deg", "tipped")

    def __init__(self, bus, options):
        self._bus = bus
        self._addr = options.get("addr", 0x19)
        self._name = options.get("name", "lis2dh12")
        self._where = options.get("where", "i2c")
        self._one = bytearray(1)
        self._six = bytearray(6)
        self._g = [0.0, 0.0, 0.0]
        self._sample = {"tilt_deg": 0.0, "tipped": False, "quality": GOOD}
        up = options.get("up", "z")
        if up not in _AXES:
            raise ConfigError("%s cannot have '%s' up; use x, y, z, -x, -y or -z" % (self._name, up))
        self._axis, self._sign = _AXES[up]
        self._get(_WHO_AM_I, self._one)
        if self._one[0] != _ID:
            raise SensorError(
                self._name, self._where, "WHO_AM_I is 0x%02x, not 0x33; fit a LIS2DH12 or name the right part" % self._one[0]
            )
        self._memory = options.get("memory", True)
        self._zone = _IN_ZONE | (0x01 if self._sign > 0 else 0x02) << 2 * self._axis
        self._get(_INT1_CFG, self._one)
        if not self._memory or self._one[0] != self._zone:  # else it is at work since before a deep sleep, and may remember
            self._put(_CTRL1, _POWER_DOWN)
            self._put(_INT1_THS, _OVER)
            self._put(_INT1_DURATION, _LASTS)
            self._put(_CTRL5, _LATCH_INT1)
            self._put(_INT1_CFG, self._zone)
            self.sleep()

    def start(self):
        self._put(_CTRL4, _BDU_2G)
        self._get(_OUT, self._six)  # a sample left over from before the pause must not count as new
        self._put(_CTRL1, _RUN)

    def measure(self, env):
        """One sample; SUSPECT while something but gravity acts on the bin."""
        for _ in range(_POLLS):
            self._get(_STATUS, self._one)
            if self._one[0] & _READY:
                break
            time.sleep_ms(_POLL_MS)
        else:
            raise SensorError(self._name, self._where, "no new sample within 250 ms; call start() first or replace the chip")
        self._get(_OUT, self._six)
        g = convert(self._six, self._g)
        sample = self._sample
        sample["tilt_deg"] = tilt(g, self._axis, self._sign)
        self._get(_INT1_SRC, self._one)  # reading it forgets
        sample["tipped"] = bool(self._one[0] & _ACTIVE)
        square = g[0] * g[0] + g[1] * g[1] + g[2] * g[2]
        sample["quality"] = GOOD if 0.64 <= square <= 1.44 else SUSPECT  # 0.8..1.2 g
        return sample

    def set(self, key, value):
        raise ConfigError("%s has nothing to set; remove '%s' from the application" % (self._name, key))

    def sleep(self):
        self._put(_CTRL1, _RUN if self._memory else _POWER_DOWN)

    def _get(self, register, buf):
        try:
            self._bus.readfrom_mem_into(self._addr, register, buf)
        except OSError:
            self._silent()

    def _put(self, register, value):
        self._one[0] = value
        try:
            self._bus.writeto_mem(self._addr, register, self._one)
        except OSError:
            self._silent()

    def _silent(self):
        raise SensorError(self._name, self._where, "no answer at 0x%02x; check supply, wiring and pull-ups" % self._addr)
