"""Winsen electrochemical gas modules on a UART at 9600 8N1: ZE07-CO, ZE07-CH2O and their relatives of the same protocol.

Frames FF, eight bytes, of which the last is ~sum + 1 of the seven between (ZE07-CO manual V1.0, ZE07-CH2O manual V1.0). Active mode, the
state at power-on, sends every second: gas, unit, decimals, concentration, full scale. Question and answer mode answers FF 86 with the
concentration in bytes 2, 3 (ZE07-CH2O: ug/m3 there, ppb in bytes 6, 7) and names neither gas nor unit, so that it is for sensors known
to be the right ones. Current: below 20 mA, all the time; the cell needs 3 minutes after power-on.
Options: `gas` ("co", "ch2o", "no2", "so2", "o3", "h2s", "nh3"); `ask` (False) = question and answer mode; `settle_s` (180), 0
for a node that deep-sleeps while the module stays powered, since the driver cannot know how long that has been.
"""

import time

from micropython import const

from kerb.drivers.framing import Framer
from kerb.errors import ConfigError, SensorError
from kerb.quality import GOOD, SUSPECT, WARMING

_FRAME = const(9)
_ANSWER = const(0x86)
_ANSWER_MS = const(1500)
_ASK_FACTOR = {"co": 0.1}  # answers in steps of 0.1 ppm, the others in ppb [unconfirmed but for ch2o]

COMMANDS = {"read": b"\x01\x86\x00", "active": b"\x01\x78\x40", "ask": b"\x01\x78\x41"}

# Code in the active frame and quantity. The codes of CO and CH2O stand in the manuals, the others are [unconfirmed].
GASES = {
    "co": (0x04, "co_ppm"),
    "ch2o": (0x17, "ch2o_ppb"),
    "no2": (0x2C, "no2_ppb"),
    "so2": (0x2B, "so2_ppb"),
    "o3": (0x2A, "o3_ppb"),
    "h2s": (0x03, "h2s_ppb"),
    "nh3": (0x02, "nh3_ppb"),
}
_PPM, _PPB = const(3), const(4)


def command(code):
    """The nine bytes of one of COMMANDS."""
    return b"\xff" + code + bytes((0, 0, 0, 0, -sum(code) & 0xFF))


def probe(buf, at, have):
    """For the Framer: frames of both modes.

    An 8-bit sum alone would take one piece of noise in 256 for a frame: unit, decimals and full scale, or the empty bytes of an answer,
    must make sense as well. The length ends before the first byte inside that could be a head: where a damaged frame's sum came out
    right with a byte of the next one, the next one is still found. The nine bytes stay in the buffer all the same.
    """
    if buf[at] != 0xFF or (have > 1 and buf[at + 1] & 0x80 and buf[at + 1] != _ANSWER):
        return 0
    if have < _FRAME:
        return _FRAME
    if buf[at + 1] == _ANSWER:
        if buf[at + 4] or buf[at + 5]:
            return 0
    else:
        value, top = buf[at + 4] << 8 | buf[at + 5], buf[at + 6] << 8 | buf[at + 7]
        if buf[at + 2] not in (_PPM, _PPB) or buf[at + 3] > 3 or value > top:
            return 0
    total = size = 0
    for i in range(at + 1, at + _FRAME):
        total += buf[i]
        if buf[i] == 0xFF and not size and (i == at + _FRAME - 1 or not buf[i + 1] & 0x80 or buf[i + 1] == _ANSWER):
            size = i - at
    if total & 0xFF:
        return 0
    return size or _FRAME


def active(buf, at):
    """(concentration, full scale) of an active frame in its own unit."""
    scale = 10 ** buf[at + 3]
    return (buf[at + 4] << 8 | buf[at + 5]) / scale, (buf[at + 6] << 8 | buf[at + 7]) / scale


def answer(buf, at):
    """(bytes 2, 3; bytes 6, 7) of an answer; of a ZE07-CH2O these are ug/m3 and ppb."""
    return buf[at + 2] << 8 | buf[at + 3], buf[at + 6] << 8 | buf[at + 7]


class WINSEN:
    WARM_UP_MS = 0  # it measures all the time

    def __init__(self, bus, options):
        self._bus = bus
        self._name = options.get("name", "winsen")
        self._where = options.get("where", "UART")
        self._gas = options.get("gas", "co")
        self._ask = options.get("ask", False)
        self._settle_ms = options.get("settle_s", 180) * 1000
        if self._gas not in GASES:
            raise ConfigError("part %s has no gas '%s'; take one of %s" % (self._name, self._gas, ", ".join(sorted(GASES))))
        self._code, self._key = GASES[self._gas]
        self.QUANTITIES = (self._key,)
        self._framer = Framer(probe, _FRAME)
        self._result = {self._key: 0.0, "quality": GOOD}
        self._since = time.ticks_ms()
        self._warm = False
        bus.write(command(COMMANDS["ask" if self._ask else "active"]))

    def start(self):
        """Nothing to do: the module measures all the time."""

    def measure(self, env):
        """The next frame, or the answer to a question. Warming until settle_s after the driver was built."""
        framer = self._framer
        framer.drain(self._bus)
        if self._ask:
            self._bus.write(command(COMMANDS["read"]))
        while True:
            if not framer.wait(self._bus, _ANSWER_MS):
                raise SensorError(self._name, self._where, "no valid frame within 1.5 s; check 5 V supply, both pins and 9600 baud")
            if (framer.buf[framer.at + 1] == _ANSWER) == bool(self._ask):
                break
        value, top = self._asked(framer.at) if self._ask else self._told(framer.at)
        if not self._warm:
            self._warm = time.ticks_diff(time.ticks_ms(), self._since) >= self._settle_ms
        self._result[self._key] = value
        self._result["quality"] = SUSPECT if top and value >= top else GOOD if self._warm else WARMING
        return self._result

    def sleep(self):
        """Nothing to do: the module has no sleep, and its cell must stay biased."""

    def _asked(self, at):
        first, last = answer(self._framer.buf, at)
        return (last if self._gas == "ch2o" else first * _ASK_FACTOR.get(self._gas, 1)), 0

    def _told(self, at):
        buf = self._framer.buf
        if buf[at + 1] != self._code:
            raise SensorError(self._name, self._where, "measures gas 0x%02x, not %s; check the part" % (buf[at + 1], self._gas))
        value, top = active(buf, at)
        ppm = buf[at + 2] == _PPM
        factor = 1 if ppm == self._key.endswith("ppm") else 1000 if ppm else 0.001
        return value * factor, top * factor
