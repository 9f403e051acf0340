"""The board file: what a bare board is. One file a board under boards/."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from kerbstone.build.board_extras import Charge, Ethernet, Expander, ImageFile, Light, Modem, Ota, Pmu, SpiBus, Usb
from kerbstone.build.board_tables import Battery, Current, Filesystem, Gpio, I2CBus, Radio, Rail, Table, Times, UartBus, Wifi
from kerbstone.build.files import error_at, load, nearest
from kerbstone.build.sources import Sources, source_texts
from kerbstone.build.wiring import mistakes
from kerbstone.codec.tomlfile import TomlFile
from kerbstone.errors import NodeFileError
from kerbstone.paths import boards_dir

NOT_BOARDS = ("cells", "sources")  # tables that lie beside the board files


class BoardFile(Table):
    title: str
    mcu: Literal["esp32", "esp32s3", "esp32c3", "rp2040"]
    firmware: str  # board id on micropython.org
    flash_mb: int = Field(gt=0, le=64)
    psram_mb: int = Field(default=0, ge=0, le=32)
    psram_octal: bool = False
    heap_kb: int = Field(ge=64, le=8192)
    temperature_c: list[int] | None = Field(default=None, min_length=2, max_length=2)
    filesystem: Filesystem
    times: Times
    current_ua: Current
    i2c: dict[str, I2CBus] = Field(default_factory=dict)
    uart: dict[str, UartBus] = Field(default_factory=dict)
    spi: dict[str, SpiBus] = Field(default_factory=dict)
    rail: dict[str, Rail] = Field(default_factory=dict)
    radio: Radio | None = None
    modem: Modem | None = None
    battery: Battery | None = None
    wifi: Wifi | None = None
    ethernet: Ethernet | None = None
    pmu: dict[str, Pmu] = Field(default_factory=dict)  # by issue of the board
    expander: dict[str, Expander] = Field(default_factory=dict)
    lights: dict[str, Light] = Field(default_factory=dict)
    buttons: dict[str, Gpio] = Field(default_factory=dict)
    dac: dict[str, Gpio] = Field(default_factory=dict)
    usb: Usb | None = None
    image: ImageFile | None = None  # of MicroPython
    ota: Ota | None = None
    charge: Charge | None = None
    pin_names: dict[str, Gpio] = Field(default_factory=dict)
    reserved: dict[str, list[Gpio]] = Field(default_factory=dict)  # reason -> pins no part may use
    shared: dict[str, list[Gpio]] = Field(default_factory=dict)  # reason -> pins that serve two things in turn
    notes: list[str] = Field(default_factory=list)
    source: dict[str, str]  # dotted key, or its table -> tags of sources.toml

    @property
    def sources(self) -> Sources:
        """Every value of the file with where it was seen."""
        return Sources(self.model_dump(exclude_unset=True, exclude={"source"}), self.source)


def board_names() -> list[str]:
    return sorted(p.stem for p in boards_dir().glob("*.toml") if p.stem not in NOT_BOARDS)


def load_board(name: str) -> BoardFile:
    """A board by the name of its file. Raises NodeFileError, also when the file contradicts its chip or names no source."""
    path: Path = boards_dir() / f"{name}.toml"
    if name not in board_names():
        alike = [known for known in board_names() if name in known]
        hint = f"did you mean {' or '.join(map(repr, alike))}?" if name and alike else nearest(name, board_names())
        raise NodeFileError(f"There is no board {name!r}: {hint}")
    return read_board(path)


def read_board(path: Path) -> BoardFile:
    """The board in a file, checked by itself. Raises NodeFileError."""
    board, file = load(path, BoardFile)
    _check_sources(board, file)
    for key, words in mistakes(board):
        raise error_at(file, tuple(key.split(".")), words)
    return board


def _check_sources(board: BoardFile, file: TomlFile) -> None:
    values = board.sources.values
    for key, tags in board.source.items():
        if key != "*" and not any(k == key or k.startswith(key + ".") for k in values):
            raise file.error(key, f"[source] names {key!r}, which this board does not have; {nearest(key, list(values))}")
        for tag in tags.split():
            if tag not in source_texts():
                raise file.error(tag, f"[source] {key!r} names {tag!r}, which sources.toml does not have: add it there.")
    for value in board.sources:
        if not value.tags:
            words = f"nobody says where {value.key} comes from: add it, or its table, to [source]."
            raise error_at(file, tuple(value.key.split(".")), words)


__all__ = ["BoardFile", "Gpio", "board_names", "load_board", "read_board"]
