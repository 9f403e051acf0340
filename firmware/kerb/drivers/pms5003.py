"""Plantower PMS5003 and PMS7003 particle sensors on a UART at 9600 8N1 (manuals V2.3 and V2.5; one protocol for both).

Frames 42 4D, length (28), twelve words, version, error code, 16-bit sum. Values: PM1, PM2.5, PM10 in ug/m3 for the factory's
particles (CF = 1), the same three corrected for the atmosphere, six counts in 0.1 l. Currents: 100 mA measuring, 200 uA asleep (manual's
upper limits, not confirmed). Stabilises for 30 s after its fan started. It has no identity to check: a missing sensor
shows as missing frames.
Options: `cf1` (False) = report the CF = 1 values as pm1_ug, pm25_ug, pm10_ug instead of the atmospheric ones.
"""

from micropython import const

from kerb.drivers.framing import Framer
from kerb.errors import SensorError
from kerb.quality import GOOD, SUSPECT

_FRAME = const(32)
_REPLY = const(8)  # 42 4D 00 04 command state sum
_ANSWER_MS = const(2300)  # active mode sends every 200 ms when the air changes and every 2.3 s when it does not
_RANGE_UG = const(1000)
_COUNT_03 = const(16)  # offset of the count of particles above 0.3 um
_ERROR = const(29)

# Command and its argument.
_PASSIVE = b"\xe1\x00"
_READ = b"\xe2\x00"
_SLEEP = b"\xe4\x00"
_WAKE = b"\xe4\x01"
COMMANDS = {"passive": _PASSIVE, "active": b"\xe1\x01", "read": _READ, "sleep": _SLEEP, "wake": _WAKE}


def command(code):
    """The seven bytes of one of COMMANDS."""
    total = 0x42 + 0x4D + code[0] + code[1]
    return bytes((0x42, 0x4D, code[0], 0, code[1], total >> 8, total & 0xFF))


def probe(buf, at, have):
    """For the Framer: frames and replies to commands.

    A frame never holds another's head: the counts cannot. So a truncated frame whose tail makes up a right sum costs nothing.
    """
    if buf[at] != 0x42 or (have > 1 and buf[at + 1] != 0x4D) or (have > 2 and buf[at + 2]):
        return 0
    if have < 4:
        return 4
    size = buf[at + 3] + 4
    if size not in (_FRAME, _REPLY):
        return 0
    if have < size:
        return size
    total = 0
    for i in range(at, at + size - 2):
        total += buf[i]
        if buf[i] == 0x42 and i > at and buf[i + 1] == 0x4D and buf[i + 2] == 0:
            return 0
    return size if total == word(buf, at + size - 2) else 0


def word(buf, at):
    return buf[at] << 8 | buf[at + 1]


class PMS5003:
    """`pm25_cf1_ug` is always the CF = 1 value, for which the published humidity corrections were fitted."""

    WARM_UP_MS = 30000
    QUANTITIES = ("pm1_ug", "pm25_ug", "pm10_ug", "pm25_cf1_ug")

    def __init__(self, bus, options):
        self._bus = bus
        self._name = options.get("name", "pms5003")
        self._where = options.get("where", "UART")
        self._first = 4 if options.get("cf1", False) else 10
        self._framer = Framer(probe, _FRAME)
        self._result = {"quality": GOOD}

    def start(self):
        """Wakes the sensor, which spins up; it then waits to be asked."""
        self._bus.write(command(_WAKE))
        self._bus.write(command(_PASSIVE))

    def measure(self, env):
        """Asks for one frame; where its RX is not wired, takes the next one it sends by itself."""
        framer = self._framer
        framer.drain(self._bus)
        self._bus.write(command(_READ))
        while True:
            size = framer.wait(self._bus, _ANSWER_MS)
            if size == _FRAME:
                break
            if not size:
                raise SensorError(self._name, self._where, "no valid frame within 2.3 s; check 5 V supply, rx pin and 9600 baud")
        buf, at, result = framer.buf, framer.at, self._result
        quality = SUSPECT if buf[at + _ERROR] else GOOD
        for i in range(3):
            value = word(buf, at + self._first + 2 * i)
            result[self.QUANTITIES[i]] = value
            if value > _RANGE_UG:
                quality = SUSPECT
        result["pm25_cf1_ug"] = word(buf, at + 6)
        if not word(buf, at + _COUNT_03):
            quality = SUSPECT  # no street has air without one particle: the fan or the laser has stopped
        result["quality"] = quality
        return result

    def sleep(self):
        """Stops fan and laser."""
        self._bus.write(command(_SLEEP))
