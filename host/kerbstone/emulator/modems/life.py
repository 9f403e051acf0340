"""The life of a modem: its supply and keys, start and end, power saving mode."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from kerbstone.emulator.kernel import SECOND_US, Event
from kerbstone.emulator.modems import grants
from kerbstone.emulator.modems.cell import Cell
from kerbstone.emulator.modems.internet import Internet
from kerbstone.emulator.modems.radio import Radio
from kerbstone.emulator.modems.terminal import Terminal
from kerbstone.emulator.parts.base import PartContext, UartPart

PIN_TRIES = 3


@dataclass(frozen=True)
class Keys:
    """What PWRKEY and its like do, in ms (hardware design of the modem)."""

    on_ms: int
    off_ms: int
    ready_ms: int  # from the start of the pulse to a UART that listens
    off_takes_ms: int = 1800
    reset_ms: int = 0  # held so long, it resets; 0: never
    reset_pin_ms: int = 100  # shortest pulse on the reset pin
    wake_ms: int = 0  # shortest pulse that ends power saving mode; 0: as for on
    wake_ready_ms: int = 0  # from the end of power saving mode to a UART that listens; 0: as after off

class Life(UartPart):
    """`mode`: off, boot, on, stopping, psm."""

    KEYS: ClassVar[Keys]
    DEFAULTS: ClassVar[dict[str, Any]] = {}
    BAUD: ClassVar[int] = 115_200  # of a new modem; 0: autobaud
    STARTS_WITH_SUPPLY: ClassVar[bool] = False  # has no power key
    KEY_OFF_LINE: ClassVar[str] = ""  # what it says when its key switches it off
    RESET_LEAVES_OFF: ClassVar[bool] = False
    WAKE_RISES: ClassVar[bool] = False  # the edge of line "wake" that ends power saving mode
    PSM_GUARD_US: ClassVar[int] = 0  # a quiet line this long before power saving mode is entered
    SIM_US: ClassVar[int] = 900_000

    terminal: Terminal
    radio: Radio
    internet: Internet
    cell: Cell
    live: dict[str, Any]  # settings of now
    saved: dict[str, Any]  # those that survive power and power saving mode

    def __init__(self, ctx: PartContext):
        super().__init__(ctx)
        self.mode = "off"
        self.boots = 0
        self.pin_left = PIN_TRIES  # until the SIM card wants its PUK; it remembers without power
        self.clock_us: int | None = None  # UTC minus kernel time, once set
        self.tz_quarters = 0
        self.since_us = 0  # when a clock that was never set began to run
        self.stuck = ""  # fault: the next data mode does not end by itself; "escape" or "power" ends it
        self.hung = False  # fault: neither hears nor says anything until it starts again
        self._pressed_us: int | None = None
        self._reset_us = 0  # when the reset pin was pulled
        self._key: Event | None = None
        self._acted = False  # what the key that is held had to do is done
        self._t3412: Event | None = None
        self._guard: Event | None = None
        self._boot: list[Event] = []  # what a start still has before it

    # -- supply and keys -----------------------------------------------------------------------------------

    def _wire_pins(self) -> None:
        for name, react in (("pwrkey", self._pwrkey), ("reset", self._reset_pin), ("dtr", self._dtr), ("wake", self._wake_pin)):
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
        if self.STARTS_WITH_SUPPLY or self.line("pwrkey") is None:
            self.boot()

    def power_off(self) -> None:
        self._off()
        self.clock_us, self.since_us = None, self.kernel.now
        super().power_off()

    def _pwrkey(self, level: int) -> None:
        if not self.powered:
            return
        if level == int(self.ctx.options.get("pwrkey_level", 0)):
            self._pressed_us, self._acted = self.kernel.now, False
            starts = self.mode in ("off", "psm")
            ms = (self.KEYS.wake_ms or self.KEYS.on_ms) if self.mode == "psm" else self.KEYS.on_ms if starts else self.KEYS.reset_ms
            if ms:
                self._key = self.kernel.after(ms * 1000, self._key_held)
        elif self._pressed_us is not None:
            held, self._pressed_us = self.kernel.now - self._pressed_us, None
            if self._key:
                self._key.cancel()
                self._key = None
            if not self._acted and self.mode == "on" and held >= self.KEYS.off_ms * 1000:
                if self.KEY_OFF_LINE:
                    self.urc(self.KEY_OFF_LINE)
                self.shut_down()

    def _key_held(self) -> None:
        """The key was held long enough; letting it go means nothing more."""
        self._key, self._acted = None, True
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
            self._reset_us = self.kernel.now
        elif self.kernel.now - self._reset_us >= self.KEYS.reset_pin_ms * 1000:
            if self.RESET_LEAVES_OFF:
                self._off()
            else:
                self.reboot("reset pin")

    def _wake_pin(self, level: int) -> None:
        """PSM_EINT, PON_TRIG and the like."""
        if self.powered and level == int(self.WAKE_RISES):
            self.wake("pin")

    def _dtr(self, _level: int) -> None:
        self.charge()

    # -- life ----------------------------------------------------------------------------------------------

    def boot(self, woken: str = "") -> None:
        """The processor starts. `woken`: what ended power saving mode, so the network still knows it."""
        self._stop()
        self.mode = "boot"
        self.boots += 1
        self.live = {**self.DEFAULTS, **self.saved}
        self.internet.dead = self.hung = False
        self.stuck = ""
        self.radio.asked = self.saved["psm_timers"] if self.live.get("cpsms") and "psm_timers" in self.saved else None
        self.radio.edrx_us = grants.EDRX_US[self.live["edrx"]] if self.live.get("edrx") and self.cell.edrx else 0
        self.terminal.reset(self.saved["ipr"])
        self.state("boot")
        self.log("boot", woken=woken)
        self._boot = [self.kernel.after(self.ready_us(bool(woken)), self._ready, woken)]

    def ready_us(self, woken: bool) -> int:
        """From the start to a UART that listens."""
        return 1000 * ((self.KEYS.wake_ready_ms if woken else 0) or self.KEYS.ready_ms)

    def _ready(self, woken: str) -> None:
        self.mode = "on"
        self.terminal.heard_us = self.kernel.now
        self.status(1)
        self.charge()
        if self.saved["ipr"]:
            for line in self.boot_lines(bool(woken)):
                self.urc(line)
        self._boot = [self.kernel.after(self.SIM_US, self._sim_ready, woken)]

    def _sim_ready(self, woken: str) -> None:
        self.lock()
        for line in self.sim_lines() if self.saved["ipr"] and not self.radio.barred else ():
            self.urc(line)
        if not self.radio.barred:
            self._search(woken)
        elif self.saved["ipr"]:
            self.urc(f"+CPIN: {self.pin_state()}")

    def _search(self, woken: str) -> None:
        if woken:
            self.radio.wake(woken == "t3412")
        elif self.live.get("cfun", 1) == 1:
            self.radio.start()

    def unlock(self) -> None:
        """The card was given its PIN."""
        self.radio.barred = False
        self._search("pin" if self.radio.asleep else "")

    def lock(self) -> None:
        """The SIM card has lost its supply, and asks for its PIN if it has one."""
        self.radio.barred = bool(self.ctx.options.get("sim_pin"))

    def pin_state(self) -> str:
        """What the card waits for (TS 27.007 8.3)."""
        return ("SIM PIN" if self.pin_left else "SIM PUK") if self.radio.barred else "READY"

    def shut_down(self) -> None:
        """An orderly power-off."""
        self.radio.stop()
        self.kernel.after(self.KEYS.off_takes_ms * 1000, self._off_if_on)
        self.mode = "stopping"

    def _off_if_on(self) -> None:
        if self.mode == "stopping":
            self._off()

    def _off(self) -> None:
        self._stop()
        self.forget()
        self.radio.stop()
        self.mode = "off"
        self.status(0)
        self.state("off")

    def reboot(self, why: str) -> None:
        """Starts again without a word before: network and sockets are gone, the clock is kept."""
        self.log("reboot", why=why)
        self._stop()
        self.forget()
        self.radio.stop()
        self.status(0)
        self.boot()

    def _stop(self) -> None:
        for event in (self._t3412, self._guard, *self._boot):
            if event:
                event.cancel()
        self._t3412 = self._guard = None
        self._boot = []
        self.stop_commands()
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
        granted = grants.t3324_s(self.radio.granted[1]) is not None
        if self.mode != "on" or not granted or not self.radio.registered or self.radio.connected:
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
        if not self.live.get("cpsms") or self.hung:
            return 5 * SECOND_US
        if self.busy():
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
        self._stop()
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

    def urc(self, text: str) -> None:
        """An unsolicited line."""

    def busy(self) -> bool:
        """A command is in hand or waits."""
        return False

    def stop_commands(self) -> None:
        """What is in hand ends without an answer."""

    def charge(self) -> None:
        """Books the state of now."""

    def log(self, what: str, **fields: Any) -> None:
        """Writes to the event log."""
