"""One virtual board: reset, straps, ROM loader and stub, boot chain and application behind one UART."""

from __future__ import annotations

import time
from collections.abc import Callable
from enum import Enum, auto

from kerbstone.bench.esp import boot, slip
from kerbstone.bench.esp.application import Application
from kerbstone.bench.esp.chips import CONSOLE_BAUD, Chip
from kerbstone.bench.esp.frames import SYNC_DATA, Op, parse
from kerbstone.bench.esp.loader import Event, Loader
from kerbstone.bench.esp.registers import Registers
from kerbstone.bench.esp.rom import RomLoader
from kerbstone.bench.esp.stub import GREETING, StubLoader
from kerbstone.bench.interpreter import Interpreter
from kerbstone.bench.nor import NorChip, PowerCut

_LOOP_S = 1.0  # a board without a bootable image: from one attempt to the next, about the ROM's watchdog [K]
_RESTART_S = 0.1  # an application that ended: until it is started again
_BAUD_TOLERANCE_PCT = 3  # beyond it a UART frame of ten bits is misread


class State(Enum):
    OFF = auto()
    HELD = auto()  # EN is low
    DOWNLOAD = auto()
    FAILING = auto()  # nothing to boot: the same complaint over and over
    RUNNING = auto()


class EspBoard:
    """All calls come from one thread. `emit(data, baud)` takes what the board's UART sends."""

    def __init__(self, chip: Chip, flash: NorChip, mac: bytes, interpreter: Interpreter | None = None):
        self.chip, self.flash, self.mac = chip, flash, mac
        self.state = State.OFF
        self.emit: Callable[[bytes, int], None] = lambda data, baud: None
        self._interpreter = interpreter
        self._application: Application | None = None
        self._due: float | None = None
        self._slip, self._watch = slip.Decoder(), slip.Decoder()
        self._loader: Loader = self._rom()
        self._gauged = False  # the ROM has measured the host's baud rate

    def power_on(self, download: bool = False) -> None:
        """`download`: with the BOOT button held."""
        self._restart("power", download)

    def power_off(self) -> None:
        self._stop()
        self.state = State.OFF
        self.flash.cut_at = None

    def lines(self, dtr: bool, rts: bool) -> None:
        """The DTR/RTS circuit of the common boards: RTS alone holds EN low, DTR alone holds BOOT low, both do nothing.

        The capacitor on EN is taken to bridge the moment between the host's two writes: a reset begun with RTS ends when RTS
        is released, and BOOT is sampled then. Over a network that moment is longer than on a wire.
        """
        if self.state is State.OFF:
            return
        if rts and not dtr:
            self._stop()
            self.state = State.HELD
        elif not rts and self.state is State.HELD:
            self._restart("power", download=dtr)

    def released(self) -> None:
        """The port without modem lines was closed: the hand that held BOOT resets the board, if the loader has been used."""
        if self.state is State.DOWNLOAD and self._loader.used:
            self._restart("power", download=False)

    def receive(self, data: bytes, baud: int | None, button: bool = False) -> None:
        """Bytes from the host at its baud rate (None: unknown, so right).

        `button`: this port has no modem lines; a SYNC that nobody would hear stands for BOOT held over a reset.
        """
        if button and self.state not in (State.OFF, State.HELD) and not self._hears(baud):
            if not any(_is_sync(frame) for frame in self._watch.feed(data)):
                self._to_application(data, baud)
                return
            self._restart("power", download=True, silent=True)
        if self.state is State.DOWNLOAD and self._hears(baud):
            for frame in self._slip.feed(data):
                self._take(frame, baud)
        else:
            self._to_application(data, baud)

    def fileno(self) -> int:
        """Readable when `console` should be called; -1 when nothing runs."""
        return self._application.fileno() if self._application else -1

    def console(self) -> None:
        """Passes on what the application printed; when it has ended, the board restarts."""
        data = self._application.read() if self._application else b""
        if data is None and self._application and self._application.wants_loader():
            self._restart("software", download=True)
        elif data is None:
            self._stop()
            self._due = time.monotonic() + _RESTART_S
        elif data:
            self.emit(data, CONSOLE_BAUD)

    def tick(self) -> float | None:
        """Does what is due; returns the seconds until it wants to be called again."""
        if self._due is None:
            return None
        left = self._due - time.monotonic()
        if left > 0:
            return left
        self._restart("watchdog" if self.state is State.FAILING else "software", download=False)
        return self.tick()

    def close(self) -> None:
        self.power_off()
        self.flash.close()

    def _rom(self, download: bool = True) -> RomLoader:
        registers = Registers(self.chip, self.mac, self.flash.size, download)
        return RomLoader(self.chip, self.flash, registers, self._send)

    def _send(self, frame: bytes) -> None:
        self.emit(slip.encode(frame), self._loader.baud)

    def _hears(self, baud: int | None) -> bool:
        return self.state is State.DOWNLOAD and (not self._gauged or same_rate(baud, self._loader.baud))

    def _to_application(self, data: bytes, baud: int | None) -> None:
        if self._application and same_rate(baud, CONSOLE_BAUD):
            self._application.write(data)

    def _take(self, frame: bytes, baud: int | None) -> None:
        if not self._gauged and _is_sync(frame):
            self._gauged, self._loader.baud = True, baud or CONSOLE_BAUD
        if not self._gauged or self.state is not State.DOWNLOAD:
            return
        try:
            self._loader.frame(frame)
        except PowerCut:
            self.power_off()
            return
        event, self._loader.event = self._loader.event, None
        if event is Event.STUB:
            old = self._loader
            self._loader = StubLoader(old.chip, old.flash, old.registers, old.send, old.baud)
            self._loader.used = True
            self._send(GREETING)
        elif event is not None:
            self._restart("watchdog" if event is Event.RESET else "software", download=event is Event.ROM)

    def _stop(self) -> None:
        self._due = None
        if self._application:
            self._application.stop()
            self._application = None
        self.flash.save_wear()

    def _restart(self, cause: str, download: bool, silent: bool = False) -> None:
        """`silent`: the log of the start has gone by before anybody listened."""
        self._stop()
        self._slip, self._watch = slip.Decoder(), slip.Decoder()
        words = self.chip.words
        head = f"{words.greeting}rst:{words.causes[cause]},{words.download_boot if download else words.app_boot}"
        if download:
            self.state, self._loader, self._gauged = State.DOWNLOAD, self._rom(), False
            if not silent:
                self._say([head, "waiting for download"])
            return
        try:
            result = boot.start(self.chip, self.flash)
        except PowerCut:  # the bootloader was writing down which slot it tries
            self.power_off()
            return
        self._say([head, *result.lines])
        if result.file_system is None:
            self.state, self._due = State.FAILING, time.monotonic() + _LOOP_S
            return
        self.state = State.RUNNING
        self._application = Application(self.flash, result.file_system, self._interpreter)
        self.emit(self._application.notice, CONSOLE_BAUD)

    def _say(self, lines: list[str]) -> None:
        self.emit(("\r\n".join(lines) + "\r\n").encode(), CONSOLE_BAUD)


def same_rate(one: int | None, other: int) -> bool:
    """Whether two baud rates understand each other."""
    return one is None or abs(one - other) * 100 <= _BAUD_TOLERANCE_PCT * other


def _is_sync(frame: bytes) -> bool:
    request = parse(frame)
    return request is not None and request.op == Op.SYNC and request.data == SYNC_DATA
