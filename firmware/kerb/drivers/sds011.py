"""Nova SDS011 particle sensor on a UART at 9600 8N1 (Laser Dust Sensor Control Protocol V1.3).

Frames AA C0, PM2.5 and PM10 in 0.1 ug/m3 (low byte first), id, sum of the six, AB; answers to commands AA C5. Range 0..999.9 ug/m3.
Currents: 70 mA measuring, 4 mA asleep (data sheet V1.3, below 4 mA). Its laser lives 8,000 h of measuring [unconfirmed], so it
sleeps between samples. Stabilises for 30 s after its fan started.
"""

from micropython import const

from kerb.drivers.framing import Framer
from kerb.errors import SensorError
from kerb.quality import GOOD, SUSPECT

_FRAME = const(10)
_DATA = const(0xC0)
_ANSWER = const(0xC5)
_TOP = const(9999)  # tenths: what the sensor shows at most
_ANSWER_MS = const(500)
_TRIES = const(3)

# Command, set (1) or ask (0), value.
_REPORT_ASKED = b"\x02\x01\x01"
_QUERY = b"\x04\x00\x00"
_SLEEP = b"\x06\x01\x00"
_WORK = b"\x06\x01\x01"
_FIRMWARE = b"\x07\x00\x00"
COMMANDS = {
    "active": b"\x02\x01\x00",
    "passive": _REPORT_ASKED,
    "query": _QUERY,
    "sleep": _SLEEP,
    "work": _WORK,
    "firmware": _FIRMWARE,
}


def command(code):
    """The 19 bytes of one of COMMANDS, or of 08 01 n = work for 30 s every n minutes (0 = always), for any sensor."""
    out = bytearray(19)
    out[0], out[1], out[18] = 0xAA, 0xB4, 0xAB
    out[2:5] = code
    out[15] = out[16] = 0xFF
    out[17] = sum(out[2:17]) & 0xFF
    return bytes(out)


def probe(buf, at, have):
    """For the Framer: data frames and answers."""
    if buf[at] != 0xAA or (have > 1 and buf[at + 1] not in (_DATA, _ANSWER)):
        return 0
    if have < _FRAME:
        return _FRAME
    if buf[at + 1] == _DATA and (tenths(buf, at + 2) > _TOP or tenths(buf, at + 4) > _TOP):
        return 0  # beyond what it can show: a frame that was cut short, and the next one behind it
    total = 0
    for i in range(at + 2, at + 8):
        total += buf[i]
    return _FRAME if total & 0xFF == buf[at + 8] and buf[at + 9] == 0xAB else 0


def tenths(buf, at):
    """Two bytes, low first, in 0.1 ug/m3."""
    return buf[at] | buf[at + 1] << 8


class SDS011:
    """`serial` = the two bytes of its id, as 4 hex digits; `version` = (year, month, day) of its firmware."""

    WARM_UP_MS = 30000
    QUANTITIES = ("pm25_ug", "pm10_ug")

    def __init__(self, bus, options):
        self._bus = bus
        self._name = options.get("name", "sds011")
        self._where = options.get("where", "UART")
        self._framer = Framer(probe, _FRAME)
        self._result = {"pm25_ug": 0.0, "pm10_ug": 0.0, "quality": GOOD}
        self._ask(_WORK, _ANSWER)  # asleep it takes no other command
        at = self._ask(_FIRMWARE, _ANSWER)
        buf = self._framer.buf
        self.version = (buf[at + 3], buf[at + 4], buf[at + 5])
        self.serial = "%02X%02X" % (buf[at + 6], buf[at + 7])

    def start(self):
        """Starts fan and laser; the sensor then waits to be asked."""
        self._ask(_WORK, _ANSWER)
        self._ask(_REPORT_ASKED, _ANSWER)

    def measure(self, env):
        at = self._ask(_QUERY, _DATA)
        buf, result = self._framer.buf, self._result
        fine, coarse = tenths(buf, at + 2), tenths(buf, at + 4)
        result["pm25_ug"], result["pm10_ug"] = fine / 10, coarse / 10
        # Less coarse dust than fine contradicts what PM10 means; both zero is a fan or laser that stands still.
        wrong = fine > coarse or coarse >= _TOP or not coarse
        result["quality"] = SUSPECT if wrong else GOOD
        return result

    def sleep(self):
        """Stops fan and laser."""
        self._ask(_SLEEP, _ANSWER)

    def _ask(self, code, kind):
        """Offset of the answer in the framer's buffer. Answers to other commands and frames it sends by itself are passed over."""
        framer = self._framer
        for _ in range(_TRIES):
            framer.drain(self._bus)
            self._bus.write(command(code))
            while framer.wait(self._bus, _ANSWER_MS):
                at = framer.at
                if framer.buf[at + 1] == kind and (kind == _DATA or framer.buf[at + 2] == code[0]):
                    return at
        raise SensorError(self._name, self._where, "does not answer command %02x; check 5 V supply, both pins and 9600 baud" % code[0])
