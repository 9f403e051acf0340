"""Virtual SDI-12 sensor: sleeps until a break, answers commands in their windows (SDI-12 specification V1.4)."""

from __future__ import annotations

from typing import ClassVar

from kerbstone.emulator.kernel import Event
from kerbstone.emulator.parts.base import PartContext, UartPart

_BREAK_US = 12_000  # section 7.1: spacing that wakes every sensor
_MARKING_US = 8_330  # and the marking after it
_AWAKE_US = 100_000  # of marking, after which a sensor sleeps again
_ANSWER_US = 9_000  # 8.33 to 15 ms after the command
_CHARACTER_US = 8_334
_LONGEST_M, _LONGEST_C = 35, 75  # characters of values in an answer to D after M and after C


def check_characters(text: str) -> str:
    """The CRC of an answer as three characters (section 4.4.12), by the formal polynomial x16 + x15 + x2 + 1 on reversed bits."""
    register = 0
    for byte in text.encode():
        for bit in range(8):
            feed = (byte >> bit & 1) ^ (register >> 15)
            register = (register << 1 & 0xFFFF) ^ (0x8005 if feed else 0)
    crc = int(f"{register:016b}"[::-1], 2)
    return "".join(chr(0x40 | crc >> shift & 0x3F) for shift in (12, 6, 0))


class Sdi12(UartPart):
    """Options: `address` ("0"), `quantities` (of the site, in order), `digits` (3), `takes_s` (2), `identity` (vendor, model, version).

    `fault`: "silent", "crc" (wrong check characters), "garbage", "stranger" (another identity), "short" (promises values it does not
    give), "lying" (the overrange figure 9999999).
    """

    baud = 1200
    framing = (7, 0, 1)
    CURRENT_UA: ClassVar[dict[str, float]] = {
        "off": 0.0,
        "asleep": 50.0,  # typical of probes; from 12 V, not confirmed
        "awake": 1_000.0,
        "measuring": 10_000.0,
    }

    def __init__(self, ctx: PartContext):
        super().__init__(ctx)
        options = ctx.options
        self.fault = str(options.get("fault", ""))
        self.inverted = bool(options.get("inverted", True))
        self._address = str(options.get("address", "0"))
        self._quantities = [str(q) for q in options.get("quantities", ["level_m", "water_c"])]
        self._digits = int(options.get("digits", 3))
        self._takes_s = int(options.get("takes_s", 2))
        self._identity = "ACME    OTHER 001" if self.fault == "stranger" else str(options.get("identity") or "KERBSIDELEVEL 100")
        self._sleep: Event | None = None
        self.power_on()

    def power_on(self) -> None:
        self._marking_from: int | None = None
        self._awake_until = -1
        self._heard = ""
        self._results: list[float] = []
        self._checked = False
        self._longest = _LONGEST_M
        self._measuring: Event | None = None
        self._concurrent = False
        self._ready_at = 0
        self.state("asleep")

    def uart_other(self, data: bytes, baud: int, framing: tuple[int, int | None, int]) -> None:
        bits, parity, stop = framing
        low = 1 + bits + (parity == 0)  # a zero byte is spacing but for its stop bits
        if not any(data) and low * 1e6 / baud >= _BREAK_US:
            self._marking_from = self.kernel.now - round(stop * 1e6 / baud)
            self._awake_until = self._marking_from + _AWAKE_US
            self._heard = ""
            if self._measuring and not self._concurrent:  # a break ends a measurement that is not concurrent
                self._measuring.cancel()
                self._measuring = None
                self._results = []
            self._wake("awake")

    def uart_write(self, data: bytes) -> None:
        began = self.kernel.now - len(data) * 10_000_000 // self.baud
        marking = self._marking_from
        if marking is None or began - marking < _MARKING_US or began > self._awake_until:
            return
        self._heard += data.decode("ascii", "replace")
        self._awake_until = self.kernel.now + _AWAKE_US
        if "!" in self._heard:
            command, self._heard = self._heard.split("!", 1)
            if command[:1] in (self._address, "?"):
                self._wake("awake")
                self._command(command[1:])

    def _wake(self, state: str) -> None:
        self.state("measuring" if self._measuring else state)
        if self._sleep:
            self._sleep.cancel()
        self._sleep = self.kernel.after(_AWAKE_US, self._rest)

    def _rest(self) -> None:
        self.state("measuring" if self._measuring else "asleep")

    def _command(self, command: str) -> None:
        if command in ("", "?"):
            self._say("")
        elif command == "I":
            self._say("14" + self._identity)
        elif command[0] in "MC":
            self._begin(command)
        elif command[0] == "D" and command[1:].isdigit():
            self._say(self._data(int(command[1:])), self._checked)

    def _begin(self, command: str) -> None:
        self._concurrent = command[0] == "C"
        self._checked = command[1:2] == "C"
        self._longest = _LONGEST_C if self._concurrent else _LONGEST_M
        count = len(self._quantities)
        self._results = []
        if self._measuring:
            self._measuring.cancel()
        self._measuring = self.kernel.after(max(self._takes_s, 0) * 1_000_000, self._done)
        self._say(f"{self._takes_s:03d}{count:02d}" if self._concurrent else f"{self._takes_s:03d}{count}")

    def _done(self) -> None:
        self._measuring = None
        self._results = [] if self.fault == "short" else [self.read(q) for q in self._quantities]
        self._rest()
        if not self._concurrent and self._takes_s:
            self._say("")  # service request

    def _data(self, part: int) -> str:
        """The values of D0, D1, ...: as many whole ones as an answer may hold."""
        groups: list[str] = [""]
        for value in self._results:
            text = "+9999999" if self.fault == "lying" else f"{value:+.{self._digits}f}"
            if len(groups[-1]) + len(text) > self._longest:
                groups.append("")
            groups[-1] += text
        return groups[part] if part < len(groups) else ""

    def _say(self, text: str, checked: bool = False) -> None:
        answer = self._address + text
        if checked:
            answer += "@@@" if self.fault == "crc" else check_characters(answer)
        data = answer.encode() + b"\r\n"
        if self.fault == "garbage":
            data = bytes(self.rng.randrange(128) for _ in data)
        if self.fault != "silent":
            for i in range(len(data)):
                self.kernel.after(_ANSWER_US + i * _CHARACTER_US, self.send, data[i : i + 1])
            self._awake_until = self.kernel.now + _ANSWER_US + len(data) * _CHARACTER_US + _AWAKE_US


PART = Sdi12
