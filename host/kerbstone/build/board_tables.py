"""The tables of a board file: supply, buses, radio. What only some boards carry is in board_extras.py."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from kerbstone.build.chips import RADIO_DRIVERS

Gpio = Annotated[int, Field(ge=0, le=48)]
Level = Annotated[int, Field(ge=0, le=1)]


class Table(BaseModel):
    """A table whose unknown keys are mistakes."""

    model_config = ConfigDict(extra="forbid")


class Filesystem(Table):
    """Where the port keeps its file system in flash."""

    offset: int = Field(ge=0)
    size: int = Field(gt=0, multiple_of=4096)


class Times(Table):
    """How long the chip takes to reach boot.py, and how wrong its RTC runs."""

    boot_ms: int = Field(gt=0, le=60_000)
    wake_ms: int = Field(gt=0, le=60_000)
    rtc_ppm: float = Field(default=0.0, ge=-100_000, le=100_000)


class Current(Table):
    """The board's own supply current by state, uA."""

    boot: float = Field(ge=0)
    active: float = Field(ge=0)
    light_sleep: float = Field(ge=0)
    deep_sleep: float = Field(ge=0)


class I2CBus(Table):
    id: int = Field(ge=0, le=1)
    sda: Gpio
    scl: Gpio


class UartBus(Table):
    id: int = Field(ge=0, le=2)
    tx: Gpio
    rx: Gpio


class Enable(Table):
    """A pin that must be at a level before something works."""

    pin: Gpio
    level: Level
    what: str


class Radio(Table):
    """A LoRa radio on the board: wiring and what its module carries."""

    chip: Literal["sx1261", "sx1262", "sx1276", "sx1277", "sx1278", "sx1279"]
    spi: int = Field(ge=0, le=2)
    sck: Gpio
    mosi: Gpio
    miso: Gpio
    cs: Gpio
    reset: Gpio
    busy: Gpio | None = None  # SX126x only
    dio0: Gpio | None = None  # SX127x only
    dio1: Gpio | None = None
    dio2: Gpio | None = None
    rxen: Gpio | None = None
    dio2_rf_sw: bool = True
    dio3_tcxo_millivolts: int | None = Field(default=None, ge=1600, le=3300)
    tcxo: bool | None = None  # SX127x: a TCXO feeds XTA
    pa_boost: bool | None = None  # SX127x: False where the antenna hangs on RFO
    max_power_dbm: int | None = Field(default=None, ge=0, le=22)
    antenna_gain_dbi: float = 0.0
    enable: list[Enable] | None = None
    pmu_rail: str | None = None  # "issue.rail" of [pmu] that feeds it

    @property
    def irq(self) -> int | None:
        """The pin on which the radio reports a finished packet."""
        return self.dio1 if self.driver == "sx1262" else self.dio0

    @property
    def driver(self) -> str:
        """The firmware's file for this chip."""
        return RADIO_DRIVERS[self.chip]


class Battery(Table):
    """How the board lets its supply be measured."""

    pin: Gpio
    ratio: float = Field(gt=0, le=20)
    gate_pin: Gpio | None = None
    gate_level: int = Field(default=1, ge=0, le=1)
    attenuation: float | None = None
    full_scale_v: float | None = None


class Rail(Table):
    """A switched supply for parts."""

    pin: Gpio
    on_level: Level


class Wifi(Table):
    """Wi-Fi current by state, uA, beside the chip's own; times to a working address.

    `peak` is the highest supply current of the whole board while it transmits, uA. The times are those of the one measurement with
    all phases known: ESP32, glenn20/upy-esp32-experiments. Association 734.3 ms from wake to sleep less the 77 ms that chip and
    interpreter take; DHCP 1626 less 734 ms.
    """

    connecting: float = Field(ge=0)
    dhcp: float | None = Field(default=None, ge=0)  # as `connecting` unless given
    idle: float = Field(ge=0)
    rx: float = Field(ge=0)
    tx: float = Field(ge=0)
    peak: float = Field(gt=0)
    connect_ms: int = Field(default=657, gt=0)
    dhcp_ms: int = Field(default=892, ge=0)
