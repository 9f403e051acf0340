"""A virtual RP2040 board: a folder while its boot loader runs, a serial port while MicroPython runs."""

from __future__ import annotations

import fcntl
import hashlib
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

from kerbstone.bench import uf2
from kerbstone.bench.chip_flash import blank
from kerbstone.bench.fit import same_board
from kerbstone.bench.port import Port
from kerbstone.bench.repl import start_interpreter
from kerbstone.bench.rp2_drive import Drive
from kerbstone.build.board import load_board
from kerbstone.build.node import Node
from kerbstone.emulator.board.limits import LIMITS
from kerbstone.emulator.board.spec import DeviceSpec
from kerbstone.errors import BenchError, KerbstoneError

_LOOK_S = 0.05

BOOTSEL, RUNNING, OFF = "bootsel", "running", "off"


class Rp2Board:
    """The board `name` (a file under boards/, RP2040 only) with its flash, port and folder under `state`.

    `notify` gets one sentence for everything that happens, in the board's own thread; the parts of `node` are wired to the board.
    The flash stays when the board stops.
    """

    def __init__(self, name: str, state: Path, notify: Callable[[str], None] = lambda text: None, node: Node | None = None):
        self.board = load_board(name)
        if self.board.mcu != "rp2040":
            raise BenchError(f"{name} is a board with an {self.board.mcu.upper()}: it has no UF2 drive; name a board with an RP2040.")
        same_board(node, name)
        self._node = node
        self.flash = state / "flash.bin"
        self.port = state / "port"
        self.folder = state / "RPI-RP2"
        self.mode = OFF
        self.refusal = ""  # why the last file was not taken
        self.error: KerbstoneError | None = None  # what ended the board by itself
        self._state = state
        self._notify = notify
        self._drive = Drive(self.folder)
        self._changed = threading.Condition()
        self._stopping = threading.Event()
        self._pressed = False
        self._done = False
        self._lock = -1
        self._thread = threading.Thread(target=self._live, name=f"board {name}", daemon=True)
        serial = hashlib.sha256(str(state.resolve()).encode()).hexdigest()
        self._spec = DeviceSpec(
            name=name, title=f"{self.board.title} with RP2040", limits=LIMITS["rp2040"], heap_kb=self.board.heap_kb,
            boot_ms=self.board.times.boot_ms, wake_ms=self.board.times.wake_ms, current_ua=self.board.current_ua.model_dump(),
            unique_id=serial[:16], mac="02" + serial[16:26], seed=int(serial[:8], 16), rtc_ppm=self.board.times.rtc_ppm,
        )

    def start(self) -> None:
        """Plugs the board in: with firmware in its flash it runs, without it shows its drive. Raises BenchError."""
        size = self.board.flash_mb << 20
        try:
            self._state.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(self._state / "lock", os.O_RDWR | os.O_CREAT, 0o644)
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._unlock()
            raise BenchError(f"The board in {self._state} is running already: stop it first, or name another state folder.") from error
        except OSError as error:
            raise BenchError(f"The state folder {self._state} cannot be used: {error.strerror}.") from error
        try:
            if not self.flash.exists():
                blank(self.flash, size)
            if self.flash.stat().st_size != size:
                raise BenchError(f"{self.flash} is not the flash of this board ({size} bytes): remove it, or name another state folder.")
            if self.folder.exists():
                self._drive.insert()
                self._drive.eject()
        except KerbstoneError:
            self._unlock()
            raise
        self._thread.start()
        self.wait_for(BOOTSEL, RUNNING, OFF, timeout_s=10)

    def stop(self) -> None:
        """Unplugs the board: port and folder go, the flash stays."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()
        self._unlock()

    def press_bootsel(self) -> None:
        """Resets the board with its BOOTSEL button held."""
        self._pressed = True

    def wait_for(self, *modes: str, timeout_s: float = 10.0) -> bool:
        """Waits until the board is in one of `modes` ("bootsel", "running", "off")."""
        with self._changed:
            return self._changed.wait_for(lambda: self.mode in modes and (self.mode != OFF or self._done), timeout_s)

    def _unlock(self) -> None:
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def _enter(self, mode: str, text: str) -> None:
        with self._changed:
            self.mode = mode
            self._changed.notify_all()
        self._notify(text)

    def _live(self) -> None:
        try:
            loader = not uf2.boots(self.flash)
            while not self._stopping.is_set():
                if loader:
                    self._show_drive()
                else:
                    self._run_firmware()
                loader = not loader
        except KerbstoneError as error:
            self.error = error
            self._notify(str(error))
        finally:
            with self._changed:
                self.mode, self._done = OFF, True
                self._changed.notify_all()

    def _show_drive(self) -> None:
        """The ROM's loader: until a file is in the flash that starts."""
        self._pressed = False
        self._drive.insert()
        self._enter(BOOTSEL, f"BOOTSEL: copy a UF2 for the RP2040 into {self.folder}")
        try:
            while not self._stopping.is_set():
                path = self._drive.arrived()
                if path and self._take(path):
                    return
                time.sleep(_LOOK_S)
        finally:
            self._drive.eject()

    def _take(self, path: Path) -> bool:
        """True when the flash starts after this file."""
        try:
            image = uf2.parse(path.read_bytes(), self.board.flash_mb << 20, path.name)
        except uf2.Uf2Error as error:
            self._refuse(path, str(error))
            return False
        except OSError as error:
            self._refuse(path, f"{path.name} cannot be read: {error.strerror}; copy it again.")
            return False
        uf2.program(image, self.flash)
        if uf2.boots(self.flash):
            self.refusal = ""
            return True
        self._refuse(path, f"{path.name} is in the flash, but its first 256 bytes are no boot stage: copy firmware for the RP2040.")
        return False

    def _refuse(self, path: Path, reason: str) -> None:
        self.refusal = reason
        path.unlink(missing_ok=True)
        self._notify(reason)

    def _run_firmware(self) -> None:
        """MicroPython: until it asks for the loader, or the button is pressed."""
        port = Port(self.port)
        try:
            fs = self.board.filesystem
            session = start_interpreter(self.flash, fs.offset, fs.size, port.fileno, self._spec, self.board.pin_names, node=self._node)
            try:
                self._enter(RUNNING, f"MicroPython on {self.port}")
                while not session.wait(_LOOK_S):
                    if self._stopping.is_set() or self._pressed:
                        return
            finally:
                session.stop()
            if session.error:
                raise BenchError(f"The board stopped: {session.error}.") from session.error
        finally:
            port.close()
