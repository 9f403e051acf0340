"""Requests and replies of the serial loader: eight bytes of header, data, and in a reply the status. Source: [esptool]."""

from __future__ import annotations

import struct
from enum import IntEnum
from typing import NamedTuple

_HEADER = struct.Struct("<BBHI")
_REQUEST, _REPLY = 0, 1
_SEED = 0xEF


class Op(IntEnum):
    """Commands that the virtual loaders know."""

    FLASH_BEGIN = 0x02
    FLASH_DATA = 0x03
    FLASH_END = 0x04
    MEM_BEGIN = 0x05
    MEM_END = 0x06
    MEM_DATA = 0x07
    SYNC = 0x08
    WRITE_REG = 0x09
    READ_REG = 0x0A
    SPI_SET_PARAMS = 0x0B
    SPI_ATTACH = 0x0D
    READ_FLASH_SLOW = 0x0E
    CHANGE_BAUDRATE = 0x0F
    FLASH_DEFL_BEGIN = 0x10
    FLASH_DEFL_DATA = 0x11
    FLASH_DEFL_END = 0x12
    SPI_FLASH_MD5 = 0x13
    GET_SECURITY_INFO = 0x14
    ERASE_FLASH = 0xD0
    ERASE_REGION = 0xD1
    READ_FLASH = 0xD2
    RUN_USER_CODE = 0xD3


class Request(NamedTuple):
    op: int
    check: int  # of the payload after its 16-byte block header, data commands only
    data: bytes


class Answer(NamedTuple):
    """What a command came to; `error` 0 is success."""

    data: bytes = b""
    value: int = 0
    error: int = 0


SYNC_DATA = b"\x07\x07\x12\x20" + 32 * b"\x55"


def parse(frame: bytes) -> Request | None:
    """A request, or None when the frame is no request or its length is not what it says."""
    if len(frame) < _HEADER.size:
        return None
    direction, op, size, check = _HEADER.unpack_from(frame)
    data = frame[_HEADER.size :]
    return Request(op, check, data) if direction == _REQUEST and size == len(data) else None


def reply(op: int, answer: Answer, status_bytes: int) -> bytes:
    """A reply frame. `status_bytes`: 4 from a ROM (the last two reserved), 2 from the stub."""
    status = bytes((1 if answer.error else 0, answer.error)).ljust(status_bytes, b"\0")
    body = answer.data + status
    return _HEADER.pack(_REPLY, op, len(body), answer.value) + body


def checksum(data: bytes) -> int:
    """The loader's and the image's check byte: all bytes and a seed, by exclusive or."""
    value, size = int.from_bytes(data, "little"), len(data)
    while size > 1:  # folds the number onto its lower half: a loop over bytes takes a second for an image
        size = (size + 1) // 2
        value = (value >> 8 * size) ^ (value & ((1 << 8 * size) - 1))
    return value ^ _SEED
