"""LIS2MDL three-axis magnetometer on I2C, with its wake-up comparator.

Chip: ST LIS2MDL (IIS2MDC has the same map), AN5069 Rev 4; address 0x1E; 1.5 mG = 0.15 uT a count, temperature 8 counts/C.
Current: 25 uA in low power at 10 Hz, which watches the field; 475 uA at 50 Hz in high resolution (not confirmed; a third of the
noise), which measures it for the second or two of a burst; 1.5 uA idle. Boot takes 20 ms.

The empty-bay field goes into OFFSET and the comparator looks at what is left, so a threshold of a few uT works inside an
earth field of 50 uT. The outputs are offset-corrected too; `measure()` adds the offset back and returns the absolute field.
The chip keeps running while the node sleeps deeply: a new driver object finds it configured and leaves it alone.
"""

import time
from struct import pack_into, unpack_from

from micropython import const

from kerb.errors import ConfigError, SensorError
from kerb.quality import GOOD, SUSPECT

_OFFSET = const(0x45)  # X, Y, Z, 16 bit little endian, subtracted from the outputs
_WHO_AM_I = const(0x4F)
_ID = const(0x40)
_CFG_A = const(0x60)
_CFG_B = const(0x61)
_CFG_C = const(0x62)
_INT_CTRL = const(0x63)
_INT_SOURCE = const(0x64)
_INT_THS = const(0x65)
_STATUS = const(0x67)
_OUT = const(0x68)
_TEMP = const(0x6E)

_WATCH = const(0x90)  # CFG_A: temperature compensation, low power, 10 Hz, continuous
_RUN = const(0x88)  # the same in high resolution at 50 Hz
_IDLE = const(0x93)
_ON_DATAOFF = const(0x08)  # CFG_B: compare after the offset was subtracted
_BDU = const(0x10)  # CFG_C: both bytes of a value belong to one sample
_BDU_INT = const(0x50)  # and the comparator drives the INT pin
# INT_CTRL: X, Y, Z enabled, active high, not latched: the level falls by itself when the field returns, so a node that
# never came to read INT_SOURCE (brown-out, reset) can still be woken by the next car.
_INT_ON = const(0xE5)
_ARMED = const(0x0850E5)  # CFG_B, CFG_C, INT_CTRL together
_DISARMED = const(0x001000)
_READY = const(0x08)  # STATUS: a new sample of all axes
_POLL_MS = const(5)
_POLLS = const(50)  # 250 ms: two periods of the slowest rate and the turn-on time
_WATCH_POLLS = const(24)  # a little more than one of its sample periods

_UT = 0.15  # uT a count
_WATCHES = {"ulp": "kerb.drivers.lis2mdl_ulp"}  # who looks in deep sleep in place of the comparator


def convert(raw, out):
    """Fills out[0..2] with uT from the six output bytes 0x68..0x6D (little endian)."""
    out[0], out[1], out[2] = unpack_from("<hhh", raw, 0)
    for i in range(3):
        out[i] *= _UT
    return out


