"""The core of every virtual modem: power and its pins, the serial line, the queue of commands, URCs, sleep, charge.

A dialect is a subclass with tables. Its command handlers are functions `(modem, command)`; one that takes time is a generator that yields
microseconds to wait, a `Until`, or a `Prompt` for data, and may return its own final line. Sources: the manuals each dialect names;
V.250 for the line.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any, ClassVar

from kerbstone.emulator.kernel import SECOND_US, Event
from kerbstone.emulator.modems import at, grants
from kerbstone.emulator.modems.cell import Cell
from kerbstone.emulator.modems.internet import Internet
from kerbstone.emulator.modems.radio import Radio
from kerbstone.emulator.modems.terminal import Prompt, Terminal
from kerbstone.emulator.parts.base import PartContext, UartPart

Work = Generator[Any, Any, str | None]
Handler = Callable[[Any, at.Command], Work | str | None]

_POLL_US = 100_000
_LONGEST_KEY_S = 60


@dataclass(frozen=True)
class Until:
    """Waits until `true()` or for `us`, whichever comes first."""

    true: Callable[[], bool]
    us: int


@dataclass(frozen=True)
class Keys:
    """What PWRKEY and its like do, in ms (hardware design of the modem)."""

    on_ms: int
    off_ms: int
    ready_ms: int  # from the start of the pulse to a UART that listens
    off_takes_ms: int = 1800
    reset_ms: int = 0  # held so long, it resets; 0: never
    reset_pin_ms: int = 100  # shortest pulse on the reset pin
    wake_ms: int = 0  # shortest pulse that ends power saving mode


class Modem(UartPart):
    """Options: those of `Cell`; `pwrkey_level`, `reset_level` (GPIO level at which the key is pressed), `hosts`, `imei`, `baud`
    (what IPR was set to before; 0: autobaud). Lines: pwrkey, reset, dtr, ring, status (high while on), power."""

    NAME: ClassVar[str] = ""
    IDENTITY: ClassVar[dict[str, str]] = {}  # command without +: text
    COMMANDS: ClassVar[dict[str, Handler]] = {}
    KEYS: ClassVar[Keys]
    DEFAULTS: ClassVar[dict[str, Any]] = {}
    SAVED: ClassVar[frozenset[str]] = frozenset()  # settings that survive power and power saving mode
    ANSWER_MS: ClassVar[tuple[int, int]] = (20, 50)  # plain commands; 21-42 ms seen on a BC660K
    BAUD: ClassVar[int] = 115_200  # of a new modem; 0: autobaud
    SLEEPS_WITHOUT_KEY: ClassVar[bool] = False  # starts as soon as it has power
    UART_WAKES: ClassVar[bool] = False  # an edge on its receiver ends deep sleep; that command is lost
    PSM_GUARD_US: ClassVar[int] = 0  # a quiet line this long before power saving mode is entered
    SIM_US: ClassVar[int] = 900_000
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
        self.internet = Internet(options.get("hosts", {}))
        self.terminal = Terminal(self)
        self.mode = "off"  # off, boot, on, psm
        self.saved: dict[str, Any] = {"ipr": int(options.get("baud", self.BAUD))}
        self.live: dict[str, Any] = {}
        self.clock_us: int | None = None  # UTC minus kernel time, once set
        self.tz_quarters = 0
        self.since_us = 0  # when a clock that was never set began to run
        self.stuck = ""  # fault: the next data mode does not end by itself; "escape" or "power" ends it
        self.psm_enabled_here = True  # fault psm_never: the modem itself never goes down
        self.boots = 0
        self._jobs: list[list[at.Command]] = []
        self._work: Work | None = None
        self._wait: Event | None = None
        self._booting: Event | None = None
        self._t3412: Event | None = None
        self._guard: Event | None = None
        self._pressed_us: int | None = None
        self._key: Event | None = None
        self.boot_sequence: list[Event] = []
        self._wire_pins()

    # -- supply and keys -----------------------------------------------------------------------------------

    def _wire_pins(self) -> None:
        for name, react in (("pwrkey", self._pwrkey), ("reset", self._reset_pin), ("dtr", self._dtr)):
            line = self.line(name)
            if line:
                line.watchers.append(react)
        enable = self.line("power")
        if enable:
            on_level = int(self.ctx.options.get("power_on_level", 1))
            enable.watchers.append(lambda level: self.set_power(level == on_level))

    def power_on(self) -> None:
        """Supply comes up: off until its key is pressed, unless it has none."""
        enable = self.line("power")
        if enable and enable.level != int(self.ctx.options.get("power_on_level", 1)):
            self.powered = False
            self.state("off")
            return
        self._off()
        if self.SLEEPS_WITHOUT_KEY or self.line("pwrkey") is None:
            self.boot()

    def power_off(self) -> None:
        self._off()
        self.clock_us, self.since_us = None, self.kernel.now
        super().power_off()

    def _pwrkey(self, level: int) -> None:
        if not self.powered:
            return
        if level == int(self.ctx.options.get("pwrkey_level", 0)):
            self._pressed_us = self.kernel.now
            starts = self.mode in ("off", "psm")
            ms = (self.KEYS.wake_ms or self.KEYS.on_ms) if self.mode == "psm" else self.KEYS.on_ms if starts else self.KEYS.reset_ms
            if ms:
                self._key = self.kernel.after(ms * 1000, self._key_held)
        elif self._pressed_us is not None:
            held, self._pressed_us = self.kernel.now - self._pressed_us, None
            if self._key:
                self._key.cancel()
                self._key = None
                if self.mode == "on" and held >= self.KEYS.off_ms * 1000:
                    self.shut_down(self.kernel.now)

    def _key_held(self) -> None:
        """The key was held long enough; letting it go means nothing more."""
        self._key = None
        if self.mode == "off":
            self.boot()
        elif self.mode == "psm":
            self.wake("key")
        else:
            self.reboot("key")

    def _reset_pin(self, level: int) -> None:
        if not self.powered:
            return
        if level == int(self.ctx.options.get("reset_level", 0)):
            self._held_reset = self.kernel.now
        elif self.kernel.now - getattr(self, "_held_reset", self.kernel.now) >= self.KEYS.reset_pin_ms * 1000:
            self.reboot("reset pin")

    def _dtr(self, _level: int) -> None:
        self.charge()

    # -- life ----------------------------------------------------------------------------------------------

    def boot(self, woken: str = "") -> None:
        """The processor starts. `woken`: what ended power saving mode, so the network still knows it."""
        self._stop_work()
        self.mode = "boot"
        self.boots += 1
        self.live = {**self.DEFAULTS, **self.saved}
        self.internet.dead = False
        self.radio.asked = self.saved["psm_timers"] if self.live.get("cpsms") and "psm_timers" in self.saved else None
        self.radio.edrx_us = grants.EDRX_US[self.live["edrx"]] if self.live.get("edrx") and self.cell.edrx else 0
        self.terminal.reset(self.saved["ipr"])
        self.state("boot")
        self.log("boot", woken=woken)
        self._booting = self.kernel.after(self.KEYS.ready_ms * 1000, self._ready, woken)

    def _ready(self, woken: str) -> None:
        self._booting = None
        self.mode = "on"
        self.status(1)
        self.charge()
        if self.saved["ipr"]:
            for line in self.boot_lines(bool(woken)):
                self.urc(line)
        self.boot_sequence = [self.kernel.after(self.SIM_US, self._sim_ready, woken)]

    def _sim_ready(self, woken: str) -> None:
        for line in self.sim_lines() if self.saved["ipr"] else ():
            self.urc(line)
        if woken:
            self.radio.wake(woken == "t3412")
        elif self.live.get("cfun", 1) == 1:
            self.radio.start()

    def shut_down(self, _at: int = 0, text: str = "") -> None:
        """An orderly power-off."""
        if text:
            self.urc(text)
        self.radio.stop()
        self.kernel.after(self.KEYS.off_takes_ms * 1000, self._off_if_on)
        self.mode = "stopping"

    def _off_if_on(self) -> None:
        if self.mode == "stopping":
            self._off()

    def _off(self) -> None:
        self._stop_work()
        self.forget()
        self.radio.stop()
        self.mode = "off"
        self.status(0)
        self.state("off")

    def reboot(self, why: str) -> None:
        """Starts again without a word before: network and sockets are gone, the clock is kept."""
        self.log("reboot", why=why)
        self._stop_work()
        self.forget()
        self.radio.stop()
        self.status(0)
        self.boot()

    def _stop_work(self) -> None:
        for event in (self._wait, self._booting, self._t3412, self._guard, *self.boot_sequence):
            if event:
                event.cancel()
        self._wait = self._booting = self._t3412 = self._guard = None
        self.boot_sequence = []
        self._jobs.clear()
        work, self._work = self._work, None
        if work and not work.gi_running:  # a command that restarts the modem ends by itself
            work.close()
        self.terminal.stop()

    def status(self, level: int) -> None:
        for name in ("status", "vint"):
            line = self.line(name)
            if line:
                line.drive(level)

    # -- power saving mode ---------------------------------------------------------------------------------

    def active_time_over(self) -> None:
        """T3324 has run out: down, as soon as the dialect's own conditions hold."""
        if self._guard:
            self._guard.cancel()
            self._guard = None
        if self.mode != "on" or not self.radio.registered or self.radio.connected:
            return
        wait = self.psm_wait_us()
        if wait is None:
            return
        if wait > 0:
            self._guard = self.kernel.after(wait, self.active_time_over)
            return
        self.enter_psm()

    def psm_wait_us(self) -> int | None:
        """0: may go down now; more: ask again then; None: not as it is set up (the condition may change)."""
        if not self.live.get("cpsms") or not self.psm_enabled_here:
            return 5 * SECOND_US
        if self._work or self._jobs:
            return SECOND_US
        return max(0, self.terminal.heard_us + self.PSM_GUARD_US - self.kernel.now)

    def enter_psm(self) -> None:
        """Says so, then goes down: registered, deaf, and without its volatile settings."""
        self.before_psm()
        self.mode = "stopping"
        self.kernel.after(50_000 + self.terminal.busy_us(), self._psm)

    def _psm(self) -> None:
        if self.mode != "stopping":
            return
        self._stop_work()
        self.forget()
        self.radio.sleep()
        self.mode = "psm"
        self.status(0)
        self.state("psm")
        self.log("psm")
        tau = self.tau_us()
        if tau:
            self._t3412 = self.kernel.after(tau, self.wake, "t3412")

    def tau_us(self) -> int:
        """Until the periodic update, us; 0: never."""
        return (grants.t3412_s(self.radio.granted[0]) or 0) * SECOND_US

    def wake(self, why: str) -> None:
        """Ends power saving mode."""
        if self.mode == "psm":
            self.boot(why)

    # -- what dialects say ---------------------------------------------------------------------------------

    def boot_lines(self, woken: bool) -> tuple[str, ...]:
        """URCs of a start, with a fixed rate only."""
        return ()

    def sim_lines(self) -> tuple[str, ...]:
        return ("+CPIN: READY",)

    def before_psm(self) -> None:
        """URCs that announce power saving mode."""

    def forget(self) -> None:
        """Sockets and clients of the modem are gone."""

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

    def cell_has_no_sim(self) -> bool:
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

    def log(self, what: str, **fields: Any) -> None:
        self.kernel.log.write(self.node, "modem", what=what, **fields)

    # -- line ----------------------------------------------------------------------------------------------

    def uart_write(self, data: bytes) -> None:
        if self.mode == "psm" and self.UART_WAKES:
            self.wake("uart")
        if self.mode == "on":
            self.terminal.hear(data)

    def uart_other(self, data: bytes, baud: int, framing: tuple[int, int | None, int]) -> None:
        if self.mode == "psm" and self.UART_WAKES:
            self.wake("uart")
        if self.mode == "on":
            self.terminal.hear_other(data, baud, framing)

    def urc(self, text: str) -> None:
        """An unsolicited line; lost while nobody can hear it."""
        if self.mode in ("on", "stopping"):
            self.terminal.say(f"\r\n{text}\r\n".encode("latin-1"))

    def deliver(self, data: bytes) -> None:
        """Bytes have left the modem: to the receiver, through whatever disturbs the wire."""
        self._arrive(data)

    def info(self, text: str) -> None:
        self.terminal.say(f"\r\n{text}\r\n".encode("latin-1"))

    def raw(self, data: bytes) -> None:
        self.terminal.say(data)

    def keep(self, name: str, value: Any) -> None:
        """A setting, saved if the modem saves it."""
        self.live[name] = value
        if name in self.SAVED:
            self.saved[name] = value

    # -- commands ------------------------------------------------------------------------------------------

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
