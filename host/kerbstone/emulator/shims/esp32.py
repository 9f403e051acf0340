"""`esp32`: wake sources, NVS, chip temperature, partitions."""

import _link

_CHUNK = 256  # bytes of a program in one packet

WAKEUP_ALL_LOW = False
WAKEUP_ANY_HIGH = True


def wake_on_ext0(pin=None, level=True):
    _link.ask("wake_ext", 0, [] if pin is None else [pin._id], 1 if level else 0)


def wake_on_ext1(pins=None, level=False):
    _link.ask("wake_ext", 1, [p._id for p in pins or ()], 1 if level else 0)


def wake_on_gpio(pins=None, level=False):
    _link.ask("wake_ext", 2, [p._id for p in pins or ()], 1 if level else 0)


def gpio_deep_sleep_hold(enable):
    _link.ask("hold", bool(enable))


def mcu_temperature():
    return _link.ask("mcu_temperature")


def raw_temperature():
    return int(mcu_temperature() * 1.8 + 32)


def wake_on_ulp(wake):
    _link.ask("ulp_wake", bool(wake))


class ULP:
    """The coprocessor: programs in RTC slow memory, started by a timer of their own."""

    RESERVE_MEM = 2040

    def set_wakeup_period(self, period_index, period_us):
        _link.ask("ulp_period", period_index, period_us)

    def load_binary(self, load_addr, program_binary):
        view = memoryview(program_binary)
        for i in range(0, len(view), _CHUNK):
            _link.ask("ulp_bytes", i, bytes(view[i : i + _CHUNK]).hex())
        _link.ask("ulp_load", load_addr, len(view))

    def run(self, entry_point):
        _link.ask("ulp_run", entry_point)


class RMT:
    """A transmitter of the remote-control unit: plays out runs of levels."""

    PULSE_MAX = 32767

    def __init__(self, channel, *, pin, clock_div=8, idle_level=False, tx_carrier=None):
        if not 1 <= clock_div <= 255:
            raise ValueError("clock_div must be between 1 and 255")
        self._channel = channel
        self._us = clock_div / 80  # of one tick: the source runs at 80 MHz
        self._end = 0
        _link.ask("rmt_init", channel, pin._id, 1 if idle_level else 0)

    def write_pulses(self, duration, data=True):
        if max(duration) > self.PULSE_MAX:
            raise ValueError("duration must be less than %d" % self.PULSE_MAX)
        runs = [ticks * self._us for ticks in duration]
        _link.ask("rmt_write", self._channel, runs, 1 if data else 0)
        self._end = _link.now + int(sum(runs))

    def wait_done(self, *, timeout=0):
        _link.sleep_us(max(0, min(self._end - _link.now, timeout * 1000)))
        return _link.now >= self._end


class NVS:
    """Key-value store of the port: integers and blobs by name, kept apart from the file system."""

    def __init__(self, namespace):
        self._space = namespace

    def set_i32(self, key, value):
        _done(_link.ask("nvs_set", self._space, key, int(value)))

    def get_i32(self, key):
        value = _link.ask("nvs_get", self._space, key)
        if value is None:
            raise OSError(-0x1102)
        return value

    def set_blob(self, key, value):
        view = memoryview(value)
        for i in range(0, len(view), _link.ROOM):
            _link.call(_link.CALL, 5, 1, view[i : i + _link.ROOM])
        _done(_link.call(_link.CALL, 5, 0, (self._space + "\0" + key).encode()))

    def get_blob(self, key, buf):
        name = (self._space + "\0" + key).encode()
        at = 0
        while True:
            size = _link.call(_link.CALL, 4, at, name)
            if size < 0:
                raise OSError(-0x1102)
            if size > len(buf):
                raise OSError(-0x110C)
            part = _link.data()
            buf[at : at + len(part)] = part
            at += len(part)
            if at >= size:
                return size

    def erase_key(self, key):
        if _link.ask("nvs_get", self._space, key) is None and _link.call(_link.CALL, 4, 0, (self._space + "\0" + key).encode()) < 0:
            raise OSError(-0x1102)
        _link.ask("nvs_set", self._space, key, None)

    def commit(self):
        pass


def _done(error):
    if error:
        raise OSError(-error)


class Partition:
    """Loaded when it is asked for: no ordinary wake does, and on a board it takes nothing of the heap."""

    BOOT = 0
    RUNNING = 1
    TYPE_APP = 0
    TYPE_DATA = 1

    def __new__(cls, *args):
        import _partition

        return _partition.by_name(*args)

    @staticmethod
    def find(*args, **kwargs):
        import _partition

        return _partition.Partition.find(*args, **kwargs)

    @staticmethod
    def mark_app_valid_cancel_rollback():
        _done(_link.ask("part_valid"))


if _link.hello["port"] != "esp32":
    raise ImportError("no module named 'esp32'")

# A chip's port has only the wake sources the chip has.
for _name in ("wake_on_ext0", "wake_on_ext1", "wake_on_gpio"):
    if _name not in _link.hello["wake_calls"]:
        del globals()[_name]
if not _link.hello["ulp"]:
    del ULP, wake_on_ulp
