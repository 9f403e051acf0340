"""Pin and Signal."""

from struct import pack

import _link


class Pin:
    IN = 0
    OUT = 1
    OPEN_DRAIN = 2
    PULL_UP = 1
    PULL_DOWN = 2
    IRQ_RISING = 1
    IRQ_FALLING = 2
    WAKE_LOW = 4
    WAKE_HIGH = 5
    DRIVE_0 = 0
    DRIVE_1 = 1
    DRIVE_2 = 2
    DRIVE_3 = 3

    def __init__(self, id, mode=-1, pull=-1, *, value=None, drive=0, hold=None, alt=-1):
        if isinstance(id, Pin):
            id = id._id
        if isinstance(id, int):
            self._id = id
            self.init(mode, pull, value=value, hold=hold)
        else:
            self._id = _link.ask("pin", id, mode, pull, value, hold)

    def init(self, mode=-1, pull=-1, *, value=None, drive=0, hold=None, alt=-1):
        level = -1 if value is None else 1 if value else 0
        _link.post(_link.PIN_SETUP, 0, self._id, pack("<bbb", mode, level, -1 if hold is None else 1 if hold else 0))

    def value(self, v=None):
        if v is None:
            return _link.steady(_link.PIN_GET, 0, self._id)
        _link.post(_link.PIN_SET, 1 if v else 0, self._id)

    def __call__(self, v=None):
        return self.value(v)

    def on(self):
        self.value(1)

    def off(self):
        self.value(0)

    high = on
    low = off

    def toggle(self):
        self.value(not self.value())

    def irq(self, handler=None, trigger=3, *, priority=1, wake=None, hard=False):
        source = "pin%d" % self._id
        if handler is None:
            _link.handlers.pop(source, None)
            _link.ask("pin_irq", self._id, 0, wake)
        else:
            _link.handlers[source] = lambda what: handler(self)
            _link.ask("pin_irq", self._id, trigger, wake)
        return self

    def __repr__(self):
        return "Pin(%d)" % self._id


class Signal:
    """A pin whose active level may be low."""

    def __init__(self, pin, *args, invert=False, **kwargs):
        self._pin = pin if isinstance(pin, Pin) else Pin(pin, *args, **kwargs)
        self._invert = invert

    def value(self, v=None):
        if v is None:
            return self._pin.value() ^ self._invert
        self._pin.value(bool(v) ^ self._invert)

    __call__ = value

    def on(self):
        self.value(1)

    def off(self):
        self.value(0)
