"""The flasher stub that the host loads into RAM: large blocks, compressed data, fast reads, real erases.

The uploaded code is accepted and not run: the model behaves as the stub of esptool 5 does. Source: [esptool].
"""

from __future__ import annotations

import hashlib
import struct

from kerbstone.bench.esp.frames import Answer, Op, Request, reply
from kerbstone.bench.esp.loader import Event, Handler, Loader
from kerbstone.bench.esp.write import STUB_CODES, Fault

GREETING = b"OHAI"
_MOST_READ_BLOCK = 0x10000
_MOST_READ_WINDOW = 64  # what esptool asks for


class _Reading:
    """A fast read under way: blocks go out while no more than `window` of them are unacknowledged."""

    def __init__(self, data: bytes, block: int, window: int):
        self.data, self.block, self.window = data, block, min(window, _MOST_READ_WINDOW)
        self.sent = self.acknowledged = 0


class StubLoader(Loader):
    """The chip with the stub running."""

    status_bytes = 2
    sync_value = 0  # tells the host that the stub is there already
    codes = STUB_CODES

    _reading: _Reading | None = None

    def own_handlers(self) -> dict[int, Handler]:
        return {
            Op.ERASE_FLASH: self._erase_flash,
            Op.ERASE_REGION: self._erase_region,
            Op.READ_FLASH: self._read_flash,
            Op.RUN_USER_CODE: self._run,
        }

    def frame(self, frame: bytes) -> None:
        if self._reading is None:
            super().frame(frame)
        elif len(frame) == 4:
            self._reading.acknowledged = min(struct.unpack("<I", frame)[0], self._reading.sent)
            self._pump()
        else:  # the host gave up and starts anew
            self._reading = None
            super().frame(frame)

    def unknown(self, request: Request) -> None:
        self.send(reply(request.op, Answer(error=Fault.STUB_COMMAND), self.status_bytes))

    def after(self, request: Request) -> None:
        if request.op == Op.CHANGE_BAUDRATE:
            self.baud = int(struct.unpack_from("<I", request.data)[0])
        elif request.op == Op.READ_FLASH:
            self._pump()

    def _end(self, data: bytes) -> Answer:
        """0: back to the ROM loader; anything else leaves the stub running."""
        if not struct.unpack_from("<I", data)[0]:
            self.event = Event.ROM
        return Answer()

    def _erase_flash(self, _data: bytes) -> Answer:
        self.flash.erase(0, self.flash.size)
        return Answer()

    def _erase_region(self, data: bytes) -> Answer:
        at, size = struct.unpack_from("<II", data)
        self.flash.erase(at, size)
        return Answer()

    def _run(self, _data: bytes) -> Answer:
        self.event = Event.RUN
        return Answer()

    def _read_flash(self, data: bytes) -> Answer:
        at, size, block, window = struct.unpack_from("<IIII", data)
        if not 0 < block <= _MOST_READ_BLOCK or not window:
            return Answer(error=self.codes.length)
        self._reading = _Reading(self.flash.read(at, size), block, window)
        return Answer()

    def _pump(self) -> None:
        """Sends what the window allows, and the MD5 once everything is acknowledged."""
        reading = self._reading
        if reading is None:
            return
        while reading.sent < len(reading.data) and reading.sent - reading.acknowledged < reading.window * reading.block:
            piece = reading.data[reading.sent : reading.sent + reading.block]
            reading.sent += len(piece)
            self.send(piece)
        if reading.acknowledged == len(reading.data):
            self.send(hashlib.md5(reading.data, usedforsecurity=False).digest())
            self._reading = None
