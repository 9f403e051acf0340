"""The node file: board + parts + application + uplink + policy. Ready-made ones lie under boards/nodes/."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

from kerbstone.build import regions
from kerbstone.build.board import BoardFile, Gpio, load_board
from kerbstone.build.files import load, nearest
from kerbstone.codec.tomlfile import TomlFile
from kerbstone.errors import NodeFileError
from kerbstone.paths import boards_dir

Word = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,30}$")]


def _ipv4(text: str) -> str:
    return str(IPv4Address(text))


IPv4 = Annotated[str, AfterValidator(_ipv4)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid")


class NodeTable(_Table):
    board: str
    app: Word
    profile: str | None = None  # the application's name unless given; a path ends in .toml
    title: str = ""
    production: bool = True  # false: a laboratory's node, which may carry what no node of the street should
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
    dr: int | None = Field(default=None, ge=0, le=15)  # data rate after the join, until the network gives another; default: the join's
    device_class: Literal["A", "C"] = Field(default="A", alias="class")  # C: listens whenever it does not send
    packages: list[Literal["clock", "groups", "blocks", "certification"]] = Field(default_factory=list)  # TS003, TS005, TS004, TS009
    package_version: Literal[1, 2] = 2  # of groups and blocks: the server's

    module: Literal["rak3172"] | None = None  # a module with its own LoRaWAN stack, instead of the board's radio
    bus: str | None = None  # the module's UART: "uart.main"
    module_reset_pin: int | None = Field(default=None, ge=0, le=48)

    @field_validator("region")
    @classmethod
    def _known(cls, region: str) -> str:
        if region not in regions.names():
            raise ValueError(f"there is no such region: {nearest(region, regions.names())}")
        return region

    @model_validator(mode="after")
    def _uplink_rate(self) -> LoRaWanTable:
        table = regions.whole_table(self.region)
        rates = table["data_rates"][: len(table["rx1_dr"])]
        if self.dr is not None and not (self.dr < len(rates) and rates[self.dr][0]):
            raise ValueError(f"{self.region} has no LoRa uplinks at data rate {self.dr}")
        return self


class MqttTable(_Table):
    kind: Literal["mqtt"]
    confirm: Literal["all"] = "all"
    broker: str = "broker.local"
    port: int | None = Field(default=None, ge=1, le=65535)  # 1883, with TLS 8883
    tls: Literal["off", "server", "mutual", "psk"] = "off"
    link: Literal["hold", "burst"] = "hold"
    keepalive_s: int = Field(default=900, ge=30, le=65535)
    session: Literal["persistent", "clean"] = "persistent"  # clean: the broker keeps no commands while the node is away
    presence: bool = False  # "online" and "offline" on <prefix>/<device id>/status, for a node that holds its connection
    prefix: Word = "kerb"
    ntp: str = "pool.ntp.org"
    wifi_timeout_s: int = Field(default=20, ge=2, le=120)
    keep_ap: bool = False  # a sleeper remembers its access point: one scan, and then no search (not on every port)
    static_ip: list[IPv4] = Field(default_factory=list)  # address, netmask, gateway, name server; none: DHCP

    @field_validator("static_ip")
    @classmethod
    def _four(cls, static_ip: list[str]) -> list[str]:
        if len(static_ip) not in (0, 4):
            raise ValueError('give address, netmask, gateway and name server, as ["10.0.0.7", "255.255.255.0", "10.0.0.1", "10.0.0.1"]')
        return static_ip


Minute = Annotated[str, StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]


class DeliveryTable(_Table):
    """How records leave the node: by which bearer, when, and how many at once."""

    batch: bool = False  # several records in a frame, as many as the bearer carries; the receiver must know how to take it apart
    gather_s: int = Field(default=0, ge=0, le=86_400)  # a routine record waits so long for others
    escalate_s: int = Field(default=300, ge=10, le=86_400)  # an alarm without a receipt for so long also goes by the second bearer
    second_after_s: int = Field(default=3600, ge=60, le=604_800)  # the first bearer down for so long: everything goes by the second
    quiet: list[Minute] = Field(default_factory=list, max_length=2)  # from, to in UTC: routine records wait until then
    # Random wait after power-on and random part of a pause: a whole street may have its power back. None: see build/compile.py.
    spread_s: int | None = Field(default=None, ge=0, le=3600)
    search_mah_day: float | None = Field(default=None, gt=0, le=1000)  # what attempts without success may take a day

    @field_validator("quiet")
    @classmethod
    def _two(cls, quiet: list[str]) -> list[str]:
        if len(quiet) == 1 or (len(quiet) == 2 and quiet[0] == quiet[1]):
            raise ValueError('quiet hours have a beginning and an end, such as ["22:00", "06:00"]')
        return quiet




class NbIotTable(_Table):
    """A cellular modem on the board's UART. Host and port are those of a CoAP server, or of an MQTT broker."""

    kind: Literal["nbiot"]
    confirm: Literal["all"] = "all"
    modem: str | None = None  # a row of build/modems.py, where the board carries another than its file says
    protocol: Literal["coap", "mqtt"] = "coap"
    host: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9.-]{0,62}$")] = "coap.local"
    port: int | None = Field(default=None, ge=1, le=65535)  # 5683, or 1883 for MQTT
    path: Word = "k"  # first part of the URI, or of the topic
    apn: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{0,63}$")] = ""  # "": what the network gives
    tau_s: int = Field(default=86_400, ge=60, le=35_712_000)  # T3412: the node's sign of life to the network
    active_s: int = Field(default=2, ge=2, le=11_160)  # T3324: how long it can be reached after sending
    psm: bool = True  # False: off between transmissions, and a new registration for each
    edrx_s: int = Field(default=0, ge=0, le=10_486)  # in place of PSM, awake and within reach every so often; 0: no
    search_s: int = Field(default=120, ge=20, le=600)  # the longest search for a network
    search_mah_day: float = Field(default=2.0, gt=0, le=1000)  # what searches in vain and repeats may take


