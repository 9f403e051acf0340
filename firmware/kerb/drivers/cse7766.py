"""Chipsea CSE7766 mains energy meter (also CSE7759B), which sends its readings by itself (user manual rev 1.2).

Bus: 4800 baud, 8 bits, even parity; 24 bytes every 50 ms. Current: 6 mA at 5 V (unconfirmed); it never sleeps.
Options: `current_scale` (1.0), `voltage_scale` (1.0): what the shunt and the divider of the board make of the chip's volts and amperes;
the chip's own coefficients fit 1 mohm and 1 Mohm (divider 1000:1).
"""

from micropython import const

from kerb.drivers.framing import Framer
from kerb.drivers.meter import MOST_V, Meter, power_factor
from kerb.errors import SensorError
from kerb.quality import FAULT, GOOD, SUSPECT

_SIZE = const(24)
_MARK = const(0x5A)
_PLAIN = const(0x55)
_UNCALIBRATED = const(0xAA)
_NOTES = const(0xF0)  # heads from here carry what is out of range in their low bits
_NO_VOLTAGE, _NO_CURRENT, _NO_POWER, _NO_COEFFICIENTS = const(8), const(4), const(2), const(1)
_TIMEOUT_MS = const(200)  # four frames


def frame_ok(frame):
    """True if the 24 bytes have a head, the mark and the right sum."""
    total = 0
    for i in range(2, 23):
        total += frame[i]
    return starts(frame[0]) and frame[1] == _MARK and total & 0xFF == frame[23]


def starts(byte):
    return byte in (_PLAIN, _UNCALIBRATED) or byte >= _NOTES


def convert(frame):
    """(V, A, W, CF pulses, True when too little flows to be measured): coefficient over cycle, as the chip is calibrated."""
    head = frame[0]
    notes = head & 0x0F if head >= _NOTES else 0
    volt = 0.0 if notes & _NO_VOLTAGE else _ratio(frame, 2)
    idle = bool(notes & _NO_POWER)
    return volt, 0.0 if notes & _NO_CURRENT else _ratio(frame, 8), 0.0 if idle else _ratio(frame, 14), frame[21] << 8 | frame[22], idle


def _ratio(frame, at):
    coefficient = frame[at] << 16 | frame[at + 1] << 8 | frame[at + 2]
    cycle = frame[at + 3] << 16 | frame[at + 4] << 8 | frame[at + 5]
    return coefficient / cycle if cycle else 0.0


class CSE7766(Meter):
    """Voltage, current, active power, power factor (None below 1 VA) and energy, which the chip's pulses count.

    The counter has 16 bits: at 400 W it comes round in a quarter of an hour, so measure at least every ten minutes.
    """

    WARM_UP_MS = 0
    QUANTITIES = ("volt_v", "current_a", "power_w", "energy_kwh", "power_factor")

    def __init__(self, bus, options):
        self._bus = bus
        super().__init__("cse7766", "UART", options)
        self._volts = options.get("voltage_scale", 1.0)
        self._amps = options.get("current_scale", 1.0)
        self._framer = Framer(self._probe, _SIZE)
        self._frame = bytearray(_SIZE)
        self._coefficients = self._strange = b""
        self._result = {"quality": GOOD}
        self._last = None
        bus.init(4800, bits=8, parity=0, stop=1)  # 0 is even
        self.start()
        self._next()

    def start(self):
        """Drops what came while nobody listened: it is old."""
        self._framer.drain(self._bus)

    def measure(self, env):
        """Waits for the next whole frame, 50 to 100 ms."""
        self.start()
        frame = self._next()
        head = frame[0]
        volt, amp, watt, pulses, _ = convert(frame)
        result = self._result
        volt *= self._volts
        amp *= self._amps
        scale = self._volts * self._amps
        watt *= scale
        self._count(pulses, (frame[14] << 16 | frame[15] << 8 | frame[16]) * scale)
        apparent = volt * amp
        result["volt_v"], result["current_a"], result["power_w"] = volt, amp, watt
        result["energy_kwh"] = self.energy_wh / 1000
        result["power_factor"] = power_factor(watt, apparent)
        lost = head == _UNCALIBRATED or (head >= _NOTES and head & _NO_COEFFICIENTS)
        doubtful = volt > MOST_V or (head >= _NOTES and head & _NO_VOLTAGE)
        result["quality"] = FAULT if lost else SUSPECT if doubtful else GOOD
        return result

    def _probe(self, buf, at, have):
        """For the Framer; the frame is in self._frame then."""
        if not starts(buf[at]):
            return 0
        if have >= _SIZE:
            self._frame[:] = buf[at : at + _SIZE]
            if not self._ours(self._frame):
                return 0
        return _SIZE

    def _ours(self, frame):
        """One frame in 256 of noise has the right sum, so more must fit: the coefficients, which are this chip's own and are learned when
        they come twice in a row, and that no other frame begins inside, which is what a cut one looks like.
        """
        if not frame_ok(frame):
            return False
        found = bytes(frame[2:5]) + bytes(frame[8:11]) + bytes(frame[14:17])
        if not self._coefficients and found == self._strange:
            self._coefficients = found
        self._strange = found
        if found != self._coefficients or bytes(frame).find(b"\x5a" + found[:3], 2) >= 0:
            return False
        return not ((frame[21] == _PLAIN and frame[22] == _MARK) or (frame[22] == _PLAIN and frame[23] == _MARK))

    def _count(self, pulses, microjoules):
        """A pulse is worth the power coefficient in millionths of a joule."""
        if self._last is not None:
            self._used((pulses - self._last & 0xFFFF) * int(microjoules), 3600000000)
        self._last = pulses

    def _next(self):
        framer = self._framer
        if framer.wait(self._bus, _TIMEOUT_MS):
            return self._frame
        if framer.seen:
            self._coefficients = b""  # perhaps another chip is there now
            cause = "%d bytes without a good frame; check 4800 baud, even parity" % framer.seen
        else:
            cause = "silent for %d ms; check wiring and mains supply" % _TIMEOUT_MS
        raise SensorError(self._name, self._where, cause)
