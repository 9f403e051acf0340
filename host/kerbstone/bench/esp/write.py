"""Taking an image over the wire into flash: plain or compressed, erased beforehand (ROM) or as the data comes (stub)."""

from __future__ import annotations

import struct
import zlib
from enum import IntEnum
from typing import NamedTuple

from kerbstone.bench.esp.frames import Answer, Request, checksum
from kerbstone.bench.nor import SECTOR_BYTES, NorChip, OutOfRange

_BLOCK = struct.Struct("<IIII")  # length, sequence number, two reserved words


class Fault(IntEnum):
    """Error codes of a status. Source: [esptool] and the stub's sources; the ROM's are below 0x10."""

    INVALID = 0x05
    FAILED = 0x06
    CHECKSUM = 0x07
    FLASH_WRITE = 0x08
    INFLATE = 0x0B
    STUB_LENGTH = 0xC0
    STUB_CHECKSUM = 0xC1
    STUB_COMMAND = 0xC3
    STUB_FLASH = 0xC4
    STUB_NO_SESSION = 0xC6
    STUB_INFLATE = 0xC7
    STUB_TOO_MUCH = 0xC9


class Codes(NamedTuple):
    """The error codes one loader uses for the same mishaps."""

    length: Fault
    checksum: Fault
    flash: Fault
    no_session: Fault
    inflate: Fault
    too_much: Fault


ROM_CODES = Codes(Fault.INVALID, Fault.CHECKSUM, Fault.FLASH_WRITE, Fault.FAILED, Fault.INFLATE, Fault.FLASH_WRITE)
STUB_CODES = Codes(
    Fault.STUB_LENGTH, Fault.STUB_CHECKSUM, Fault.STUB_FLASH, Fault.STUB_NO_SESSION, Fault.STUB_INFLATE, Fault.STUB_TOO_MUCH
)


def block_payload(request: Request, codes: Codes) -> tuple[bytes, int, int]:
    """Payload, sequence number and error code (0: good) of a data command."""
    if len(request.data) < _BLOCK.size:
        return b"", 0, codes.length
    length, sequence, _, _ = _BLOCK.unpack_from(request.data)
    payload = request.data[_BLOCK.size :]
    if length != len(payload):
        return b"", sequence, codes.length
    return payload, sequence, 0 if checksum(payload) == request.check & 0xFF else codes.checksum


class FlashWrite:
    """One image on its way into flash. `eager`: the whole range is erased at the beginning, as the ROM does it."""

    def __init__(self, flash: NorChip, offset: int, size: int, codes: Codes, compressed: bool, eager: bool):
        """Raises OutOfRange, PowerCut."""
        flash.check(offset, size)
        self._flash, self._codes = flash, codes
        self._at, self._end = offset, offset + size
        self._erased_to = offset // SECTOR_BYTES * SECTOR_BYTES
        self._next = 0
        self._inflate = zlib.decompressobj() if compressed else None
        if eager and size:
            flash.erase(offset, size)
            self._erased_to = self._end

    def block(self, request: Request) -> Answer:
        """Takes one data command. Raises PowerCut."""
        payload, sequence, error = block_payload(request, self._codes)
        if error:
            return Answer(error=error)
        if sequence == self._next - 1:  # a repeat: the reply to the first one was lost on the wire
            return Answer()
        if sequence != self._next:
            return Answer(error=self._codes.length)
        try:
            data, room = self._inflated(payload), self._end - self._at
            if self._inflate is None:
                data = data[: max(room, len(data.rstrip(b"\xff")))]  # padding of the last block is no data
            elif len(data) > room:
                return Answer(error=self._codes.too_much)
            self._store(data)
        except zlib.error:
            return Answer(error=self._codes.inflate)
        except OutOfRange:
            return Answer(error=self._codes.flash)
        self._next += 1
        return Answer()

    def _inflated(self, payload: bytes) -> bytes:
        if self._inflate is None:
            return payload
        return self._inflate.decompress(payload, self._end - self._at + 1)

    def _store(self, data: bytes) -> None:
        until = min(-(-(self._at + len(data)) // SECTOR_BYTES) * SECTOR_BYTES, -(-self._end // SECTOR_BYTES) * SECTOR_BYTES)
        if until > self._erased_to:
            self._flash.erase(self._erased_to, until - self._erased_to)
            self._erased_to = until
        self._flash.program(self._at, data)
        self._at += len(data)
