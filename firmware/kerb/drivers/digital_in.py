"""A contact or logic signal on a pin: 1 or 0, and how often it rose since power-on or the last deep sleep."""

import time

from kerb.drivers.pins import pin_of
from kerb.errors import ConfigError
from kerb.quality import GOOD

_PULLS = {"up": "PULL_UP", "down": "PULL_DOWN"}


class DIGITAL_IN:
    """Options: input_pin, pull ("up", "down" or "none"), active (1: the level that means 1), settle_ms (5).

    Quantities are "PART.state" and "PART.changes", a count of the moments it became 1 that lasted settle_ms from the one before.
    """

    WARM_UP_MS = 0
    QUANTITIES = ()
    OWN_QUANTITIES = ("state", "changes")  # after the name of the part and a dot

    def __init__(self, bus, options):
        from machine import Pin

        self._name = options.get("name", "digital_in")
        pin = pin_of(self._name, options, "input_pin")
        pull = options.get("pull", "none")
        self._active = options.get("active", 1)
        self._settle_ms = options.get("settle_ms", 5)
        self._changes = 0
        self._seen = None  # level of the pin when last measured
        self._last = time.ticks_add(time.ticks_ms(), -self._settle_ms)
        self._sample = {"quality": GOOD}
        self._pin = Pin(pin, Pin.IN, getattr(Pin, _PULLS[pull]) if pull in _PULLS else None)
        self._pin.irq(self._changed, Pin.IRQ_RISING if self._active else Pin.IRQ_FALLING)

    def start(self):
        """Nothing to do."""

    def measure(self, env):
        sample = self._sample
        self._seen = self._pin.value()
        sample[self._name + ".state"] = int(self._seen == self._active)
        sample[self._name + ".changes"] = self._changes
        return sample

    def set(self, key, value):
        raise ConfigError("%s has nothing to set; remove '%s' from the application" % (self._name, key))

    def sleep(self):
        """Nothing to do: a pin draws nothing."""

    def wake_level(self):
        """The level that is news: not the one last measured, so a held contact wakes the node once, and one that moved since at once.
        """
        return 1 - (self._pin.value() if self._seen is None else self._seen)

    def _changed(self, pin):
        now = time.ticks_ms()
        if time.ticks_diff(now, self._last) >= self._settle_ms:
            self._changes += 1
        self._last = now
