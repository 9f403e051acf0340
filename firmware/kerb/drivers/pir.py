"""Motion detector with a switching output: PIR (HC-SR501, Panasonic EKMC) or radar module (RCWL-0516).

Pin `out_pin` is high for some seconds after a motion; an interrupt notes its rise, so a motion between two measurements is not missed.
Options: `active` (1), the level of motion; `settle_s` (60), how long such a detector sees ghosts after power-on (HC-SR501: a minute);
`stuck_s` (3600): an output active for so long without a break is a defect, and is not taken for motion.
"""

import time

from kerb.drivers.pins import pin_of
from kerb.quality import GOOD, SUSPECT, WARMING


class PIR:
    """`motion`: True when something moved since the last measurement, None while nobody can tell."""

    WARM_UP_MS = 0
    QUANTITIES = ("motion",)

    def __init__(self, bus, options):
        from machine import Pin

        pin = pin_of(options.get("name", "pir"), options, "out_pin")
        self._active = options.get("active", 1)
        self._settle_ms = options.get("settle_s", 60) * 1000
        self._stuck_ms = options.get("stuck_s", 3600) * 1000
        self._result = {"motion": None, "quality": WARMING}
        self._seen = False
        self._settling = True
        self._born = self._rose = time.ticks_ms()
        self._pin = Pin(pin, Pin.IN)
        self._pin.irq(self._moved, Pin.IRQ_RISING if self._active else Pin.IRQ_FALLING)

    def _moved(self, pin):
        self._seen = True

    def start(self):
        """Nothing to do: the detector watches all the time."""

    def measure(self, env):
        """Motion since the last call."""
        now = time.ticks_ms()
        high = self._pin.value() == self._active
        result = self._result
        seen, self._seen = self._seen or high, False
        if self._settling and time.ticks_diff(now, self._born) >= self._settle_ms:
            self._settling = False
        if not high or self._settling:
            self._rose = now
        stuck = time.ticks_diff(now, self._rose) >= self._stuck_ms
        if stuck:
            self._rose = time.ticks_add(now, -self._stuck_ms)  # ticks come round
        result["motion"] = None if stuck or self._settling else seen
        result["quality"] = SUSPECT if stuck else WARMING if self._settling else GOOD
        return result

    def sleep(self):
        """Nothing to do: it must go on watching."""
