"""An image of the interpreter as an update: its manifest goes as a bundle, the image itself in pieces (kerb/update/image.py)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import cbor2

from kerbstone.bench.esp import image
from kerbstone.build.board import BoardFile
from kerbstone.emulator.board.ota import CHIP_IDS, SECTOR, table_of
from kerbstone.errors import FlashError, UpdateError
from kerbstone.flash import images
from kerbstone.update.bundle import FORM, LEAST_PORT, MPY, pack
from kerbstone.update.keys import SigningKey, envelope

MARK = b"KUI1"
PIECE = 256  # a page of the flash, and what a node's MQTT packet has the room for
_PIECES = 8 * SECTOR  # the marks of one sector


@dataclass(frozen=True)
class ImageUpdate:
    """An image to be signed. `board`: the name of the MicroPython image, as the board file's `firmware` has it."""

    vendor: bytes
    klass: bytes
    sequence: int
    content: bytes
    board: str
    version: str = ""
    piece: int = PIECE
    port: tuple[int, int, int] = LEAST_PORT

    @property
    def digest(self) -> bytes:
        return hashlib.sha256(self.content).digest()

    def manifest(self) -> bytes:
        fields: dict[int, object] = {1: FORM, 2: self.vendor, 3: self.klass, 4: self.sequence}
        if self.port != LEAST_PORT:
            fields[6] = list(self.port)
        fields |= {7: MPY, 12: [self.digest, len(self.content), self.board, self.piece]}
        if self.version:
            fields[10] = self.version
        return cbor2.dumps(fields, canonical=True)

    def bundle(self, key: SigningKey) -> bytes:
        return pack(envelope(key, self.manifest()), [])


def pieces(content: bytes, size: int = PIECE) -> list[bytes]:
    """The image as messages, each with its head; in any order, each as often as one likes.

    Raises UpdateError for a size that does not fill a sector without a rest, or too many pieces.
    """
    if size not in (256, 512, 1024, 2048, 4096) or -(-len(content) // size) > _PIECES:
        raise UpdateError(f"{len(content)} bytes do not go into pieces of {size}: take 256, 512, 1024, 2048 or 4096 bytes.")
    head = MARK + hashlib.sha256(content).digest()[:4]
    return [head + (at // size).to_bytes(2, "big") + content[at : at + size] for at in range(0, len(content), size)]


def read(path: Path, board: BoardFile) -> bytes:
    """The application of an image file (.bin as a whole, or .app-bin alone), for a board with OTA partitions.

    Raises UpdateError: the board takes none, or the file is none for it, damaged or too large.
    """
    if board.ota is None:
        raise UpdateError(f"{board.title} has one application partition: a board whose image has two takes images; this one needs a cable.")
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UpdateError(f"{path} cannot be read: {error.strerror}.") from error
    data = _application(path, data)
    try:
        found = image.load(lambda at, size: data[at : at + size].ljust(size, b"\xff"), 0, len(data))
    except image.ImageFault as fault:
        raise UpdateError(f"{path} is no ESP32 image, or damaged ({fault}): take the .app-bin of {board.firmware}.") from fault
    if found.chip_id != CHIP_IDS.get(board.mcu):
        raise UpdateError(f"{path} is for chip {found.chip_id}, and {board.title} has an {board.mcu}: take the image of {board.firmware}.")
    room = min(row.size for row in table_of(board) if row.kind == 0) - SECTOR
    if found.size > room:
        raise UpdateError(f"{path} has {found.size} bytes, and a partition of {board.title} takes {room}: take a smaller image.")
    return data[: found.size]


def _application(path: Path, data: bytes) -> bytes:
    """Of a whole image, with bootloader and table, its first application."""
    try:
        whole = images.read(path)
    except FlashError:
        return data
    apps = [piece for at, piece in sorted(whole.pieces.items()) if at >= 0x10000]
    return apps[0] if whole.mcu != "rp2040" and apps else data
