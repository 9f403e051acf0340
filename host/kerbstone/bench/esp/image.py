"""An ESP application or bootloader image as it lies in flash: header, segments, check byte, digest. Source: [esptool], [IDF]."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable
from dataclasses import dataclass

from kerbstone.bench.esp.frames import checksum

Read = Callable[[int, int], bytes]

MAGIC = 0xE9
_HEADER = struct.Struct("<BBBBIB3xHB4x4xB")  # magic, segments, mode, size and speed, entry, pad, chip, revision, digest follows
_SEGMENT = struct.Struct("<II")
_MOST_SEGMENTS = 16
_ALIGN = 16
_DIGEST = 32


@dataclass(frozen=True)
class Image:
    entry: int
    chip_id: int
    segments: tuple[tuple[int, int], ...]  # load address, length
    size: int  # bytes in flash, digest included


class ImageFault(Exception):
    """Why there is no runnable image; `found` and `wanted` are the figures a message may quote."""

    def __init__(self, kind: str, found: int = 0, wanted: int = 0):
        super().__init__(kind)
        self.kind, self.found, self.wanted = kind, found, wanted


def load(read: Read, at: int, limit: int, digest: bool = True) -> Image:
    """Reads and checks the image at `at`, which may take up `limit` bytes.

    `digest`: check the SHA-256 when the header announces one (the bootloader does, the ROM does not).
    Raises ImageFault: "magic", "segment", "checksum" or "digest".
    """
    head = read(at, _HEADER.size)
    magic, count, _mode, _size_speed, entry, _wp, chip_id, _revision, has_digest = _HEADER.unpack(head)
    if magic != MAGIC:
        raise ImageFault("magic", found=int.from_bytes(head[:4], "little"), wanted=MAGIC)
    if not 0 < count <= _MOST_SEGMENTS:
        raise ImageFault("segment", found=count, wanted=_MOST_SEGMENTS)
    segments, position, body = [], _HEADER.size, bytearray()
    for _ in range(count):
        address, length = _SEGMENT.unpack(read(at + position, _SEGMENT.size)) if position + _SEGMENT.size <= limit else (0, limit)
        position += _SEGMENT.size
        if position + length > limit:
            raise ImageFault("segment", found=length, wanted=limit)
        segments.append((address, length))
        body += read(at + position, length)
        position += length
    end = (position // _ALIGN + 1) * _ALIGN  # the check byte is the last of its sixteen
    if end + (_DIGEST if has_digest else 0) > limit:
        raise ImageFault("segment", found=end, wanted=limit)
    stored, computed = read(at + end - 1, 1)[0], checksum(bytes(body))
    if stored != computed:
        raise ImageFault("checksum", found=stored, wanted=computed)
    if has_digest and digest and hashlib.sha256(read(at, end)).digest() != read(at + end, _DIGEST):
        raise ImageFault("digest")
    return Image(entry, chip_id, tuple(segments), end + (_DIGEST if has_digest else 0))


def build(chip_id: int, content: bytes, address: int = 0x3FFB_0000) -> bytes:
    """An image with one segment, check byte and digest, as load() accepts it; it runs nowhere."""
    content += bytes(-len(content) % 4)
    body = _HEADER.pack(MAGIC, 1, 2, 0x20, address, 0xEE, chip_id, 0, 1) + _SEGMENT.pack(address, len(content)) + content
    end = (len(body) // _ALIGN + 1) * _ALIGN
    body = body.ljust(end - 1, b"\0") + bytes([checksum(content)])
    return body + hashlib.sha256(body).digest()
