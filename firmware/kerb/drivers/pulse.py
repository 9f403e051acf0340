"""Pulse output of a water, gas, heat or energy meter (S0 of EN 62053-31, reed or open collector), with tamper contacts.

Counted by a pin interrupt while the CPU runs or sleeps lightly, and by the wake each pulse causes in deep sleep when the part has a
wake_pin on the same wire (docs/decisions/0012-field-buses.md). A pulse counts at its beginning.
"""

import time
from struct import pack, unpack

from micropython import const

from kerb.drivers.pins import pin_of
from kerb.errors import ConfigError
from kerb.quality import FAULT, GOOD
from kerb.scaling import scaled

_PULLS = {"up": "PULL_UP", "down": "PULL_DOWN"}
_STATE = "<IBB"
_CUT = const(1)
_LOOP = const(2)


class PULSE:
    """Options: pulse_pin, pull ("up"), active (0: level of a pulse), settle_ms (20: no pulse sooner after the last edge), per_pulse (1),
    start (0: the meter's figure when it was fitted), tamper_pin (a loop closed to ground; open = tampered).
    pin (ADC) and full_scale_v (3.3): resistors at the contact tell a cut line (above cut_share 0.9 of full scale) and a short (below
    short_share 0.1) from a contact.

    Quantities: "PART.count" (pulses), "PART.total" (start + pulses * per_pulse), "PART.tamper" (1 since the loop opened or the line
    failed, until set("tamper", 0)).
    """

    WARM_UP_MS = 0
    QUANTITIES = ()
    OWN_QUANTITIES = ("count", "total", "tamper")  # after the name of the part and a dot
    STATE_BYTES = 6

    def __init__(self, bus, options):
        from machine import ADC, Pin

        self._name = options.get("name", "pulse")
        pin = pin_of(self._name, options, "pulse_pin")
        self._active = options.get("active", 0)
        self._settle_ms = options.get("settle_ms", 20)
        self._per_pulse, self._start = options.get("per_pulse", 1), options.get("start", 0)
        self._count = 0
        self._tamper = 0
        self._edge = time.ticks_add(time.ticks_ms(), -self._settle_ms)
        self._sample = {"quality": GOOD}
        self._share = None
        if "pin" in options:
            adc = ADC(Pin(options["pin"]))
            self._share = adc.read_u16
            self._cut, self._short = 65535 * options.get("cut_share", 0.9), 65535 * options.get("short_share", 0.1)
        pull = options.get("pull", "up")
        pull = getattr(Pin, _PULLS[pull]) if pull in _PULLS else None
        self._loop = None
        if options.get("tamper_pin") is not None:
            self._loop = Pin(options["tamper_pin"], Pin.IN, Pin.PULL_UP)
            self._loop.irq(self._opened, Pin.IRQ_RISING)
        self._pin = Pin(pin, Pin.IN, pull)
        self._pin.irq(self._changed, Pin.IRQ_RISING | Pin.IRQ_FALLING)

    def start(self):
        """Nothing to do: it counts all the time."""

    def measure(self, env):
        sample, name = self._sample, self._name
        broken = False
        if self._share:
            share = self._share()
            broken = not self._short < share < self._cut
        if broken:
            self._tamper |= _CUT
        if self._loop and self._loop.value():
            self._tamper |= _LOOP
        sample[name + ".count"] = self._count
        sample[name + ".total"] = scaled(self._count, self._per_pulse, self._start)
        sample[name + ".tamper"] = int(self._tamper > 0)
        sample["quality"] = FAULT if broken else GOOD
        return sample

    def set(self, key, value):
        """"tamper" 0 forgets a tamper; "count" takes the number up from here."""
        if key == "tamper":
            self._tamper = 0
        elif key == "count":
            self._count = int(value)
        else:
            raise ConfigError("%s has nothing to set called '%s'; it takes 'tamper' and 'count'" % (self._name, key))

    def sleep(self):
        """Nothing to do: it must go on counting."""

    def pack(self):
        """What must survive deep sleep."""
        return pack(_STATE, self._count, self._tamper, self._pin.value() == self._active)

    def unpack(self, data, woken):
        """Takes up the count; a pulse that began in deep sleep (it woke the node, or stands now) is counted."""
        count, tamper, was_active = unpack(_STATE, data)
        self._count += count
        self._tamper |= tamper
        if not was_active and (woken or self._pin.value() == self._active):
            self._count += 1

    def wake_level(self):
        """The level that is news: a contact that stays closed must not wake the node again and again."""
        active = self._pin.value() == self._active
        return 1 - self._active if active else self._active

    def _changed(self, pin):
        now = time.ticks_ms()
        if pin.value() == self._active and time.ticks_diff(now, self._edge) >= self._settle_ms:
            self._count += 1
        self._edge = now

    def _opened(self, pin):
        self._tamper |= _LOOP
