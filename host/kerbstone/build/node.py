"""The node file: board + parts + application + uplink + policy. Ready-made ones lie under boards/nodes/."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator

from kerbstone.build import regions
from kerbstone.build.board import BoardFile, Gpio, load_board
from kerbstone.build.files import load, nearest
from kerbstone.codec.tomlfile import TomlFile
from kerbstone.errors import NodeFileError
from kerbstone.paths import boards_dir

Word = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,30}$")]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid")


class NodeTable(_Table):
    board: str
    app: Word
    profile: str | None = None  # the application's name unless given; a path ends in .toml
    title: str = ""
    allow_strapping: list[Gpio] = Field(default_factory=list)  # pins read at reset whose circuits are known to let go of them


class BatteryTable(_Table):
    """What the node lives on; without this table nothing is known and nothing about it is checked."""

    cell: Word  # a row of boards/cells.toml
    series: int = Field(default=1, ge=1, le=8)
    parallel: int = Field(default=1, ge=1, le=16)
    buffer: Word | None = None  # a capacitor in parallel that carries the peaks
    usable_pct: float = Field(default=75.0, gt=0, le=100)  # 70-80 % in field experience
    ageing_pct_year: float = Field(default=1.0, ge=0, le=50)  # unconfirmed


class PartTable(BaseModel):
    """A part. Keys beyond these are options of its driver."""

    model_config = ConfigDict(extra="allow")

    driver: Word
    bus: str | None = None  # "i2c.NAME" or "uart.NAME" of the board
    period_s: int = Field(ge=0, le=31_536_000)  # 0: only on a wake by its pin
    wake_pin: Gpio | None = None
    wake_level: int = Field(default=1, ge=0, le=1)
    rail: str | None = None
    stay: bool = False  # powered between measurements
    freq: int = Field(default=100_000, ge=10_000, le=1_000_000)
    baud: int = Field(default=9600, ge=300, le=921_600)
    frame: Annotated[str, StringConstraints(pattern=r"^[78][NEO][12]$")] = "8N1"  # data bits, parity, stop bits of a UART

    @property
    def options(self) -> dict[str, Any]:
        return dict(self.model_extra or {})


class LoRaWanTable(_Table):
    kind: Literal["lorawan"]
    region: str = "EU868"
    confirm: Literal["all", "events", "none"] = "all"
    port: int = Field(default=2, ge=1, le=223)
    adr: bool = True
    adr_margin_db: float = Field(default=10.0, ge=0, le=40)  # what the network should keep in hand for this place

    @field_validator("region")
    @classmethod
    def _known(cls, region: str) -> str:
        if region not in regions.names():
            raise ValueError(f"there is no such region: {nearest(region, regions.names())}")
        return region


class MqttTable(_Table):
    kind: Literal["mqtt"]
    confirm: Literal["all"] = "all"
    broker: str = "broker.local"
    port: int = Field(default=1883, ge=1, le=65535)
    link: Literal["hold", "burst"] = "hold"
    keepalive_s: int = Field(default=900, ge=30, le=65535)
    prefix: Word = "kerb"
    ntp: str = "pool.ntp.org"


class PolicyTable(_Table):
    deep_sleep: bool = True
    save_s: int = Field(default=3600, ge=60, le=86_400)
    resync_s: int = Field(default=86_400, ge=600, le=2_592_000)
    outbox_limit: int = Field(default=500, ge=1, le=5000)
    keep_days: int = Field(default=30, ge=0, le=365)  # a routine reading that waited longer is counted, not sent; 0: sent however old


class WorldTable(_Table):
    """Only the emulator reads this: where the node stands and what surrounds it."""

    gateway_m: float = Field(default=400.0, gt=0, le=20_000)
    lat: float = Field(default=36.1, ge=-90, le=90)
    lon: float = Field(default=-79.95, ge=-180, le=180)
    site: str | None = None  # kind of surroundings; the application's name unless given
    options: dict[str, Any] = Field(default_factory=dict)
    parts: dict[Word, dict[str, Any]] = Field(default_factory=dict)  # what hangs on the wires of a part: options of its virtual part


class UpdateTable(_Table):
    """Whose updates the node takes; without this table it takes none."""

    vendor: str = Field(pattern=r"^[a-z0-9.-]{3,60}$")  # a domain
    device_class: str = Field(alias="class", pattern=r"^[a-z0-9._-]{1,60}$")
    keys: str  # file of public keys beside the node file, as `kerbstone update keys` prints it
    sequence: int = Field(default=0, ge=0, lt=1 << 31)  # of the application that is built with it
    min_battery_v: float = Field(default=0.0, ge=0, le=60)


class BudgetTable(_Table):
    """What the node may draw; `kerbstone energy` fails beyond it."""

    mah_per_day: float | None = Field(default=None, gt=0)
    life_years: float | None = Field(default=None, gt=0, le=15)  # the longest life anyone may promise


class NodeFile(_Table):
    node: NodeTable
    parts: dict[Word, PartTable]
    app: dict[str, Any] = Field(default_factory=dict)
    uplink: Annotated[LoRaWanTable | MqttTable, Field(discriminator="kind")]
    policy: PolicyTable = Field(default_factory=PolicyTable)
    battery: BatteryTable | None = None
    world: WorldTable = Field(default_factory=WorldTable)
    budget: BudgetTable | None = None
    update: UpdateTable | None = None


@dataclass(frozen=True)
class Node:
    """A node file with its board, both checked by themselves."""

    name: str
    file: TomlFile
    spec: NodeFile
    board: BoardFile

    @property
    def profile(self) -> str:
        """Name of a profile of ours, or the path of one beside the node file, or of the node file itself if it has a channel table."""
        if self.spec.app.get("channels") and self.spec.node.profile is None:
            return str(self.file.path)
        given = self.spec.node.profile or self.spec.node.app
        return str(self.file.path.parent / given) if given.endswith(".toml") else given

    @property
    def folder(self) -> Path:
        """Where the user's own drivers, applications and virtual parts lie."""
        return self.file.path.parent


def ready_nodes() -> list[str]:
    return sorted(p.stem for p in (boards_dir() / "nodes").glob("*.toml"))


def load_node(name_or_path: str) -> Node:
    """A ready-made node by name, or any node file by path. Raises NodeFileError."""
    path = Path(name_or_path)
    if path.suffix != ".toml":
        if name_or_path not in ready_nodes():
            hint = nearest(name_or_path, ready_nodes())
            raise NodeFileError(f"There is no node {name_or_path!r}: {hint} Or give the path of a .toml file.")
        path = boards_dir() / "nodes" / f"{name_or_path}.toml"
    spec, file = load(path, NodeFile)
    try:
        board = load_board(spec.node.board)
    except NodeFileError as error:
        raise file.error("board", str(error)) from error
    return Node(path.stem, file, spec, board)
