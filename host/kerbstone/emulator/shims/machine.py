"""`machine` of an ESP32 or RP2 port, carried out by the emulated board."""

import _link
from _analog import ADC, PWM  # noqa: F401
from _bus import I2C, SPI, UART, SoftI2C, SoftSPI  # noqa: F401
from _pin import Pin, Signal  # noqa: F401
from _timing import RTC, WDT, Timer  # noqa: F401

PWRON_RESET = 1
HARD_RESET = 2
WDT_RESET = 3
DEEPSLEEP_RESET = 4
SOFT_RESET = 5
PIN_WAKE = 2
EXT0_WAKE = 2
EXT1_WAKE = 3
TIMER_WAKE = 4
TOUCHPAD_WAKE = 5
ULP_WAKE = 6
IDLE = 0
SLEEP = 2
DEEPSLEEP = 4

_LIGHT = 2
_DEEP = 3
_RESET = 4


def _gone():
    """The chip is being reset: nothing after this line runs."""
    while True:
        _link.wait(1 << 50, 6)


def _span(ms):
    limit = _link.hello["max_sleep_ms"]
    if ms is not None and limit and ms > limit:
        raise ValueError("sleep too long")
    if ms is None or (not ms and _link.hello["port"] == "esp32"):
        return -1  # the ESP32 port sets no timer for 0
    return int(ms)


def lightsleep(ms=None):
    ms = _span(ms)
    _link.wait(1 << 50 if ms < 0 else ms * 1000, _LIGHT)


def deepsleep(ms=None):
    ms = _span(ms)
    _link.wait(1 << 50 if ms < 0 else ms * 1000, _DEEP)
    _gone()


def idle():
    _link.wait(1000, 1)


def reset():
    _link.wait(0, _RESET)
    _gone()


def soft_reset():
    _link.wait(0, 7)
    _gone()


def bootloader(timeout=0):
    _link.ask("bootloader")
    _gone()


def reset_cause():
    return _link.own("reset_cause")


def wake_reason():
    return _link.own("wake_reason")


def unique_id():
    return bytes.fromhex(_link.hello["unique_id"])


def freq(hz=None):
    if hz is None:
        return _link.hello["freq"]
    _link.hello["freq"] = hz


def disable_irq():
    return 0


def enable_irq(state=0):
    pass


class _Flash:
    """The RP2040's window on its flash, as words or bytes. Of the pages the last is kept: no code of the port writes there."""

    def __init__(self, size):
        self._size = size
        self._page = -1
        self._data = b""

    def __getitem__(self, address):
        if not 0x10000000 <= address < 0x15000000 or address % self._size:
            raise ValueError("address 0x%08x is not modelled, or not aligned" % address)
        page = address & ~255
        if page != self._page:
            _link.call(_link.CALL, 6, 0, page.to_bytes(4, "little"))
            self._page, self._data = page, _link.data()
        return int.from_bytes(self._data[address - page : address - page + self._size], "little")


class _Words:
    """RTC slow memory and RTC registers of an ESP32-S3, as 32-bit words."""

    def _known(self, address):
        if address % 4 or not (0x50000000 <= address < 0x50002000 or 0x60008000 <= address < 0x60009000):
            raise ValueError("address 0x%08x is not modelled, or not aligned" % address)
        return address

    def __getitem__(self, address):
        return _link.ask("mem32", self._known(address), None)

    def __setitem__(self, address, value):
        _link.ask("mem32", self._known(address), value & 0xFFFFFFFF)


if _link.hello["port"] == "rp2":
    mem8, mem16, mem32 = _Flash(1), _Flash(2), _Flash(4)
elif _link.hello["ulp"]:
    mem32 = _Words()


def time_pulse_us(pin, level, timeout_us=1000000):
    return _link.call(_link.PULSE, level, pin._id, timeout_us.to_bytes(4, "little"))


class Counter:
    """A pulse counter unit; counts rising edges."""

    RISING = 1
    FALLING = 2
    UP = 1
    DOWN = 2

    def __init__(self, id, src=None, **kwargs):
        self._id = id
        if src is not None:
            _link.ask("counter", id, src._id)

    def value(self, count=None):
        return _link.ask("counter_value", self._id, count)


class _Backup:
    """Scratch registers that survive a reset, one 32-bit word an item."""

    itemsize = 4

    def __len__(self):
        return _link.hello["backup_bytes"] // 4

    def __getitem__(self, i):
        if not 0 <= i < len(self):
            raise IndexError
        return _link.ask("backup_get", i)

    def __setitem__(self, i, word):
        if not 0 <= i < len(self):
            raise IndexError
        _link.ask("backup_set", i, word)


def mem_backup(region=0):
    return _Backup() if region >= 0 else (_Backup(),)


if _link.hello["port"] == "rp2":
    del wake_reason, EXT0_WAKE, EXT1_WAKE, TIMER_WAKE, TOUCHPAD_WAKE, ULP_WAKE, PIN_WAKE, HARD_RESET, DEEPSLEEP_RESET, SOFT_RESET
    WDT_RESET = 3
    del SLEEP, DEEPSLEEP, IDLE, Counter
if not _link.hello["backup_bytes"]:
    del mem_backup
