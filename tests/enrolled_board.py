"""Books and virtual boards for tests of identities: an ESP32 and an RP2040 with the firmware that can prove itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import esp_bench
from kerbstone.bench.chip_flash import blank
from kerbstone.bench.esp.chips import CHIPS
from kerbstone.bench.rp2 import RUNNING, Rp2Board
from kerbstone.bench.virtual import VirtualBoard
from kerbstone.books.books import Books
from kerbstone.build.board import load_board
from kerbstone.build.firmware import compile_file
from kerbstone.build.image import write_image
from kerbstone.emulator.engine import interpreter
from kerbstone.emulator.flash import read_image
from kerbstone.identity import eui, registry
from kerbstone.identity.writing import Place
from kerbstone.paths import firmware_dir
from virtual_board import firmware as rp2_firmware

PASSPHRASE = "a passphrase for tests"
ESP, PICO = "olimex_esp32_poe", "pico"
_MODULES = ("identity", "cbor", "prove", "errors", "__init__")


def new_books(path: Path, count: int = 4, batch: str = "b1", **plan: object) -> Books:
    """Books with a batch of minted identities."""
    books = Books.create(str(path), "owner", PASSPHRASE)
    with books.change("block") as change:
        eui.add_block(change.connection, eui.parse_block("70b3d57ed"))
    wish = {"batch": batch, "node": "parking", "join_eui": "70b3d57ed0000010", "production": True} | plan
    registry.plan(books, registry.Plan(serials=[(f"KS-{n:04}", {}) for n in range(count)], **wish))
    registry.mint(books, batch, None, {}, lambda done, of: None)
    return books


def board_flash(name: str, image: Path) -> None:
    """A flash chip as after flashing: MicroPython's place taken, and on the file system the modules that prove."""
    board = load_board(name)
    blank(image, board.flash_mb << 20)
    with image.open("r+b") as f:
        if board.mcu == "rp2040":
            for offset, page in rp2_firmware().items():
                f.seek(offset)
                f.write(page)
        else:
            f.seek(CHIPS[board.mcu].boot_offset)
            f.write(esp_bench.firmware(board.mcu))
    new_file_system(name, image)


def new_file_system(name: str, image: Path, files: dict[str, bytes] | None = None) -> None:
    """Erases the file system of a board that is off, and puts the modules that prove, or other files, onto a new one."""
    board = load_board(name)
    kerb = firmware_dir() / "kerb"
    files = files or {f"/kerb/{module}.mpy": compile_file(kerb / f"{module}.py", f"kerb/{module}.py") for module in _MODULES}
    at = board.filesystem.offset if board.mcu == "rp2040" else esp_bench.FS_AT
    blocks = ((board.flash_mb << 20) - at) // 4096
    sparse = image.with_suffix(".sparse")
    write_image(interpreter.find(), sparse, blocks, files)
    with image.open("r+b") as f:
        f.seek(at)
        f.write(read_image(sparse, blocks))
    sparse.unlink()


@contextmanager
def esp_board(folder: Path) -> Iterator[Place]:
    """A running ESP32 in `folder`; the same board when it is there already."""
    if not (folder / "flash.bin").exists():
        folder.mkdir(parents=True)
        board_flash(ESP, folder / "flash.bin")
    virtual = VirtualBoard(ESP, folder)
    try:
        yield Place(virtual.port, load_board(ESP))
    finally:
        virtual.close()


@contextmanager
def pico_board(folder: Path) -> Iterator[Place]:
    """A running RP2040 in `folder`; the same board when it is there already."""
    if not (folder / "flash.bin").exists():
        folder.mkdir(parents=True)
        board_flash(PICO, folder / "flash.bin")
    virtual = Rp2Board(PICO, folder)
    virtual.start()
    assert virtual.wait_for(RUNNING)
    try:
        yield Place(str(virtual.port), load_board(PICO), virtual.folder)
    finally:
        virtual.stop()
