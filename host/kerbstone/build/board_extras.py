"""The tables of a board file that only some boards have: modem, power chip, Ethernet, lamps, charger, and the like."""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

from pydantic import Field, field_validator

from kerbstone.build.board_tables import Enable, Gpio, Level, Table


class SpiBus(Table):
    """A bus brought out beside the radio's, or one with a memory card."""

    id: int = Field(ge=0, le=2)
    sck: Gpio
    mosi: Gpio
    miso: Gpio
    cs: Gpio | None = None


class Modem(Table):
    """A cellular modem; rx and tx are the host's. Pulses as the GPIO sees them, so behind any transistor."""

    chip: str
    tx: Gpio
    rx: Gpio
    baud: int = 115_200
    pwrkey: Gpio | None = None
    pwrkey_level: Level = 1  # "pressed"
    on_ms: int | None = Field(default=None, gt=0)
    off_ms: int | None = Field(default=None, gt=0)
    ready_ms: int | None = Field(default=None, gt=0)
    dtr: Gpio | None = None
    ring: Gpio | None = None
    reset: Gpio | None = None
    reset_level: Level = 1
    enable: list[Enable] | None = None
    pmu_rail: str | None = None
    psm_ua: float | None = None
    sleep_ua: float | None = None
    peak_ua: float | None = None  # while it transmits at full power
    solar_adc: Gpio | None = None


class PmuRail(Table):
    """One output of a power chip. A board that switches off a rail with `fixed` loses its own MCU."""

    feeds: str
    mv: int | None = Field(default=None, ge=500, le=5000)
    fixed: bool = False


class Pmu(Table):
    """A power chip on I2C."""

    chip: Literal["axp192", "axp2101"]
    i2c: str
    addr: int = Field(ge=8, le=119)
    irq: Gpio | None = None
    rail: dict[str, PmuRail] = Field(default_factory=dict)


class Expander(Table):
    """Inputs or outputs behind an I2C port chip."""

    chip: str
    i2c: str
    addr: int = Field(ge=8, le=119)
    lines: int = Field(gt=0, le=16)
    direction: Literal["in", "out"]
    inverted: bool


class Ethernet(Table):
    """An RMII PHY, as network.LAN takes it."""

    phy: str
    addr: int = Field(ge=0, le=31)
    mdc: Gpio
    mdio: Gpio
    ref_clk: Gpio
    ref_clk_out: bool
    power: Gpio | None = None


class Light(Table):
    """An indicator: a plain LED, or an addressed one."""

    pin: Gpio
    kind: Literal["led", "ws2812"] = "led"
    on_level: Level = 1
    power_pin: Gpio | None = None


class Usb(Table):
    """How a computer reaches the board. `bridge`: its chip, when it is not the MCU itself."""

    kind: Literal["native", "bridge"]
    bridge: str | None = None
    auto_reset: bool | None = None
    id: str | None = None  # vendor:product


class ImageFile(Table):
    """The MicroPython image of the board: where it is, and what it must be."""

    address: str = Field(pattern=r"^https?://\S+\.(uf2|bin)$")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class Charge(Table):
    """The charger: its chip, current and what may feed it."""

    chip: str | None = None
    ma: float | None = Field(default=None, gt=0)
    input_v: list[float] | None = Field(default=None, min_length=2, max_length=2)
    solar: bool = False


class Ota(Table):
    """The OTA partitions of the board's MicroPython image; without them its table has one application, which a cable alone replaces."""

    data: int = Field(ge=0x9000, multiple_of=4096)  # which slot starts: two sectors
    slots: list[tuple[int, int]] = Field(min_length=2, max_length=16)  # offset and bytes of each

    @field_validator("slots")
    @classmethod
    def _sectors(cls, slots: list[tuple[int, int]]) -> list[tuple[int, int]]:
        if any(at % 0x10000 or size % 4096 or size <= 0 for at, size in slots):
            raise ValueError("a slot begins at a multiple of 0x10000 and takes whole sectors of 0x1000")
        if any(at + size > after for (at, size), (after, _) in pairwise(slots)):
            raise ValueError("the slots overlap, or are not in order")
        return slots
