"""The console of a virtual board: bytes of a serial port on one side, a MicroPython at its prompt on the other."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

from kerbstone.bench.chip_flash import ChipFlash
from kerbstone.bench.fit import fit
from kerbstone.bench.memory import attach
from kerbstone.bench.repl_device import ConsoleDevice
from kerbstone.bench.repl_screen import Screen
from kerbstone.build.node import Node
from kerbstone.emulator.board.analog import Analog
from kerbstone.emulator.board.buses import I2CBuses, SpiBuses
from kerbstone.emulator.board.pins import Pins
from kerbstone.emulator.board.spec import DeviceSpec
from kerbstone.emulator.board.storage import Storage
from kerbstone.emulator.board.timing import Timing
from kerbstone.emulator.board.uart import Uarts
from kerbstone.emulator.board.ulp.coprocessor import Coprocessor
from kerbstone.emulator.engine import interpreter
from kerbstone.emulator.engine.process import Zygote
from kerbstone.emulator.engine.shimset import shim_folder
from kerbstone.emulator.kernel import Kernel

VERSION = "v1.29.0"  # what os.uname() of the emulated board says
_CTRL_A, _CTRL_C = b"\x01", b"\x03"
_AHEAD_US = 2_000  # the virtual clock may run ahead of the real one by so much
_DEAF_S = 0.5  # output nobody has taken for so long is dropped; the RP2 port gives up on USB after the same time
_ROOM = 65_536  # bytes waiting in one direction before the other side has to wait


class Session:
    """One board's interpreter on one stream, in a thread of its own.

    `stream` is the descriptor of the board's side (a pty master, a socket); it stays the caller's. The session ends by
    `stop()`, or by itself when the firmware asks for the ROM's loader; `reason` then says "stopped" or "bootloader".
    """

    def __init__(
        self, flash: ChipFlash, image: Path, stream: int, spec: DeviceSpec, pin_names: dict[str, int], on_end: Callable[[str], None] | None,
        node: Node | None = None,
    ):
        self.reason = ""
        self.error: BaseException | None = None
        self.raw = False
        self.kernel = Kernel()
        self._stream = stream
        self._on_end = on_end
        self._screen = Screen(VERSION, spec.title)
        self._inbox = bytearray()  # typed, not yet given to the interpreter
        self._outbox = bytearray()  # shown, not yet taken by the port
        self._feeding = False
        self._inner: socket.socket | None = None
        self._stuck_since: float | None = None
        self._zygote = Zygote(interpreter.find())
        self._wake, self._waker = socket.socketpair()
        self.device = ConsoleDevice(self.kernel, self._zygote, spec, flash, shim_folder(), self, self._leave)
        pins = Pins(self.device, pin_names)
        if node:
            fit(self.device, pins, self._zygote, node)
        else:
            buses = I2CBuses(self.device)
            if spec.limits.ulp_pins:
                Coprocessor(self.device, pins, buses, [])
            SpiBuses(self.device, pins)
            Uarts(self.device)
            Analog(self.device)
            Timing(self.device)
            Storage(self.device)
        attach(self.device, image)
        self._thread = threading.Thread(target=self._live, name=f"console of {spec.name}", daemon=True)

    def start(self) -> None:
        os.set_blocking(self._stream, False)
        self._thread.start()

    def stop(self) -> None:
        """Takes the power away and waits for the end."""
        self._leave("stopped")
        if self._thread is not threading.current_thread():
            self._thread.join()

    def wait(self, timeout_s: float | None = None) -> str:
        """Waits for the end; gives the reason, "" when it still runs."""
        self._thread.join(timeout_s)
        return "" if self._thread.is_alive() else self.reason

    def _leave(self, reason: str) -> None:
        self.reason = self.reason or reason
        with contextlib.suppress(OSError):
            self._waker.send(b"x")

    # -- what the device tells ----------------------------------------------------------------------------

    def attach(self, stream: socket.socket) -> None:
        stream.setblocking(False)
        self._inner = stream
        self._screen.restart(self.raw)

    def detach(self) -> None:
        self._feeding = False
        if self._inner:
            self._drain()
            self.show(self._screen.rest())
            self.raw = self._screen.raw
            self._inner.close()
            self._inner = None

    def listen(self) -> None:
        """A start file runs. What came to an ESP32's UART before interrupts nothing; an RP2040's waits in the computer, for its USB."""
        if not self._feeding and self.device.spec.limits.port == "esp32":
            self._inbox = self._inbox.replace(_CTRL_C, b"")
        self._feeding = True

    def prompt(self) -> None:
        self._drain()
        self._screen.prompt()
        self._feeding = True
        if self._screen.hiding and self._inner:
            self._feeding = False
            self._inner.send(_CTRL_A)

    def show(self, text: bytes) -> None:
        self._outbox += text

    # -- the loop -----------------------------------------------------------------------------------------

    def _live(self) -> None:
        began = time.monotonic()
        try:
            self.device.power_on()
            while not self.reason:
                self.kernel.run(max(self.kernel.now, int((time.monotonic() - began) * 1e6)))
                self.kernel.end = self.kernel.now + _AHEAD_US
                again = self._feed()
                due = self.kernel.next_due()
                left = 1.0 if due is None else max(due / 1e6 - (time.monotonic() - began), 0.0)
                self._step(min(left, 0.001) if again else min(left, 0.1) if self._outbox else left)
        except BaseException as error:  # the owner asks for it; a thread has nobody to raise it to
            self.error = error
            self.reason = self.reason or "failed"
        finally:
            self.device.close()
            self._flush()
            self.device.flash.close()
            self._zygote.close()
            self._wake.close()
            self._waker.close()
        if self._on_end:
            self._on_end(self.reason)

    def _step(self, timeout_s: float) -> None:
        """Waits for the first thing that happens and deals with what has."""
        poll = select.poll()
        process, inner = self.device.process, self._inner
        poll.register(self._wake, select.POLLIN)
        poll.register(self._stream, (select.POLLIN if len(self._inbox) < _ROOM else 0) | (select.POLLOUT if self._outbox else 0))
        if process:
            poll.register(process.fileno(), select.POLLIN)
        if inner and len(self._outbox) < _ROOM:
            poll.register(inner, select.POLLIN)
        found = dict(poll.poll(-(-timeout_s * 1000 // 1)))
        if inner and found.get(inner.fileno()):
            self._drain()
        if found.get(self._stream, 0) & (select.POLLIN | select.POLLHUP):
            self._listen_to_port()
        if process and found.get(process.fileno()):
            self.device.serve()
        self._flush()

    def _listen_to_port(self) -> None:
        try:
            self._inbox += os.read(self._stream, 4096)
        except BlockingIOError:
            return
        except OSError:
            time.sleep(0.01)  # nobody has the other end of a pty open

    def _drain(self) -> None:
        """Takes all the interpreter has written so far."""
        while self._inner:
            try:
                data = self._inner.recv(16_384)
            except (BlockingIOError, ConnectionResetError):
                return
            if not data:
                return
            hid = self._screen.hiding
            self.show(self._screen.take(data))
            if hid and not self._screen.hiding:
                self._feeding = True

    def _feed(self) -> bool:
        """Gives typed bytes to the interpreter; True when it must be tried again in a moment."""
        while self._feeding and self._inbox and self._inner and not self.device.breaking:
            at = self._inbox.find(_CTRL_C)
            if at == 0:
                executes = self.device.executes()
                if executes is None:
                    return True
                if executes:
                    del self._inbox[:1]
                    self.device.keyboard_interrupt()
                    continue
            end = len(self._inbox) if at < 0 else at or 1
            try:
                sent = self._inner.send(self._inbox[:end])
            except BlockingIOError:
                return True
            except (BrokenPipeError, ConnectionResetError):
                return False
            del self._inbox[:sent]
            self.device.typed()
        return False

    def _flush(self) -> None:
        """Gives the port what it takes; a port nobody reads loses output, as on a board."""
        if not self._outbox:
            return
        try:
            del self._outbox[: os.write(self._stream, self._outbox)]
            self._stuck_since = None
        except BlockingIOError:
            now = time.monotonic()
            self._stuck_since = self._stuck_since or now
            if now - self._stuck_since > _DEAF_S:
                self._outbox.clear()
        except OSError:
            self._outbox.clear()


def start_interpreter(flash_image: Path, offset: int, size: int, stream: int, spec: DeviceSpec,
                      pin_names: dict[str, int] | None = None, on_end: Callable[[str], None] | None = None,
                      node: Node | None = None) -> Session:
    """Starts the interpreter of the chip whose flash is the file `flash_image`, with its prompt on `stream`.

    The file system are the `size` bytes from `offset`; the parts of `node` hang on the chip's pins.
    `on_end` is called once, in the session's thread, with the reason.
    Raises BenchError when the file system does not lie in the image, EngineError when there is no MicroPython.
    """
    session = Session(ChipFlash(flash_image, offset, size), flash_image, stream, spec, pin_names or {}, on_end, node)
    session.start()
    return session
