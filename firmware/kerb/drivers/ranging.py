"""What the drivers of ultrasonic sensors share: a burst of pings, its median, a switched supply."""

import time

from micropython import const

from kerb.errors import ConfigError, SensorError
from kerb.quality import GOOD, SUSPECT

_POLL_MS = const(20)
_LOST = const(65535)  # sorts behind every echo


class Ranger:
    """Options: power_pin, power_on_level (1), burst (5 pings), name, where.

    `echoes_mm` is the whole burst in order of arrival, a list of fixed length that the next measure() overwrites; None =
    no echo, or no answer in time. `distance_mm` is its median, the lower of two; None = not one echo.
    """

    QUANTITIES = ("distance_mm", "echoes_mm")

    def __init__(self, chip, options):
        self._name = options.get("name", chip)
        self._where = options.get("where", "pins")
        self._burst = options.get("burst", 5)
        self._on = options.get("power_on_level", 1)
        self._power = None
        if options.get("power_pin") is not None:
            from machine import Pin

            self._power = Pin(options["power_pin"], Pin.OUT, value=1 - self._on)
        self._echoes = [None] * self._burst
        self._sorted = [_LOST] * self._burst
        self._sample = {"distance_mm": None, "echoes_mm": self._echoes, "quality": GOOD}

    def start(self):
        if self._power:
            self._power.value(self._on)

    def sleep(self):
        if self._power:
            self._power.value(1 - self._on)

    def set(self, key, value):
        raise ConfigError("%s has nothing to set; remove '%s' from the application" % (self._name, key))

    def measure(self, env):
        """One burst; SUSPECT when pings went unanswered or most found nothing."""
        sample, burst = self._sample, self._burst
        for i in range(burst):
            self._echoes[i] = None
        answers = self._listen(self._echoes)
        if not answers:
            self._fail(self._silence())
        echoes = 0
        for i in range(burst):
            mm = self._echoes[i]
            self._sorted[i] = _LOST if mm is None else mm
            echoes += mm is not None
        self._sorted.sort()
        sample["distance_mm"] = self._sorted[(echoes - 1) // 2] if echoes else None
        sample["quality"] = GOOD if answers == burst and 2 * echoes > burst else SUSPECT
        return sample

    def _listen(self, echoes):
        """Fills the echoes in mm; returns how many pings the sensor answered, with or without an echo."""
        raise NotImplementedError

    def _silence(self):
        """What to say when it answered none."""
        raise NotImplementedError

    def _fail(self, cause):
        raise SensorError(self._name, self._where, cause)


class UartRanger(Ranger):
    """A sensor that sends its distances over a UART. A subclass sets `_framer`, whose push() gives a code or -1, `_nearest`
    and `_farthest` in mm, and `_cycle_ms`, the longest time between two distances; `_ask` is sent before each, if any."""

    _ask = b""
    _nearest = _farthest = _cycle_ms = 0

    def __init__(self, chip, bus, options, framer=None):
        super().__init__(chip, options)
        self._framer = framer
        self._bus = bus
        self._buf = bytearray(32)

    def _listen(self, echoes):
        """Drops what came during warm-up, then listens for one burst."""
        while self._read():
            pass
        framer, buf, burst = self._framer, self._buf, self._burst
        framer.reset()
        frames = 0
        now = time.ticks_ms()
        end = time.ticks_add(now, burst * self._cycle_ms)
        ask_at = now
        while True:
            if self._ask and time.ticks_diff(ask_at, time.ticks_ms()) <= 0:
                self._bus.write(self._ask)
                ask_at = time.ticks_add(time.ticks_ms(), self._cycle_ms)
            for i in range(self._read()):
                mm = framer.push(buf[i])
                if mm >= 0:
                    echoes[frames] = mm if self._nearest <= mm <= self._farthest else None
                    frames += 1
                    if frames == burst:
                        return frames
            if time.ticks_diff(end, time.ticks_ms()) <= 0:
                return frames
            time.sleep_ms(_POLL_MS)

    def _silence(self):
        return "no valid frame within %d ms; check supply, rx pin and 9600 baud" % (self._burst * self._cycle_ms)

    def _read(self):
        """Moves waiting bytes into the buffer; returns how many."""
        waiting = min(self._bus.any(), len(self._buf))
        return (self._bus.readinto(self._buf, waiting) or 0) if waiting else 0
