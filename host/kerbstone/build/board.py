"""The board file: what a bare board is. One file a board under boards/."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from kerbstone.build.files import load, nearest
from kerbstone.errors import NodeFileError
from kerbstone.paths import boards_dir

Gpio = Annotated[int, Field(ge=0, le=48)]


_TABLES = {"cells"}  # files beside the boards that describe none


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Filesystem(_Table):
    """Where the port keeps its file system in flash."""

    offset: int = Field(ge=0)
    size: int = Field(gt=0, multiple_of=4096)


class Times(_Table):
    """How long the chip takes to reach boot.py, and how wrong its RTC runs."""

    boot_ms: int = Field(gt=0, le=60_000)
    wake_ms: int = Field(gt=0, le=60_000)
    rtc_ppm: float = Field(default=0.0, ge=-100_000, le=100_000)


class Current(_Table):
    """The board's own supply current by state, uA."""

    boot: float = Field(ge=0)
    active: float = Field(ge=0)
    light_sleep: float = Field(ge=0)
    deep_sleep: float = Field(ge=0)


class I2CBus(_Table):
    id: int = Field(ge=0, le=1)
    sda: Gpio
    scl: Gpio


class UartBus(_Table):
    id: int = Field(ge=0, le=2)
    tx: Gpio
    rx: Gpio


class Radio(_Table):
    """A LoRa radio on the board: wiring and what its module carries."""

    chip: Literal["sx1262"]
    spi: int = Field(ge=0, le=2)
    sck: Gpio
    mosi: Gpio
    miso: Gpio
    cs: Gpio
    reset: Gpio
    busy: Gpio
    dio1: Gpio
    rxen: Gpio | None = None
    dio2_rf_sw: bool = True
    dio3_tcxo_millivolts: int | None = Field(default=None, ge=1600, le=3300)
    antenna_gain_dbi: float = 0.0


class Battery(_Table):
    """How the board lets its supply be measured."""

    pin: Gpio
    ratio: float = Field(gt=0, le=20)
    gate_pin: Gpio | None = None
    gate_level: int = Field(default=1, ge=0, le=1)
    attenuation: float | None = None
    full_scale_v: float | None = None


class Rail(_Table):
    """A switched supply for parts."""

    pin: Gpio
    on_level: int = Field(ge=0, le=1)


class Wifi(_Table):
    """Wi-Fi current by state, uA, beside the chip's own; times to a working address.

    The times are those of the one measurement with all phases known: ESP32, glenn20/upy-esp32-experiments. Association 734.3 ms from
    wake to sleep less the 77 ms that chip and interpreter take; DHCP 1626 less 734 ms.
    """

    connecting: float = Field(ge=0)
    dhcp: float | None = Field(default=None, ge=0)  # as `connecting` unless given
    idle: float = Field(ge=0)
    rx: float = Field(ge=0)
    tx: float = Field(ge=0)
    connect_ms: int = Field(default=657, gt=0)
    dhcp_ms: int = Field(default=892, ge=0)


class BoardFile(_Table):
    title: str
    mcu: Literal["esp32", "esp32s3", "rp2040"]
    firmware: str  # board id on micropython.org
    flash_mb: int = Field(gt=0, le=64)
    heap_kb: int = Field(ge=64, le=8192)
    filesystem: Filesystem
    times: Times
    current_ua: Current
    i2c: dict[str, I2CBus] = Field(default_factory=dict)
    uart: dict[str, UartBus] = Field(default_factory=dict)
    rail: dict[str, Rail] = Field(default_factory=dict)
    radio: Radio | None = None
    battery: Battery | None = None
    wifi: Wifi | None = None
    pin_names: dict[str, Gpio] = Field(default_factory=dict)
    reserved: dict[str, list[Gpio]] = Field(default_factory=dict)  # reason -> pins no part may use


def board_names() -> list[str]:
    return sorted(p.stem for p in boards_dir().glob("*.toml") if p.stem not in _TABLES)


def load_board(name: str) -> BoardFile:
    """A board by the name of its file. Raises NodeFileError."""
    path: Path = boards_dir() / f"{name}.toml"
    if name not in board_names():
        raise NodeFileError(f"There is no board {name!r}: {nearest(name, board_names())}")
    return load(path, BoardFile)[0]
