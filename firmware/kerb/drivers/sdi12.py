"""SDI-12 sensors (SDI-12 specification V1.4, 1200 baud 7E1, inverted) on a UART; docs/decisions/0012-field-buses.md says how
it is wired.

A break is a zero byte at 600 baud: 15 ms of spacing, where 12 are asked for. A row of `values`: `index` (place of the
value in the sensor's answers, counted from 0 through D0, D1 and so on), `scale`, `offset`, `min`, `max` as in modbus.py.
"""

import time

from micropython import const

from kerb.errors import ConfigError, SensorError
from kerb.quality import FAULT, GOOD
from kerb.scaling import valued

VALUE = {"index": 0, "scale": 1, "offset": 0, "min": None, "max": None}
_BREAK_BAUD = const(600)
_BREAK_MS = const(17)
_MARKING_MS = const(10)  # at least 8.33 after the break
_CHARACTER_US = const(8334)
_ANSWER_MS = const(40)  # an answer begins within 15 ms; then no gap is above 1.66 ms
_POLL_MS = const(5)
_TRIES = const(3)
_LONGEST = const(96)  # an answer is at most 75 characters of values, address, CRC and line end


def crc16(text):
    """CRC-16 (polynomial 0xA001 reflected, initial 0) as the three characters SDI-12 sends (section 4.4.12)."""
    crc = 0
    for byte in text:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ 0xA001 if crc & 1 else crc >> 1
    return bytes((0x40 | crc >> 12, 0x40 | crc >> 6 & 0x3F, 0x40 | crc & 0x3F))


def parse(text):
    """The numbers of "+3.14-2.7+10": a list of float and int. ValueError when it is something else."""
    found, at = [], 0
    for i in range(1, len(text) + 1):
        if i == len(text) or text[i] in "+-":
            word = text[at:i]
            if word[0] not in "+-" or len(word) < 2:
                raise ValueError
            found.append(float(word) if "." in word else int(word))
            at = i
    return found


class SDI12:
    """Options: address ("0"), command (M, MC, C or CC, and a digit), values, identity (what the answer to I must contain), dir_pin
    (1 while sending), inverted (True). Quantities are "PART.VALUE" for each row.
    """

    WARM_UP_MS = 0  # until start(): the sensor then says how long
    QUANTITIES = ()
    SHARES_UART = True

    def __init__(self, bus, options):
        self._bus = bus
        self._name = options.get("name", "sdi12")
        self._where = options.get("where", "uart")
        self._address = options.get("address", "0")
        self._command = options.get("command", "M")
        self._rows = options.get("values")
        if not self._rows:
            raise ConfigError("%s has no [parts.%s.values]; name the values to read" % (self._name, self._name))
        self._dir = None
        if options.get("dir_pin") is not None:
            from machine import Pin

            self._dir = Pin(options["dir_pin"], Pin.OUT, value=0)
        self._invert = bus.INV_TX | bus.INV_RX if options.get("inverted", True) else 0
        self._buf = bytearray(_LONGEST)
        self._sample = {"quality": GOOD}
        self._count = 0
        identity = self._ask("I", False)
        if options.get("identity", "") not in identity:
            raise self._error("the sensor is %s, not %s" % (identity.strip(), options["identity"]))

    def start(self):
        """Begins a measurement; WARM_UP_MS is then what the sensor asks for."""
        answer = self._ask(self._command, False)
        if not 5 <= len(answer) <= 6 or not answer[1:].isdigit():
            raise self._error("answered %s to %s" % (answer, self._command))
        self._count = int(answer[4:])
        self.WARM_UP_MS = 1000 * int(answer[1:4])

    def measure(self, env):
        checked = self._command[1:2] == "C"
        found = []
        for part in range(10):
            if len(found) >= self._count:
                break
            try:
                found += parse(self._ask("D%d" % part, checked)[1:])
            except (ValueError, IndexError):
                break
        sample = self._sample
        sample["quality"] = GOOD if found else FAULT
        for key, row in self._rows.items():
            index = row.get("index", 0)
            value = valued(row, found[index]) if index < len(found) else None
            if value is None:
                sample["quality"] = FAULT
            sample[self._name + "." + key] = value
        return sample

    def set(self, key, value):
        raise ConfigError("%s has nothing to set; remove '%s' from the application" % (self._name, key))

    def sleep(self):
        """Nothing to do: a sensor sleeps 100 ms after the last command."""

    def _ask(self, command, checked):
        """The answer to a command, without its CRC and line end; it begins with the address."""
        for _ in range(_TRIES):
            self._send(self._address + command + "!")
            answer = self._receive()
            if checked and answer:
                answer = answer[:-3] if crc16(answer[:-3]) == answer[-3:] else b""
            if answer[:1] == self._address.encode():
                return answer.decode()
        raise self._error("no valid answer to %s%s! in %d tries; check the address, 12 V supply and the level shifter"
                          % (self._address, command, _TRIES))

    def _send(self, text):
        bus = self._bus
        if self._dir:
            self._dir.value(1)
        bus.init(_BREAK_BAUD, bits=7, parity=0, stop=1, invert=self._invert)
        bus.write(b"\0")
        time.sleep_ms(_BREAK_MS)
        bus.init(1200, bits=7, parity=0, stop=1, invert=self._invert)
        time.sleep_ms(_MARKING_MS)
        while bus.any():
            bus.readinto(self._buf)
        bus.write(text.encode())
        # flush() may return a character early; the sensor answers no sooner than 8.33 ms after the last stop bit.
        time.sleep_us(_CHARACTER_US * len(text) + 1000)
        if self._dir:
            self._dir.value(0)

    def _receive(self):
        """A line without its end; what came until silence when there is none."""
        buf, size, quiet = self._buf, 0, 0
        while quiet < _ANSWER_MS and size < _LONGEST:
            waiting = min(self._bus.any(), _LONGEST - size)
            if waiting:
                for byte in self._bus.read(waiting) or b"":
                    buf[size] = byte & 0x7F
                    size += 1
                    if byte & 0x7F == 10:
                        return bytes(buf[:size]).strip()
                quiet = 0
            else:
                time.sleep_ms(_POLL_MS)
                quiet += _POLL_MS
        return b""

    def _error(self, cause):
        return SensorError(self._name, self._where, cause)
