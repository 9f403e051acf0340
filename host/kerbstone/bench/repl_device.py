"""A device with a person at its console: it follows the wall clock, never blocks its host, and hears Ctrl-C."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from kerbstone.bench import repl_signal
from kerbstone.emulator.board.device import _CALL_US, OK, SOFT, Answer, Device
from kerbstone.emulator.board.spec import DeviceSpec
from kerbstone.emulator.engine import ops
from kerbstone.emulator.engine.process import Process, Zygote
from kerbstone.emulator.flash import Flash
from kerbstone.emulator.kernel import Kernel

SOFT_RESET_US = 20_000  # unconfirmed: the ports' clean-up between two interpreters
_PATIENCE_US = 20_000  # an interpreter that asks nothing for so long is computing
_RETRY_US = 5_000
_INSIST_US = 1_000_000  # a program that only writes one open file: Ctrl-C then goes through the file system
_ENODEV = 19
_FLASH = (ops.FLASH_WRITE, ops.FLASH_ERASE)
_FRIENDLY = ["boot.py", "main.py"]
_RAW = ["boot.py"]  # after a soft reset from the raw prompt the ports leave main.py out


class Console(Protocol):
    """What the device tells the console it is connected to."""

    raw: bool

    def attach(self, stream: socket.socket) -> None:
        """A new interpreter reads from and writes to the other end of `stream`."""

    def detach(self) -> None:
        """The interpreter has ended; what it wrote last is still in the stream."""

    def listen(self) -> None:
        """The interpreter runs the start files: typed bytes may reach it."""

    def prompt(self) -> None:
        """The start files are done; the interpreter shows its prompt next."""

    def show(self, text: bytes) -> None:
        """The port itself prints `text`."""


class ConsoleDevice(Device):
    """`on_leave` is called with "bootloader" when the firmware asks for the ROM's own loader."""

    def __init__(self, kernel: Kernel, zygote: Zygote, spec: DeviceSpec, flash: Flash, shims: Path, console: Console,
                 on_leave: Callable[[str], None]):
        super().__init__(kernel, zygote, spec, flash, shims, Path(os.devnull))
        self.screen = console
        self.outstanding: int | None = None  # the operation the interpreter waits for
        self._asked_us = 0  # when it asked last
        self._breaking = False
        self._pressed_us = 0
        self._typed = False
        self._deaf = False  # the program has let go of Ctrl-C
        self.on_boot.append(self._fresh)
        self.ops[ops.NOW] = lambda a, b, data: OK
        self.calls["console"] = console.listen
        self.calls["prompt"] = self._prompt
        self.calls["kbd_intr"] = self._kbd_intr
        self.calls["bootloader"] = lambda: on_leave("bootloader")

    # -- life ---------------------------------------------------------------------------------------------

    def _fresh(self, _cause: int) -> None:
        self._deaf = False
        self.screen.raw = False

    def _run(self) -> None:
        self._alarm = None
        self.mcu.set("active", self.spec.current_ua["active"])
        ours, theirs = socket.socketpair()
        with theirs:
            argv = [self._argv[0], "-i", *self._argv[1:]]
            self.process = self.zygote.spawn(argv, self._shims, self.flash.fileno(), theirs.fileno(), typed=True)
        self.screen.attach(ours)
        self.process.reply(0, 0, 0, self.kernel.now - self.boot_us, json.dumps(self._common() | self._own()).encode())

    def stop(self) -> None:
        super().stop()
        self.outstanding = None
        self._breaking = False
        self.screen.detach()

    def soft_reset(self) -> None:
        """RAM ends and the start files run again; clock and RTC run on."""
        self.kernel.log.write(self.spec.name, "soft_reset")
        self.stop()
        self.screen.show(b"MPY: soft reboot\r\n")
        if self.spec.limits.port == "esp32":
            self.cause = SOFT  # the RP2 port goes on showing the cause of the last real reset
        self._alarm = self.kernel.after(SOFT_RESET_US, self._run)

    def _leave(self, mode: int, us: int) -> None:
        if mode == ops.MODE_SOFT_RESET:
            self.soft_reset()
        else:
            super()._leave(mode, us)

    # -- requests: one at a time, when the link has something -------------------------------------------------

    def _service(self, process: Process) -> None:
        """The session waits for the next request together with everything else."""

    def serve(self) -> None:
        """Takes the request that has come in over the link."""
        process = self.process
        if process is None:
            return
        request = process.receive()
        if request is None:  # Ctrl-D, sys.exit() at the prompt, or a crash of the interpreter: the ports start again
            self.soft_reset()
            return
        op, a, b, debt, data = request
        self.outstanding = op
        self._asked_us = self.kernel.now
        if self._breaking and op == ops.SLEEP:
            # Not even a soft reset goes before Ctrl-C: a main.py that ends in sys.exit() would shut everyone out.
            self._send(process, OK)
            return
        t = self.kernel.now + debt + _CALL_US
        if self.kernel.try_advance(t):
            self._perform(process, op, a, b, data)
        else:
            self.kernel.at(t, self._resume, process, op, a, b, data)

    def _send(self, process: Process, answer: Answer) -> bool:
        if self.process is process:
            op, self.outstanding = self.outstanding, None
            if self._breaking and (op not in _FLASH or self.kernel.now > self._pressed_us + _INSIST_US):
                self._breaking = False
                answer = (ops.KEYBOARD, 0, b"", 0)
        return super()._send(process, answer)

    def _call(self, a: int, b: int, data: bytes) -> Answer | None:
        try:
            return super()._call(a, b, data)
        except KeyError:  # a peripheral this board does not have
            return (_ENODEV, 0, b"", 0)

    def _fixed(self) -> dict[str, Any]:
        return super()._fixed() | {"console": True}

    def _common(self) -> dict[str, Any]:
        return super()._common() | {"scripts": _RAW if self.screen.raw else _FRIENDLY}

    def _horizon_us(self) -> int:
        """None: keys are pressed when they are pressed."""
        return 0

    def _kbd_intr(self, code: int) -> None:
        self._deaf = code < 0

    def _prompt(self) -> None:
        self._breaking = self._deaf = False
        self.screen.prompt()

    def _sleep(self, mode: int, b: int, data: bytes) -> Answer | None:
        if mode == ops.MODE_POLL and self._typed:
            # Typed between the program's look at the console and its wait: look again.
            self._typed = False
            return OK
        return super()._sleep(mode, b, data)

    # -- the keyboard -------------------------------------------------------------------------------------

    def typed(self) -> None:
        """Bytes have gone to the interpreter: a program that polls its console looks again."""
        self._typed = True
        if self._wait and self._wait_mode == ops.MODE_POLL:
            self._typed = False
            self.nudge(ops.MODE_POLL)

    @property
    def breaking(self) -> bool:
        """Ctrl-C was pressed and has not come through yet: what is typed after it has to wait."""
        return self._breaking

    def executes(self) -> bool | None:
        """Does Ctrl-C end something now (True), is it a byte like others (False), or ask again in a moment (None)?"""
        if self.process is None or self._deaf:
            return False
        if self.outstanding in _FLASH:
            return True
        state = repl_signal.executes(self.process.pid)
        if state is False and self.outstanding is None and repl_signal.exchange(self.process.fileno()):
            return None  # it may be the file system that has let go of Ctrl-C, for the length of a write
        return False if state is None and self.outstanding is not None else state

    def keyboard_interrupt(self) -> None:
        """Ctrl-C: ends a wait at once; otherwise comes with the next answer; otherwise as a signal."""
        process = self.process
        if process is None:
            return
        self._breaking = True
        self._pressed_us = self.kernel.now
        if self._wait:
            self._wait.cancel()
            self._wake_up(0)
        else:
            self.kernel.after(_PATIENCE_US, self._force, process)

    def _force(self, process: Process) -> None:
        if not self._breaking or self.process is not process:
            return
        pid = process.pid
        if self.outstanding is None and self.kernel.now >= self._asked_us + _PATIENCE_US:
            gone = repl_signal.interrupt(pid, process.fileno())
            if gone or (repl_signal.executes(pid) is False and not repl_signal.exchange(process.fileno())):
                self._breaking = False
                return
        self.kernel.after(_RETRY_US, self._force, process)