BearerT = TypeVar("BearerT", LoRaWanTable, MqttTable, NbIotTable)


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
    reserve_days: int = Field(default=30, ge=0, le=3650)  # of the [budget] that an update must leave in the [battery]


class HealthTable(_Table):
    """What the node says of itself unasked."""

    period_h: int = Field(default=24, ge=0, le=744)  # a report rides on an uplink so often; 0: only when it is asked for


class BudgetTable(_Table):
    """What the node may draw; `kerbstone energy` fails beyond it."""

    mah_per_day: float | None = Field(default=None, gt=0)
    life_years: float | None = Field(default=None, gt=0, le=15)  # the longest life anyone may promise


class NodeFile(_Table):
    node: NodeTable
    parts: dict[Word, PartTable]
    app: dict[str, Any] = Field(default_factory=dict)
    uplink: Annotated[LoRaWanTable | MqttTable | NbIotTable, Field(discriminator="kind")]
    # For when the first does not get through.
    second: Annotated[LoRaWanTable | MqttTable | NbIotTable, Field(discriminator="kind")] | None = None
    delivery: DeliveryTable = Field(default_factory=DeliveryTable)
    policy: PolicyTable = Field(default_factory=PolicyTable)
    health: HealthTable = Field(default_factory=HealthTable)
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
    def bearers(self) -> dict[str, LoRaWanTable | MqttTable | NbIotTable]:
        """The tables of its bearers by their names in the node file, the first one first."""
        return {key: table for key in ("uplink", "second") if (table := getattr(self.spec, key))}

    def bearer(self, kind: type[BearerT]) -> BearerT | None:
        """The table of its first or second bearer of a kind; None when it has none."""
        return next((table for table in self.bearers.values() if isinstance(table, kind)), None)

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
