"""What ROM loader and flasher stub have in common: framing, synchronisation, registers, RAM, writing flash."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable
from enum import Enum, auto

from kerbstone.bench.esp.chips import CONSOLE_BAUD, Chip
from kerbstone.bench.esp.frames import SYNC_DATA, Answer, Op, Request, parse, reply
from kerbstone.bench.esp.registers import Registers
from kerbstone.bench.esp.write import Codes, FlashWrite, block_payload
from kerbstone.bench.nor import NorChip, OutOfRange

_SYNC_REPLIES = 8
Handler = Callable[[bytes], Answer]


class Event(Enum):
    """What a command makes the chip do once its reply is out."""

    STUB = auto()  # run the code that was loaded into RAM
    RUN = auto()  # run the application in flash
    ROM = auto()  # restart with the straps as they were latched: a downloading chip stays one
    RESET = auto()  # a watchdog reset of the whole chip


class Loader:
    """One loader at the far end of the wire. `send` takes the frames of its replies, before SLIP.

    `event` is what has to happen next, for the board to take; `baud` is the rate it speaks at.
    """

    status_bytes = 4
    sync_value = 0
    codes: Codes
    eager_erase = False

    def __init__(self, chip: Chip, flash: NorChip, registers: Registers, send: Callable[[bytes], None], baud: int = CONSOLE_BAUD):
        self.chip, self.flash, self.registers, self.send, self.baud = chip, flash, registers, send, baud
        self.event: Event | None = None
        self.used = False  # it did more than synchronise
        self._write: FlashWrite | None = None
        self._ram_next = 0
        self.handlers: dict[int, Handler] = {
            Op.MEM_BEGIN: self._mem_begin,
            Op.MEM_END: self._mem_end,
            Op.WRITE_REG: self._write_reg,
            Op.READ_REG: self._read_reg,
            Op.FLASH_BEGIN: lambda data: self._begin(data, compressed=False),
            Op.FLASH_DEFL_BEGIN: lambda data: self._begin(data, compressed=True),
            Op.FLASH_END: self._end,
            Op.FLASH_DEFL_END: self._end,
            Op.SPI_SET_PARAMS: self._set_params,
            Op.SPI_ATTACH: self._attach,
            Op.SPI_FLASH_MD5: self._md5,
            Op.CHANGE_BAUDRATE: self._change_baud,
        }
        if chip.security_info:
            self.handlers[Op.GET_SECURITY_INFO] = self._security_info
        self.handlers |= self.own_handlers()

    def own_handlers(self) -> dict[int, Handler]:
        """Hook: the commands that only this loader has."""
        return {}

    def frame(self, frame: bytes) -> None:
        """Takes one frame and answers it. Raises PowerCut."""
        request = parse(frame)
        if request is None:
            return  # noise: the host asks again
        if request.op == Op.SYNC:
            if request.data == SYNC_DATA:
                for _ in range(_SYNC_REPLIES):
                    self.send(reply(Op.SYNC, Answer(value=self.sync_value), self.status_bytes))
            return
        self.used = True
        answer = self._answer(request)
        if answer is None:
            self.unknown(request)
        else:
            self.send(reply(request.op, answer, self.status_bytes))
            if not answer.error:
                self.after(request)
        if self.registers.bitten:
            self.event = Event.RESET

    def unknown(self, request: Request) -> None:
        """Answers a command that this loader does not have."""
        raise NotImplementedError

    def after(self, request: Request) -> None:
        """Hook: `request` went well and its reply has been sent."""

    def _answer(self, request: Request) -> Answer | None:
        if request.op == Op.MEM_DATA:
            return self._mem_data(request)
        if request.op in (Op.FLASH_DATA, Op.FLASH_DEFL_DATA):
            return self._write.block(request) if self._write else Answer(error=self.codes.no_session)
        handler = self.handlers.get(request.op)
        if handler is None:
            return None
        try:
            return handler(request.data)
        except struct.error:  # too few words for this command
            return Answer(error=self.codes.length)
        except OutOfRange:
            return Answer(error=self.codes.flash)

    def _mem_begin(self, data: bytes) -> Answer:
        struct.unpack_from("<IIII", data)
        self._ram_next = 0
        return Answer()

    def _mem_data(self, request: Request) -> Answer:
        _, sequence, error = block_payload(request, self.codes)
        if not error and sequence != self._ram_next:
            error = self.codes.length
        self._ram_next += 0 if error else 1
        return Answer(error=error)

    def _mem_end(self, data: bytes) -> Answer:
        stay, entry = struct.unpack_from("<II", data)
        if entry and not stay:
            self.event = Event.STUB
        return Answer()

    def _read_reg(self, data: bytes) -> Answer:
        return Answer(value=self.registers.read(struct.unpack_from("<I", data)[0]))

    def _write_reg(self, data: bytes) -> Answer:
        if not data or len(data) % 16:
            return Answer(error=self.codes.length)
        for address, value, mask, _delay_us in struct.iter_unpack("<IIII", data):
            self.registers.write(address, value, mask)
        return Answer()

    def _begin(self, data: bytes, compressed: bool) -> Answer:
        size, _blocks, _block_size, offset = struct.unpack_from("<IIII", data)
        self._write = None
        if size:
            self.ready(offset, size)
            self._write = FlashWrite(self.flash, offset, size, self.codes, compressed, self.eager_erase)
        return Answer()

    def ready(self, offset: int, size: int) -> None:
        """Hook: raises OutOfRange when this loader cannot reach that range of flash now."""

    def _end(self, data: bytes) -> Answer:
        raise NotImplementedError

    def _set_params(self, data: bytes) -> Answer:
        struct.unpack_from("<IIIIII", data)
        return Answer()

    def _attach(self, data: bytes) -> Answer:
        struct.unpack_from("<I", data)
        return Answer()

    def digest(self, md5: bytes) -> bytes:
        """Hook: the form in which this loader sends an MD5."""
        return md5

    def _md5(self, data: bytes) -> Answer:
        at, size, _, _ = struct.unpack_from("<IIII", data)
        self.ready(at, size)
        return Answer(data=self.digest(hashlib.md5(self.flash.read(at, size), usedforsecurity=False).digest()))

    def _change_baud(self, data: bytes) -> Answer:
        struct.unpack_from("<II", data)
        return Answer()

    def _security_info(self, _data: bytes) -> Answer:
        return Answer(data=struct.pack("<IB7xII", 0, 0, self.chip.image_id, 0))
