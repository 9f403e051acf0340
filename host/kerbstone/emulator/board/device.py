"""One device: boots the interpreter, serves its requests in virtual time, lets it sleep, resets it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kerbstone.emulator.board.spec import DeviceSpec
from kerbstone.emulator.engine import ops
from kerbstone.emulator.engine.process import Process, Zygote, interpreter_argv
from kerbstone.emulator.flash import Flash
from kerbstone.emulator.kernel import Event, Kernel
from kerbstone.emulator.ledger import Ledger
from kerbstone.emulator.wakes import WakeBook
from kerbstone.errors import EngineError

Answer = tuple[int, int, bytes, int]  # errno, value, payload, us until it is given
OK: Answer = (0, 0, b"", 0)

# A call into `machine` from byte code on a 160 MHz ESP32, method look-up included, is of this order.
_CALL_US = 25

POWER_ON, HARD_RESET, WATCHDOG, DEEP_SLEEP, SOFT = 1, 2, 3, 4, 5


class Device:
    """Owns process, clock position and power state of one node."""

    def __init__(self, kernel: Kernel, zygote: Zygote, spec: DeviceSpec, flash: Flash, shims: Path, console: Path):
        self.kernel = kernel
        self.zygote = zygote
        self.spec = spec
        self.flash = flash
        self.ledger = Ledger(kernel)
        self.mcu = self.ledger.meter("mcu")
        self.wakes = WakeBook(self.ledger)
        self.ops: dict[int, Callable[[int, int, bytes], Answer | None]] = {}
        self.calls: dict[str, Callable[..., Any]] = {}
        self.on_boot: list[Callable[[int], None]] = []  # called with the reset cause before the firmware runs
        self.on_sleep: list[Callable[[], None]] = []  # light or deep sleep has just begun
        self.on_stop: list[Callable[[], None]] = []  # RAM is gone
        self.process: Process | None = None
        self.pending: list[tuple[str, Any]] = []
        self.boots = 0
        self.cause = POWER_ON
        self.wake_reason = 0
        self.boot_us = 0
        self.light = False
        self.rtc: Callable[[], tuple[int, int, float]] = lambda: (0, 0, 0.0)
        self.script = ""  # what to run after boot.py in place of main.py, as a tool at the raw REPL does
        self._shims = shims
        self._argv = interpreter_argv(spec.heap_kb, shims / "_start.py", json.dumps(self._fixed()))
        self._console = console.open("ab", buffering=0)
        self._wait: Event | None = None
        self._wait_mode = -1
        self._alarm: Event | None = None
        self.ops[ops.SLEEP] = self._sleep
        self.ops[ops.CALL] = self._call
        self.calls["irqs"] = self._irqs
        self.calls["crashed"] = self._crashed
        self.calls["ended"] = self._ended

    # -- life ---------------------------------------------------------------------------------------------

    def power_on(self) -> None:
        """Supply comes up: nothing but the flash is remembered."""
        self._boot(POWER_ON, 0, self.spec.boot_ms)

    def reset(self, cause: int) -> None:
        """The chip restarts now."""
        self.kernel.log.write(self.spec.name, "reset", cause=cause)
        self.stop()
        self._boot(cause, 0, self.spec.boot_ms)

    def stop(self) -> None:
        """RAM ends; pending waits with it."""
        for event in (self._wait, self._alarm):
            if event:
                event.cancel()
        self._wait = self._alarm = None
        self.light = False
        self.pending.clear()
        if self.process:
            self.process.kill()
            self.process = None
        for fn in self.on_stop:
            fn()

    def power_off(self) -> None:
        self.stop()
        self.mcu.set("off", 0.0)
        self.wakes.end()

    def close(self) -> None:
        self.stop()
        self._console.close()

    def _boot(self, cause: int, wake_reason: int, boot_ms: int) -> None:
        self.cause, self.wake_reason = cause, wake_reason
        self.boots += 1
        self.wakes.begin(cause, wake_reason, self.spec.limits)
        self.mcu.set("boot", self.spec.current_ua["boot"])
        for fn in self.on_boot:
            fn(cause)
        self.boot_us = self.kernel.now
        self._alarm = self.kernel.after(boot_ms * 1000, self._run)

    def _run(self) -> None:
        self._alarm = None
        self.mcu.set("active", self.spec.current_ua["active"])
        self.process = self.zygote.boot(self._argv, self._shims, self.flash.fileno(), self._console.fileno())
        self._greet(self.process)
        self._service(self.process)

    def _greet(self, process: Process) -> None:
        """Sends the one packet that comes unasked."""
        process.reply(0, 0, 0, self.kernel.now - self.boot_us, json.dumps(self._hello()).encode())

    # -- requests -----------------------------------------------------------------------------------------

    def _service(self, process: Process) -> None:
        """Serves requests until one must wait for virtual time."""
        kernel = self.kernel
        unpack = ops.REQUEST.unpack_from
        while self.process is process:
            try:
                packet = process.receive()
            except TimeoutError:
                self._hung()
                return
            if packet is None:
                self._crashed("interpreter", "ended by itself")
                self.reset(HARD_RESET)
                return
            op, a, b, debt = unpack(packet)
            t = kernel.now + debt + _CALL_US
            if not kernel.try_advance(t):
                kernel.at(t, self._resume, process, op, a, b, packet[8:])
                return
            if not self._perform(process, op, a, b, packet[8:]):
                return

    def _resume(self, process: Process, op: int, a: int, b: int, data: bytes) -> None:
        if self.process is process and self._perform(process, op, a, b, data):
            self._service(process)

    def _perform(self, process: Process, op: int, a: int, b: int, data: bytes) -> bool:
        answer = self.ops[op](a, b, data)
        if answer is None:
            return False
        delay = answer[3]
        if delay and not self.kernel.try_advance(self.kernel.now + delay):
            self.kernel.after(delay, self._late, process, answer)
            return False
        return self._send(process, answer)

    def _late(self, process: Process, answer: Answer) -> None:
        if self.process is process and self._send(process, answer):
            self._service(process)

    def _send(self, process: Process, answer: Answer) -> bool:
        if self.process is not process:
            return False
        process.reply(answer[0], 1 if self.pending else 0, answer[1], self.kernel.now - self.boot_us, answer[2], self._horizon_us())
        return True

    def _horizon_us(self) -> int:
        """Until when nothing can happen on the board that the interpreter does not do itself, counted from the boot."""
        return max(self.kernel.horizon() - self.boot_us, 0)

    def answer_later(self, answer: Answer) -> None:
        """Gives the answer to a request whose handler returned None, once the present event is over."""
        if self.process:
            self.kernel.after(answer[3], self._late, self.process, answer)

    def interrupt(self, source: str, what: Any) -> None:
        """A peripheral wants its handler run; ends an interruptible wait."""
        if self.process is None:
            return
        self.pending.append((source, what))
        self.nudge(ops.MODE_BUSY, ops.MODE_IDLE, ops.MODE_POLL)

    def nudge(self, *modes: int, reason: int = 1) -> None:
        """Ends the present wait if it is of one of these modes."""
        if self._wait and self._wait_mode in modes:
            self._wait.cancel()
            self._wait = self.kernel.after(0, self._wake_up, reason)

    # -- sleeping -----------------------------------------------------------------------------------------

    def _sleep(self, mode: int, _b: int, data: bytes) -> Answer | None:
        us = int.from_bytes(data, "little")
        if mode in (ops.MODE_DEEP, ops.MODE_RESET, ops.MODE_SOFT_RESET, ops.MODE_GONE):
            self._leave(mode, us)
            return None
        if mode == ops.MODE_LIGHT:
            self.light = True
            self.mcu.set("light_sleep", self.spec.current_ua["light_sleep"])
        elif self.kernel.try_advance(self.kernel.now + us):
            return OK
        self._wait_mode = mode
        self._wait = self.kernel.after(us, self._wake_up, 0)
        if mode == ops.MODE_LIGHT:
            self._asleep()
        return None

    def _asleep(self) -> None:
        for fn in self.on_sleep:
            fn()

    def _wake_up(self, reason: int) -> None:
        self._wait = None
        if self.light:
            self.light = False
            self.mcu.set("active", self.spec.current_ua["active"])
        if self.process:
            self._late(self.process, (0, reason, b"", 0))

    def _leave(self, mode: int, us: int) -> None:
        if mode == ops.MODE_GONE:
            return
        if mode == ops.MODE_DEEP:
            self.kernel.log.write(self.spec.name, "deep_sleep", ms=us // 1000 if us < 1 << 50 else None)
            self.stop()
            self.mcu.set("deep_sleep", self.spec.current_ua["deep_sleep"])
            self.wakes.sleep()
            if us < 1 << 50:
                self._alarm = self.kernel.after(us, self.wake, self.spec.limits.timer_wake)
            self._asleep()
            return
        self.reset(SOFT if mode == ops.MODE_SOFT_RESET else self.spec.limits.reset_cause)

    @property
    def deep(self) -> bool:
        """Asleep with RAM gone."""
        return self.process is None and self.mcu.state == "deep_sleep"

    def wake(self, reason: int) -> None:
        """Ends deep sleep for `reason` (the port's number)."""
        if self._alarm:
            self._alarm.cancel()
            self._alarm = None
        self.kernel.log.write(self.spec.name, "wake", reason=reason)
        limits = self.spec.limits
        self._boot(limits.deep_sleep_cause, reason, self.spec.wake_ms)

    # -- calls by name ------------------------------------------------------------------------------------

    def _call(self, a: int, b: int, data: bytes) -> Answer | None:
        if a:
            return self.raw[a](b, data)
        name, args = json.loads(data)
        result = self.calls[name](*args)
        if isinstance(result, tuple):
            return result
        return (0, 0, b"" if result is None else json.dumps(result).encode(), 0)

    raw: dict[int, Callable[[int, bytes], Answer | None]]

    def _fixed(self) -> dict[str, Any]:
        """What the port's modules ask when they are imported, before the greeting."""
        return self.spec.limits.fixed()

    def _hello(self) -> dict[str, Any]:
        """What this boot has of its own."""
        spec = self.spec
        return {
            "reset_cause": self.cause, "wake_reason": self.wake_reason, "unique_id": spec.unique_id, "mac": spec.mac,
            "flash_blocks": self.flash.blocks, "flash_block_size": self.flash.block_size, "flash_first": self.flash.first,
            "flash_marks": self.flash.marks, "machine": spec.title, "rtc": self.rtc(), "rom": spec.rom, "import_cost": spec.import_cost,
            "scripts": ["boot.py", self.script or "main.py"], "tls": spec.tls, "random_seed": spec.seed * 1_000_003 + self.boots,
        }

    def _irqs(self) -> list[tuple[str, Any]]:
        pending, self.pending = self.pending, []
        return pending

    def _crashed(self, kind: str, text: str) -> None:
        self.kernel.log.write(self.spec.name, "crash", kind=kind, text=text)

    def _ended(self) -> Answer | None:
        """main.py returned: a board would now sit at its prompt, drawing current, until someone resets it."""
        self.kernel.log.write(self.spec.name, "prompt")
        self.stop()
        return None

    def _hung(self) -> None:
        raise EngineError(
            f"Node {self.spec.name} computed for 30 s without touching `time` or `machine`: look for an endless loop in its firmware."
        )
