"""A02YYUW ultrasonic distance sensor (DFRobot SEN0311, DYP-A02) on a UART at 9600 8N1.

Frames FF H L SUM (low byte of FF + H + L), mm, every 100 ms; range 30..4500 mm, about 8 mA while powered, so the driver
switches its supply. Anything outside the range, the codes FFFD (no target) and FFFE (interference) of the newer SEN0754
included, is "no echo". The sensor has no identity to check: a missing one shows as missing frames.
"""

import time

from micropython import const

from kerb.errors import ConfigError, SensorError
from kerb.quality import GOOD, SUSPECT

_MIN_MM = const(30)
_MAX_MM = const(4500)
_NO_TARGET = const(0xFFFD)
_CYCLE_MS = const(300)  # slowest cycle with the filter on (RX of the sensor high or open), DFRobot wiki SEN0311
_POLL_MS = const(20)
_LOST = const(65535)  # sorts behind every echo


def parse_frame(buf, at=0):
    """The 16-bit distance of the frame at buf[at:at + 4], in mm and not judged; -1 when header or sum is wrong."""
    high, low = buf[at + 1], buf[at + 2]
    if buf[at] != 0xFF or (0xFF + high + low) & 0xFF != buf[at + 3]:
        return -1
    return high << 8 | low


def in_range(mm):
    """True when the distance is one the sensor can see."""
    return _MIN_MM <= mm <= _MAX_MM


class Framer:
    """Finds frames in a stream: a window of four bytes that moves on by one byte until header and sum agree."""

    def __init__(self):
        self._window = bytearray(4)
        self._fill = 0

    def reset(self):
        self._fill = 0

    def push(self, byte):
        """Takes the next byte; returns the distance when it completes a frame, else -1."""
        w = self._window
        w[0] = w[1]
        w[1] = w[2]
        w[2] = w[3]
        w[3] = byte
        if self._fill < 3:
            self._fill += 1
            return -1
        mm = parse_frame(w)
        # 511 mm is FF 01 FF FF for ever, which is as well FF FF 01 FF for a reader that is out of step: a high byte of FF
        # is only ever a code.
        if mm < 0 or 0xFF00 <= mm < _NO_TARGET:
            return -1
        self._fill = 0
        return mm


class A02YYUW:
    """Options: power_pin, power_on_level (1), burst (5 echoes), name, where.

    `echoes_mm` is the whole burst in order of arrival, a list of fixed length that the next measure() overwrites; None =
    no echo, or no frame in time. `distance_mm` is its median, the lower of two; None = not one echo.
    """

    # Not in the data sheet: DYP states 100..500 ms for the first filtered value after a change, power-up taken as one.
    WARM_UP_MS = 500
    QUANTITIES = ("distance_mm", "echoes_mm")

    def __init__(self, bus, options):
        self._bus = bus
        self._name = options.get("name", "a02yyuw")
        self._where = options.get("where", "uart")
        self._burst = options.get("burst", 5)
        self._on = options.get("power_on_level", 1)
        self._power = None
        if options.get("power_pin") is not None:
            from machine import Pin

            self._power = Pin(options["power_pin"], Pin.OUT, value=1 - self._on)
        self._buf = bytearray(32)
        self._framer = Framer()
        self._echoes = [None] * self._burst
        self._sorted = [_LOST] * self._burst
        self._sample = {"distance_mm": None, "echoes_mm": self._echoes, "quality": GOOD}

    def start(self):
        if self._power:
            self._power.value(self._on)

    def measure(self, env):
        """Drops what came during warm-up, then listens for one burst."""
        while self._read():
            pass
        self._framer.reset()
        sample, burst = self._sample, self._burst
        frames = self._listen()
        if not frames:
            raise SensorError(
                self._name, self._where, "no valid frame within %d ms; check supply, rx pin and 9600 baud" % (burst * _CYCLE_MS)
            )
        echoes = 0
        for i in range(burst):
            mm = self._echoes[i]
            self._sorted[i] = _LOST if mm is None else mm
            echoes += mm is not None
        self._sorted.sort()
        sample["distance_mm"] = self._sorted[(echoes - 1) // 2] if echoes else None
        sample["quality"] = GOOD if frames == burst and 2 * echoes > burst else SUSPECT
        return sample

    def set(self, key, value):
        raise ConfigError("%s has nothing to set; remove '%s' from the application" % (self._name, key))

    def sleep(self):
        if self._power:
            self._power.value(1 - self._on)

    def _listen(self):
        """Fills the echoes; returns how many frames came."""
        echoes, framer, buf = self._echoes, self._framer, self._buf
        for i in range(self._burst):
            echoes[i] = None
        frames = 0
        end = time.ticks_add(time.ticks_ms(), self._burst * _CYCLE_MS)
        while True:
            for i in range(self._read()):
                mm = framer.push(buf[i])
                if mm >= 0:
                    echoes[frames] = mm if in_range(mm) else None
                    frames += 1
                    if frames == self._burst:
                        return frames
            if time.ticks_diff(end, time.ticks_ms()) <= 0:
                return frames
            time.sleep_ms(_POLL_MS)

    def _read(self):
        """Moves waiting bytes into the buffer; returns how many."""
        waiting = min(self._bus.any(), len(self._buf))
        return (self._bus.readinto(self._buf, waiting) or 0) if waiting else 0