class LIS2MDL:
    """Options: addr (0x1E), name, where, watch ("ulp") and its pins. `set` takes "baseline" and "threshold_ut"."""

    WARM_UP_MS = 20
    QUANTITIES = ("bx_ut", "by_ut", "bz_ut", "chip_temp_c")

    def __init__(self, bus, options):
        self._bus = bus
        self._addr = options.get("addr", 0x1E)
        self._name = options.get("name", "lis2mdl")
        self._where = options.get("where", "i2c")
        self._one = bytearray(1)
        self._two = bytearray(2)
        self._six = bytearray(6)
        self._offset = [0, 0, 0]
        self._moved = False  # something was set that the pin does not show yet
        self._sample = {"bx_ut": 0.0, "by_ut": 0.0, "bz_ut": 0.0, "chip_temp_c": 0.0, "quality": GOOD}
        self._watch = None
        if "watch" in options:
            watch = __import__(_WATCHES[options["watch"]], None, None, ("Watch",))
            self._watch = watch.Watch(self._name, options["pins"])
        who = self._byte(_WHO_AM_I)
        if who != _ID:
            raise SensorError(self._name, self._where, "WHO_AM_I is 0x%02x, not 0x40; fit a LIS2MDL or name the right part" % who)
        self._configure()
        o = self._offset
        # What the coprocessor kept while the node was starting, as (bx_ut, by_ut, bz_ut).
        self.earlier = [tuple([(c + o[i]) * _UT for i, c in enumerate(kept)]) for kept in self._watch.kept] if self._watch else ()

    def _configure(self):
        """Writes only what differs, so a chip that kept running keeps its baseline and threshold."""
        self._cfg_a = self._byte(_CFG_A)
        if self._cfg_a not in (_WATCH, _RUN):
            self._mode(_IDLE)
        state = self._byte(_CFG_B) << 16 | self._byte(_CFG_C) << 8 | self._byte(_INT_CTRL)
        self._threshold = 0
        if state == _ARMED:
            self._get(_INT_THS, self._two)
            self._threshold = unpack_from("<H", self._two, 0)[0]
        elif state != _DISARMED:
            self._disarm()
        self._get(_OFFSET, self._six)
        self._offset[0], self._offset[1], self._offset[2] = unpack_from("<hhh", self._six, 0)

    @property
    def before(self):
        """The field before the wake, (x, y, z) in uT; None when nobody kept it."""
        counts = self._watch and self._watch.before()
        return counts and tuple([(c + o) * _UT for c, o in zip(counts, self._offset)])

    @property
    def baseline(self):
        """The field in OFFSET, (x, y, z) in uT; zeros after the chip lost its supply."""
        o = self._offset
        return (o[0] * _UT, o[1] * _UT, o[2] * _UT)

    @property
    def threshold_ut(self):
        """What the comparator is set to, uT on any axis; 0 = off."""
        return self._threshold * _UT

    def start(self):
        if self._watch:
            self._watch.halt()
        if self._cfg_a != _RUN:
            self._get(_OUT, self._six)  # a sample left over from before the pause must not count as new
        self._mode(_RUN)

    def ready(self):
        """True when measure() need not wait."""
        return bool(self._byte(_STATUS) & _READY)

    def measure(self, env):
        """Waits for a sample newer than the last one read, at most 250 ms."""
        for _ in range(_POLLS):
            if self.ready():
                break
            time.sleep_ms(_POLL_MS)
        else:
            raise SensorError(self._name, self._where, "no new sample within 250 ms; call start() first or replace the chip")
        raw, offset, sample = self._six, self._offset, self._sample
        self._get(_OUT, raw)
        quality = GOOD
        for i in range(3):
            counts = unpack_from("<h", raw, 2 * i)[0]
            if counts == 32767 or counts == -32768:
                quality = SUSPECT
            sample[self.QUANTITIES[i]] = (counts + offset[i]) * _UT
        # A transfer of its own: read on from 0x6D, chips of this family answer with the X axis again.
        self._get(_TEMP, self._two)
        sample["chip_temp_c"] = 25 + unpack_from("<h", self._two, 0)[0] / 8
        sample["quality"] = quality
        return sample

    def set(self, key, value):
        """"baseline": (x, y, z) in uT or None; "threshold_ut": uT on any axis, 0 or None switches the comparator off."""
        self._moved = True
        if self._watch:
            self._watch.halt()
        if key == "baseline":
            for i in range(3):
                self._offset[i] = 0 if value is None else max(-32768, min(32767, round(value[i] / _UT)))
            pack_into("<hhh", self._six, 0, self._offset[0], self._offset[1], self._offset[2])
            self._send(_OFFSET, self._six)
            self._get(_OUT, self._six)  # the sample in the outputs still carries the old offset: do not wait on it
        elif key == "threshold_ut":
            self._threshold = min(32767, max(1, round(value / _UT))) if value else 0
            if self._threshold:
                pack_into("<H", self._two, 0, self._threshold)
                self._send(_INT_THS, self._two)
                self._put(_CFG_B, _ON_DATAOFF)
                self._put(_CFG_C, _BDU_INT)
                self._put(_INT_CTRL, _INT_ON)
            else:
                self._disarm()
        else:
            raise ConfigError("lis2mdl cannot set '%s'; use 'baseline' or 'threshold_ut'" % key)

    def sleep(self):
        """Idle; with a threshold, low power at 10 Hz, below which the comparator does not run."""
        if self._watch and self._watch.trusted and self._threshold:
            self._mode(_IDLE)
            self._watch.arm(self._threshold)
            return
        moved = self._moved or self._cfg_a == _RUN
        self._mode(_WATCH if self._threshold else _IDLE)
        if self._threshold and moved:
            # What was set reaches the pin with the next sample; a level left high would end a deep sleep at once.
            self._moved = False
            for _ in range(_WATCH_POLLS):
                if not self._byte(_INT_SOURCE) & 1:
                    break
                time.sleep_ms(_POLL_MS)

    def _disarm(self):
        self._put(_INT_CTRL, 0)
        self._put(_CFG_B, 0)
        self._put(_CFG_C, _BDU)

    def _mode(self, cfg_a):
        if self._cfg_a != cfg_a:
            self._put(_CFG_A, cfg_a)
            self._cfg_a = cfg_a

    def _byte(self, register):
        self._get(register, self._one)
        return self._one[0]

    def _get(self, register, buf):
        try:
            self._bus.readfrom_mem_into(self._addr, register, buf)
        except OSError:
            self._silent()

    def _put(self, register, value):
        self._one[0] = value
        self._send(register, self._one)

    def _send(self, register, buf):
        try:
            self._bus.writeto_mem(self._addr, register, buf)
        except OSError:
            self._silent()

    def _silent(self):
        raise SensorError(self._name, self._where, "no answer at 0x%02x; check supply, wiring and pull-ups" % self._addr)
