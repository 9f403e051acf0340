"""The loader in ROM: small blocks, erases before it writes, needs to be told where and how large the flash is."""

from __future__ import annotations

import struct

from kerbstone.bench.esp.chips import CRYSTAL_HZ, ESP32_GAUGED_HZ
from kerbstone.bench.esp.frames import Answer, Op, Request, reply
from kerbstone.bench.esp.loader import Event, Handler, Loader
from kerbstone.bench.esp.write import ROM_CODES, Fault
from kerbstone.bench.nor import OutOfRange

_UNKNOWN_REPLIES = 8  # [esptool]: an unsupported command is refused this many times
_READ_BYTES = 64
_FLASH_BYTES_AT_START = 2 << 20  # [esptool]: what the ROM takes the chip for until SPI_SET_PARAMS


class RomLoader(Loader):
    """The chip in download mode."""

    status_bytes = 4
    sync_value = 0x20120707
    codes = ROM_CODES
    eager_erase = True

    _attached = False
    _reach = _FLASH_BYTES_AT_START

    def own_handlers(self) -> dict[int, Handler]:
        return {Op.READ_FLASH_SLOW: self._read_slow}

    def unknown(self, request: Request) -> None:
        """Eight replies to no command in particular, so that the host knows they are none to its own."""
        for _ in range(_UNKNOWN_REPLIES):
            self.send(reply(0, Answer(error=Fault.INVALID), self.status_bytes))

    def ready(self, offset: int, size: int) -> None:
        if not self._attached or offset + size > self._reach:
            raise OutOfRange

    def digest(self, md5: bytes) -> bytes:
        return md5.hex().encode()

    def after(self, request: Request) -> None:
        if request.op == Op.CHANGE_BAUDRATE:
            asked = int(struct.unpack_from("<I", request.data)[0])
            # The host scales its rate by the ROM's wrong idea of the crystal; the divider undoes it.
            self.baud = asked * CRYSTAL_HZ // ESP32_GAUGED_HZ if self.chip.drifting_baud else asked

    def _attach(self, data: bytes) -> Answer:
        struct.unpack_from("<II", data)
        self._attached = True
        return Answer()

    def _set_params(self, data: bytes) -> Answer:
        self._reach = struct.unpack_from("<IIIIII", data)[1]
        return Answer()

    def _end(self, data: bytes) -> Answer:
        """0: restart; 1: run the application."""
        self.event = Event.RUN if struct.unpack_from("<I", data)[0] else Event.ROM
        return Answer()

    def _read_slow(self, data: bytes) -> Answer:
        at, size = struct.unpack_from("<II", data)
        if size > _READ_BYTES:
            return Answer(error=self.codes.length)
        self.ready(at, size)
        return Answer(data=self.flash.read(at, size).ljust(_READ_BYTES, b"\0"))
