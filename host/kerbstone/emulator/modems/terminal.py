"""The serial line of a modem: echo, command lines, data mode, and a transmitter that sends one thing after the other.

V.250: S3 ends a line, S5 takes a character back, a line begins with AT; anything before it is ignored. At rate 0 the modem finds the rate
from the first AT (autobaud) and says nothing of itself before.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kerbstone.emulator.kernel import Event

if TYPE_CHECKING:
    from kerbstone.emulator.modems.modem import Modem

RATES = (1200, 2400, 4800, 9600, 19_200, 38_400, 57_600, 115_200, 230_400, 460_800, 921_600)
_LONGEST = 4096  # a command line; more is dropped to the next S3
_CTRL_Z, _ESC = 0x1A, 0x1B
_PAUSE_SHARE = 0.08  # of outputs come in two pieces with a pause: the modem's other work goes first
_PAUSE_US = (500, 12_000)


@dataclass
class Prompt:
    """Asks for data: `text`, then `count` bytes, or up to Ctrl-Z when `count` is 0.

    `escape`: ESC gives up (the answer is None then). `timeout_us`: so long without the whole, what is there is the answer.
    `deaf_us`: characters that come sooner after the prompt are lost.
    """

    text: bytes
    count: int
    escape: bool = False
    timeout_us: int = 60_000_000
    deaf_us: int = 0
    ends_by: str = ""  # fault: only ESC or Ctrl-Z ("escape") or nothing ("power") ends it


class Terminal:
    """One modem's line. `heard_us`: when the last character came, or the modem began to listen; `heard`: any came since it started."""

    def __init__(self, modem: Modem):
        self.modem = modem
        self.heard_us = 0
        self.heard = False
        self._line = bytearray()
        self._free_us = 0
        self._out: list[Event] = []
        self._echoing: Event | None = None  # characters of one stretch go back together
        self._prompt: Prompt | None = None
        self._answer: Callable[[bytes | None], None] = lambda data: None
        self._data = bytearray()
        self._late: Event | None = None
        self._deaf_until = 0
        self._last_line = ""
        self.auto = False

    def reset(self, rate: int) -> None:
        """A start: nothing heard, nothing on its way; `rate` 0 listens for any."""
        self.stop()
        self.heard = False
        self.auto = rate == 0
        self.modem.baud = rate or self.modem.baud
        self._line.clear()

    def stop(self) -> None:
        """The UART goes dead; what it was sending stays unfinished."""
        for event in self._out:
            event.cancel()
        self._out.clear()
        self._free_us = 0
        self._end_prompt()

    # -- in ------------------------------------------------------------------------------------------------

    def hear(self, data: bytes) -> None:
        self.heard_us, self.heard = self.modem.kernel.now, True
        for byte in data:
            if self._prompt:
                self._data_byte(byte)
            else:
                self._command_byte(byte)

    def hear_other(self, data: bytes, baud: int, framing: tuple[int, int | None, int]) -> None:
        """Another rate than ours: taken over when autobaud still waits for its AT."""
        if self.auto and framing == (8, None, 1) and baud in RATES and b"AT" in data.upper():
            self.modem.baud = baud
            self.auto = False
            self.hear(data)

    def _command_byte(self, byte: int) -> None:
        live = self.modem.live
        if live.get("echo", 1):
            self._echo(byte)
        if byte == live.get("s3", 13):
            line, self._line = bytes(self._line), bytearray()
            self._take_line(line)
        elif byte == live.get("s5", 8):
            del self._line[-1:]
        elif byte >= 32 and len(self._line) < _LONGEST:
            self._line.append(byte)

    def _take_line(self, line: bytes) -> None:
        text = line.decode("latin-1").strip()
        start = text.upper().find("AT")
        if text.upper() == "A/":
            text, start = self._last_line, 0
        if start < 0:
            return
        self.auto = False
        self._last_line = text[start:]
        self.modem.command_line(text[start + 2 :])

    def _echo(self, byte: int) -> None:
        self._queue(bytes((byte,)), echo=True)

    def _data_byte(self, byte: int) -> None:
        prompt = self._prompt
        assert prompt is not None
        if self.modem.kernel.now < self._deaf_until:
            return
        if prompt.ends_by:
            if prompt.ends_by == "escape" and byte in (_ESC, _CTRL_Z):
                self.modem.stuck = ""
                self._finish(None)
            return
        if byte == _ESC and prompt.escape:
            self._finish(None)
        elif byte == _CTRL_Z and not prompt.count:
            self._finish(bytes(self._data))
        else:
            self._data.append(byte)
            if prompt.count and len(self._data) >= prompt.count:
                self._finish(bytes(self._data))

    def prompt(self, prompt: Prompt, answer: Callable[[bytes | None], None]) -> None:
        """Enters data mode; `answer(data)` leaves it."""
        self.say(prompt.text)
        self._prompt, self._answer = prompt, answer
        self._data.clear()
        self._line.clear()
        self._deaf_until = self.modem.kernel.now + prompt.deaf_us
        if not prompt.ends_by:
            self._late = self.modem.kernel.after(prompt.timeout_us, self._too_late)

    def _too_late(self) -> None:
        self._late = None
        self._finish(bytes(self._data))

    def _finish(self, data: bytes | None) -> None:
        answer = self._answer
        self._end_prompt()
        answer(data)

    def _end_prompt(self) -> None:
        self._prompt = None
        if self._late:
            self._late.cancel()
            self._late = None

    # -- out -----------------------------------------------------------------------------------------------

    def say(self, data: bytes) -> None:
        """Sends after what is being sent; now and then with a pause inside, wherever it falls."""
        rng = self.modem.rng
        if len(data) > 1 and rng.random() < _PAUSE_SHARE:
            at = rng.randrange(1, len(data))
            self._queue(data[:at])
            self._free_us += rng.randrange(*_PAUSE_US)
            data = data[at:]
        self._queue(data)

    def busy_us(self) -> int:
        """Until all that was said has left."""
        return max(0, self._free_us - self.modem.kernel.now)

    def _queue(self, data: bytes, echo: bool = False) -> None:
        kernel = self.modem.kernel
        self._free_us = max(self._free_us, kernel.now) + len(data) * 10_000_000 // self.modem.baud
        self._out = [e for e in self._out if e.pending]
        if echo and self._out and self._out[-1] is self._echoing:
            data = self._echoing.args[0] + data
            self._out.pop().cancel()
        event = kernel.at(self._free_us, self.modem.deliver, data)
        self._echoing = event if echo else None
        self._out.append(event)
