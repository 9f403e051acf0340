"""What the polled magnetometers share: the bus, the identity check, the wait for a conversion, the sample.

None of these chips watches the field while the node sleeps, so the node polls them (`period_s`). `set` takes what the parking
application gives a comparator ("baseline", "threshold_ut") and has nothing to do with it.
"""

import time
from struct import unpack_from

from micropython import const

from kerb.errors import ConfigError, SensorError
from kerb.quality import GOOD, SUSPECT

_POLL_MS = const(2)


def scaled(raw, order, counts_per_ut, out):
    """Fills out[0..2] with uT from six bytes of three 16-bit counts; `order` is "<" or ">". True when a count is saturated."""
    full = False
    for i in range(3):
        counts = unpack_from(order + "h", raw, 2 * i)[0]
        full = full or counts == 32767 or counts == -32768
        out[i] = counts / counts_per_ut
    return full


class Magnet:
    """Options: addr, name, where. A chip's file gives ADDR, ID_AT, ID and `_field(out)`, which fills uT and tells saturation."""

    WARM_UP_MS = 0
    QUANTITIES = ("bx_ut", "by_ut", "bz_ut")
    ADDR = ID_AT = ID = 0

    def __init__(self, bus, options):
        self._bus = bus
        self._addr = options.get("addr", self.ADDR)
        self._name = options.get("name", self.__class__.__name__.lower())
        self._where = options.get("where", "i2c")
        self._one = bytearray(1)
        self._raw = bytearray(9)
        self._values = [0.0, 0.0, 0.0]
        self._sample = {"quality": GOOD}
        for key in self.QUANTITIES:
            self._sample[key] = 0.0
        self._prepare()
        who = self._byte(self.ID_AT)
        if who != self.ID:
            self._fail("identity is 0x%02x, not 0x%02x; fit a %s or name the right part" % (who, self.ID, self.__class__.__name__))
        self._configure()

    def _prepare(self):
        """What the chip needs before it tells its identity."""

    def _configure(self):
        """Once, after the identity was found right."""

    def start(self):
        """Begins a conversion."""

    def measure(self, env):
        values, sample = self._values, self._sample
        sample["quality"] = SUSPECT if self._field(values) else GOOD
        for i in range(3):
            sample[self.QUANTITIES[i]] = values[i]
        if len(self.QUANTITIES) > 3:
            sample[self.QUANTITIES[3]] = self._temperature()
        return sample

    def _field(self, out):
        """Fills out[0..2] with uT of the conversion under way; True when saturated."""
        raise NotImplementedError

    def set(self, key, value):
        if key not in ("baseline", "threshold_ut"):
            raise ConfigError("%s cannot set '%s'; use 'baseline' or 'threshold_ut'" % (self._name, key))

    def sleep(self):
        """Nothing to do: the chip idles by itself after a conversion."""

    def _wait(self, register, mask, ms):
        """Until a bit of the mask is set; SensorError after about `ms`."""
        for _ in range(ms // _POLL_MS + 1):
            if self._byte(register) & mask:
                return
            time.sleep_ms(_POLL_MS)
        self._fail("no new sample within %d ms; call start() first or replace the chip" % ms)

    def _byte(self, register):
        return self._get(register, self._one)[0]

    def _get(self, register, buf):
        try:
            self._bus.readfrom_mem_into(self._addr, register, buf)
        except OSError:
            self._silent()
        return buf

    def _put(self, register, value):
        self._one[0] = value
        try:
            self._bus.writeto_mem(self._addr, register, self._one)
        except OSError:
            self._silent()

    def _silent(self):
        self._fail("no answer at 0x%02x; check supply, wiring and pull-ups" % self._addr)

    def _fail(self, cause):
        raise SensorError(self._name, self._where, cause)
