"""The core of every virtual modem: the line, the queue of commands, URCs, charge; its life is in life.py, its network in radio.py.

A dialect is a subclass with tables. Its command handlers are functions `(modem, command)`; one that takes time is a generator that yields
microseconds to wait, a `Until`, or a `Prompt` for data, and may return its own final line. Sources: the manuals each dialect names;
V.250 for the line.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from types import GeneratorType
from typing import Any, ClassVar

from kerbstone.emulator.kernel import SECOND_US, Event
from kerbstone.emulator.modems import at
from kerbstone.emulator.modems.cell import Cell
from kerbstone.emulator.modems.coap import CoapClient
from kerbstone.emulator.modems.internet import Internet, Socket
from kerbstone.emulator.modems.life import Life
from kerbstone.emulator.modems.mqtt import MqttClient
from kerbstone.emulator.modems.radio import Radio
from kerbstone.emulator.modems.terminal import Prompt, Terminal
from kerbstone.emulator.parts.base import PartContext

Work = Generator[Any, Any, str | None]
Handler = Callable[[Any, at.Command], Work | str | None]

_POLL_US = 100_000


@dataclass(frozen=True)
class Until:
    """Waits until `true()` or for `us`, whichever comes first."""

    true: Callable[[], bool]
    us: int


def awaited(begin: Callable[[Callable[[Any], None]], object], us: int) -> Generator[Any, Any, Any]:
    """Begins something that says `done(value)` when it is over; returns the value, None if that took longer than `us`."""
    got: list[Any] = []
    begin(got.append)
    if not got:
        yield Until(lambda: bool(got), us)
    return got[0] if got else None


class Modem(Life):
    """Options: those of `Cell`; `pwrkey_level`, `reset_level` (GPIO level at which the key is pressed), `hosts`, `imei`, `baud` (what
    IPR was set to before; 0: autobaud), `no_sim`, `sim_pin` (of some: it keeps them from power saving mode).

    Lines: pwrkey, reset, wake, dtr, power in; status and vint out (high while on).
    """

    NAME: ClassVar[str] = ""
    IDENTITY: ClassVar[dict[str, str]] = {}  # command without +: text
    COMMANDS: ClassVar[dict[str, Handler]] = {}
    SAVED: ClassVar[frozenset[str]] = frozenset()  # settings that survive power and power saving mode
    ANSWER_MS: ClassVar[tuple[int, int]] = (20, 50)  # plain commands; 21-42 ms seen on a BC660K
    UART_WAKES: ClassVar[bool] = False  # an edge on its receiver ends deep sleep; that command is lost
    LOCK_US: ClassVar[int] = 0  # awake so long after the last character before it sleeps lightly
    CGATT_US: ClassVar[int] = 75 * SECOND_US
    ACT: ClassVar[int] = 9  # what +COPS and +CEREG call NB-IoT
    CELL_FORMAT: ClassVar[str] = "{:08X}"
    QUOTES_IMEI: ClassVar[bool] = False

    def __init__(self, ctx: PartContext):
        super().__init__(ctx)
        options = ctx.options
        self.node = str(options.get("node", ctx.name))
        self.imei = str(options.get("imei", f"8648030{ctx.rng.randrange(10**8):08d}"))
        self.cell = Cell.of(self.kernel, options)
        self.radio = Radio(self.kernel, ctx.rng, self.cell, self)
        self.internet = Internet(options.get("hosts", {}), self._posted)
        self.terminal = Terminal(self)
        self.saved: dict[str, Any] = {"ipr": int(options.get("baud", self.BAUD))}
        self.live: dict[str, Any] = {}
        self.line_noise: Callable[[bytes], bytes] | None = None  # fault on the wire, both ways
        self._jobs: list[list[at.Command]] = []
        self._work: Work | None = None
        self._wait: Event | None = None
        self._drowsy: Event | None = None
        self._wire_pins()

    # -- what dialects say ---------------------------------------------------------------------------------

    def connections(self) -> list[Socket | MqttClient | CoapClient]:
        """What the modem holds open."""
        return []

    def sockets_die(self) -> None:
        """The network forgets what is open; the modem does not notice."""
        for connection in self.connections():
            connection.dead = True

    def registration(self) -> None:
        """+CEREG as it is now, if the host asked for it."""
        if self.live.get("cereg") and self.mode == "on":
            self.urc(f"+CEREG: {self.cereg_fields()}")

    def connection(self, up: bool) -> None:
        """The RRC connection has come or gone."""
        if self.live.get("cscon"):
            self.urc(f"+CSCON: {int(up)}")

    def context_lost(self) -> None:
        """The network took the data connection away."""

    def psm_asked(self) -> None:
        """+CPSMS has changed: the network is asked anew."""
        self.radio.asked = self.saved["psm_timers"] if self.live.get("cpsms") else None
        self.radio.update()

    def sim_missing(self) -> bool:
        return bool(self.ctx.options.get("no_sim"))

    def address(self) -> str:
        """The address the network gave the modem."""
        n = int(self.imei[-4:])
        return f"10.94.{n >> 8 & 255}.{n & 255}"

    def cereg_fields(self) -> str:
        """What follows +CEREG: (and, in the answer to a read, the mode); by mode 0 to 5."""
        radio, cell, mode = self.radio, self.cell, int(self.live.get("cereg", 0))
        fields: list[object] = [radio.stat]
        if mode >= 2 and radio.registered:
            fields += [f"{cell.tac:04X}", self.CELL_FORMAT.format(cell.cell_id), self.ACT]
            if mode >= 4 and self.live.get("cpsms"):
                t3412, t3324 = radio.granted
                fields += [None, None, t3324, t3412]
        elif mode in (3, 5) and radio.cause and radio.stat == 3:
            fields += [None, None, None, 0, radio.cause]
        return at.joined(*fields)

    def network_time(self) -> None:
        """NITZ."""
        self.clock_us = self.cell.utc_us - self.kernel.now
        self.tz_quarters = self.cell.tz_quarters

    def sleeping(self) -> bool:
        """In light sleep between pages, as the dialect allows it."""
        return False

    def quiet(self) -> bool:
        """No command in hand, and none for LOCK_US."""
        return not self._work and self.kernel.now - self.terminal.heard_us >= self.LOCK_US

    # -- charge --------------------------------------------------------------------------------------------

    def charge(self) -> None:
        """Books the state of now; see CURRENT_UA of the dialect."""
        if self.mode not in ("on", "stopping"):
            return
        phase = self.radio.phase
        if phase in ("tx", "connected", "search"):
            self.state(phase)
        elif self.sleeping():
            self.state("edrx" if self.radio.edrx_us and "edrx" in self.CURRENT_UA and self.radio.registered else "sleep")
        else:
            self.state("idle")

    def _posted(self, payload: bytes, again: bool) -> None:
        self.kernel.log.write(self.node, "publish", payload=payload.hex(), dup=again, modem=True)

    def log(self, what: str, **fields: Any) -> None:
        self.kernel.log.write(self.node, "modem", what=what, **fields)

    # -- line ----------------------------------------------------------------------------------------------

    def uart_write(self, data: bytes) -> None:
        if self.mode == "psm" and self.UART_WAKES:
            self.wake("uart")
        if self.mode == "on" and not self.hung:
            self.terminal.hear(self.line_noise(data) if self.line_noise else data)
            self._hold_awake()

    def _hold_awake(self) -> None:
        self.charge()
        if self._drowsy:
            self._drowsy.cancel()
        self._drowsy = self.kernel.after(self.LOCK_US + 1, self.charge) if self.LOCK_US else None

    def uart_other(self, data: bytes, baud: int, framing: tuple[int, int | None, int]) -> None:
        if self.mode == "psm" and self.UART_WAKES:
            self.wake("uart")
        if self.mode == "on" and not self.hung:
            self.terminal.hear_other(data, baud, framing)
            self._hold_awake()

    def urc(self, text: str) -> None:
        """An unsolicited line; lost while nobody can hear it."""
        if self.mode in ("on", "stopping"):
                self.info(text)

    def deliver(self, data: bytes) -> None:
        """Bytes have left the modem: to the receiver, through whatever disturbs the wire."""
        if not self.hung:
            self._arrive(self.line_noise(data) if self.line_noise else data)

    def info(self, text: str) -> None:
        end = chr(self.live.get("s3", 13)) + chr(self.live.get("s4", 10))
        self.terminal.say(f"{end}{text}{end}".encode("latin-1"))

    def raw(self, data: bytes) -> None:
        self.terminal.say(data)

    def keep(self, name: str, value: Any) -> None:
        """A setting, saved if the modem saves it."""
        self.live[name] = value
        if name in self.SAVED:
            self.saved[name] = value

    # -- commands ------------------------------------------------------------------------------------------

    def busy(self) -> bool:
        return bool(self._work or self._jobs)

    def stop_commands(self) -> None:
        if self._wait:
            self._wait.cancel()
            self._wait = None
        self._jobs.clear()
        work, self._work = self._work, None
        if isinstance(work, GeneratorType) and not work.gi_running:  # a command that restarts the modem ends by itself
            work.close()

    def command_line(self, text: str) -> None:
        """One line after AT, as the terminal heard it."""
        try:
            job = at.parse(text)
        except at.Failed:
            job = [at.Command("?", "run")]
        self._jobs.append(job or [at.Command("", "run")])
        if self._work is None:
            self._begin()

    def _begin(self) -> None:
        if self._jobs and self.mode == "on":
            self._work = self._job(self._jobs.pop(0))
            self._step()

    def _job(self, commands: list[at.Command]) -> Work:
        yield self.rng.randrange(self.ANSWER_MS[0] * 1000, self.ANSWER_MS[1] * 1000)
        final: str | None = at.OK
        try:
            for command in commands:
                if not command.name:
                    continue
                handler = self.COMMANDS.get(command.name)
                if handler is None:
                    raise at.Failed(self.unknown())
                result = handler(self, command)
                final = (yield from result) if isinstance(result, Generator) else result
                final = at.OK if final is None else final
        except at.Failed as failed:
            final = at.error(failed.code, self.live.get("cmee", 0))
        return final

    def unknown(self) -> int | None:
        """The error of a command this modem does not know."""
        return None

    def _step(self, data: bytes | None = None) -> None:
        """Runs the command in hand to its next wait."""
        work = self._work
        self._wait = None
        if work is None:
            return
        try:
            wanted = work.send(data)
        except StopIteration as end:
            if self._work is work:
                self._work = None
                if end.value:
                    self.info(end.value)
                self._begin()
            return
        if self._work is not work:
            return
        self._await(wanted)

    def _await(self, wanted: Any) -> None:
        if isinstance(wanted, Prompt):
            if self.stuck:
                wanted.ends_by = self.stuck
            self.terminal.prompt(wanted, self._step)
        elif isinstance(wanted, Until):
            self._poll(wanted, self.kernel.now + wanted.us)
        else:
            self._wait = self.kernel.after(int(wanted), self._step)

    def _poll(self, until: Until, end: int) -> None:
        if until.true() or self.kernel.now >= end:
            self._step()
        else:
            self._wait = self.kernel.after(_POLL_US, self._poll, until, end)
