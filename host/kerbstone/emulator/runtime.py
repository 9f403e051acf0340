"""Builds one emulated node: device, flash image, parts on their wires, surroundings."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import random
from collections.abc import Callable
from dataclasses import astuple, dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from kerbstone.build.board import BoardFile
from kerbstone.build.compile import board_files, node_json
from kerbstone.build.files import nearest
from kerbstone.build.firmware import kept_folder
from kerbstone.build.image import write_image
from kerbstone.build.node import MqttTable, NbIotTable, Node
from kerbstone.emulator.board.analog import Analog
from kerbstone.emulator.board.buses import I2CBuses, SpiBuses
from kerbstone.emulator.board.computing import IMPORT, work_us
from kerbstone.emulator.board.device import Device
from kerbstone.emulator.board.limits import LIMITS
from kerbstone.emulator.board.nvs import XIP_BASE, Nvs, NvsMemory, Xip
from kerbstone.emulator.board.onewire import OneWires
from kerbstone.emulator.board.ota import Partitions
from kerbstone.emulator.board.pins import Pins
from kerbstone.emulator.board.pio import Pio
from kerbstone.emulator.board.pulses import Counters, Rmt
from kerbstone.emulator.board.radio import virtual_module, virtual_radio
from kerbstone.emulator.board.spec import DeviceSpec
from kerbstone.emulator.board.storage import Storage
from kerbstone.emulator.board.timing import Timing
from kerbstone.emulator.board.uart import Uarts
from kerbstone.emulator.board.ulp.coprocessor import Coprocessor
from kerbstone.emulator.engine.interpreter import Interpreter
from kerbstone.emulator.engine.process import Zygote
from kerbstone.emulator.flash import Flash, copy, used_blocks
from kerbstone.emulator.identity import EmulatedIdentity, derive, mint
from kerbstone.emulator.kernel import Kernel
from kerbstone.emulator.modems.cell import OPTIONS, mistake
from kerbstone.emulator.modems.registry import modem_class
from kerbstone.emulator.net.sockets import Sockets
from kerbstone.emulator.net.wifi import Wifi
from kerbstone.emulator.parts.axp import Axp
from kerbstone.emulator.parts.base import I2CPart, OneWirePart, Part, PartContext, UartPart
from kerbstone.emulator.world.registry import build_site
from kerbstone.emulator.world.site import Site
from kerbstone.errors import EngineError, NodeFileError
from kerbstone.identity.place import NVS_KEYS, NVS_SPACE, SECTOR, sectors
from kerbstone.identity.record import LIMIT, pack

_BLOCK = 4096
_MODEM_OPTIONS = ("imei", "baud", "no_sim", "sim_pin", "known_pin")  # of the virtual modem itself; the others are its cell's


@dataclass
class Runtime:
    """A node that can be switched on."""

    node: Node
    identity: EmulatedIdentity
    device: Device
    site: Site
    pins: Pins
    console: Path
    parts: dict[str, Part] = field(default_factory=dict)
    wifi: Wifi | None = None
    sockets: Sockets | None = None
    coprocessor: Coprocessor | None = None
    partitions: Partitions | None = None  # of an ESP32
    i2c: I2CBuses = field(init=False)
    timing: Timing = field(init=False)

    def close(self) -> None:
        self.device.close()
        self.device.flash.close()
        if self.partitions:
            self.partitions.close()


@dataclass
class Surroundings:
    """What all nodes of a cell share."""

    kernel: Kernel
    zygote: Zygote
    interpreter: Interpreter
    shims: Path
    folder: Path
    seed: int
    start_utc: int
    hosts: dict[str, tuple[str, int]]
    login: tuple[str, str] | None
    tls_identity: dict[str, str] = field(default_factory=dict, repr=False)  # what nodes that want TLS hold
    channel: Any = None
    free_blocks: dict[str, int] = field(default_factory=dict)  # node -> blocks its file system has left; others have all of the board's
    batches: dict[int, tuple[Path, Path]] = field(default_factory=dict)  # node file -> rom and flash image of boards that carry the same
    over_site: Callable[[Site], Site] | None = None  # put around each node's site: a test pins quantities with it


def part_module(node: Node, driver: str) -> ModuleType:
    """The virtual part for a driver: beside the node file under parts/, else ours. Raises EngineError."""
    own = node.folder / "parts" / f"{driver}.py"
    if own.is_file():
        spec = importlib.util.spec_from_file_location(f"kerbstone_own_{driver}", own)
        if spec and spec.loader:
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            return module
    try:
        return importlib.import_module(f"kerbstone.emulator.parts.{driver}")
    except ModuleNotFoundError as error:
        raise EngineError(
            f"There is no virtual part for driver {driver!r}: put parts/{driver}.py with a class PART beside {node.file.path.name}."
        ) from error


def build(around: Surroundings, node: Node, batch: Node | None = None) -> Runtime:
    """Builds the node; nothing runs yet. `batch`: the node whose files it carries, name included, as all boards of a batch do."""
    identity = mint(around.seed, node.name)
    login = dict(zip(("mqtt_user", "mqtt_password"), around.login, strict=True)) if around.login else {}
    table = node.bearer(MqttTable)
    secure = around.tls_identity if table is not None and table.tls != "off" else {}
    rom, image, blocks = _flashed(around, node, batch)
    console = around.folder / f"{node.name}.console"
    spec = DeviceSpec(
        name=node.name, title=node.board.title, limits=LIMITS[node.board.mcu], heap_kb=node.board.heap_kb,
        boot_ms=node.board.times.boot_ms, wake_ms=node.board.times.wake_ms, current_ua=node.board.current_ua.model_dump(),
        unique_id=identity.unique_id, mac=identity.mac, seed=int.from_bytes(derive(around.seed, node.name, "device")[:4], "little"),
        rtc_ppm=node.board.times.rtc_ppm, rom=str(rom), tls=bool(secure),
        import_cost=astuple(IMPORT[node.board.mcu]), work_us=work_us(node.board.mcu),
    )
    wifi_table = node.board.wifi
    if wifi_table:
        spec.wifi_current_ua = wifi_table.model_dump(exclude_none=True)
        spec.wifi_connect_ms, spec.wifi_dhcp_ms = wifi_table.connect_ms, wifi_table.dhcp_ms
    device = Device(around.kernel, around.zygote, spec, Flash(image, blocks), around.shims, console)
    pins = Pins(device, node.board.pin_names)
    site = site_of(around, node)
    runtime = Runtime(node, identity, device, site, pins, console)
    wiring = Wiring(around, runtime)
    wiring.connect()
    runtime.i2c, runtime.timing = wiring.i2c, wiring.timing
    given = node.spec.world.parts.get("modem", {})
    pin = given.get("known_pin", given.get("sim_pin"))  # the device knows the PIN of its card, unless the node file says otherwise
    _enrol(device, node.board, _record(identity.values() | login | ({"sim_pin": str(pin)} if pin else {}), secure))
    if LIMITS[node.board.mcu].port == "esp32":
        runtime.partitions = Partitions(device, around.folder / f"{node.name}.chip", node.board)
    if wifi_table:
        runtime.wifi = Wifi(device, identity.wifi_ssid, identity.wifi_password)
        runtime.sockets = Sockets(device, runtime.wifi, around.hosts, around.start_utc)
    return runtime


def _flashed(around: Surroundings, node: Node, batch: Node | None) -> tuple[Path, Path, int]:
    """Read-only partition, flash image and its blocks."""
    rom, image = around.folder / f"{node.name}.rom", around.folder / f"{node.name}.flash"
    blocks = node.board.filesystem.size // _BLOCK
    if batch and id(batch) in around.batches and node.name not in around.free_blocks:
        rom, first = around.batches[id(batch)]
        copy(first, image)
        return rom, image, blocks
    files = board_files(batch or node)
    split_rom(files, rom)
    write_image(around.interpreter, image, blocks, files)
    if node.name in around.free_blocks:
        blocks = min(blocks, used_blocks(image, blocks) + around.free_blocks[node.name])
        write_image(around.interpreter, image, blocks, files)
    elif batch:
        kept = around.folder / f"{node.name}.batch"
        copy(image, kept)
        around.batches[id(batch)] = rom, kept
    return rom, image, blocks


def _record(values: dict[str, str], secure: dict[str, str]) -> bytes:
    """The identity as provisioning would have written it. Certificates and keys differ in length from run to run: what reading them
    takes must not."""
    whole: dict[str, str | bytes] = {**values, **{name: bytes.fromhex(text) for name, text in secure.items()}}
    if secure:
        whole["pad"] = bytes(LIMIT - len(pack(whole)) - 8)
    return pack(whole)


def _enrol(device: Device, board: BoardFile, frame: bytes) -> None:
    """Puts the identity where the board keeps it, beside the file system."""
    if board.mcu == "rp2040":
        chip = dict.fromkeys((at - XIP_BASE for at in sectors(board)), frame.ljust(SECTOR, b"\xff"))
        Xip(device, lambda at, count: chip.get(at // SECTOR * SECTOR, b"\xff" * SECTOR)[at % SECTOR :][:count])
        return
    memory = NvsMemory()
    for key in NVS_KEYS:
        memory.set(NVS_SPACE, key, frame)
    Nvs(device, memory)


def split_rom(files: dict[str, bytes], rom: Path) -> None:
    """Moves the compiled package out of `files` into the folder of the read-only partition; nodes that have the same share it."""
    package = {name: files.pop(name) for name in sorted(files) if name.startswith("/kerb/")}
    key = hashlib.sha256()
    for name, data in package.items():
        key.update(f"{name} {len(data)} ".encode() + data)

    def fill(folder: Path) -> None:
        for name, data in package.items():
            path = folder / name[1:]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)

    kept = kept_folder(f"rom-{key.hexdigest()[:16]}", fill)
    rom.mkdir(parents=True)
    (rom / "kerb").symlink_to(kept / "kerb", target_is_directory=True)


def site_of(around: Surroundings, node: Node) -> Site:
    world = node.spec.world
    rng = random.Random(derive(around.seed, node.name, "site"))
    try:
        site = build_site(world.site or node.spec.node.app, around.start_utc, rng, world.options)
        return around.over_site(site) if around.over_site else site
    except NodeFileError as error:
        raise node.file.error("options", str(error)) from error


class Wiring:
    """Hangs parts on buses and pins."""

    def __init__(self, around: Surroundings, runtime: Runtime):
        device = runtime.device
        self.around = around
        self.runtime = runtime
        self.i2c = I2CBuses(device)
        self.spi = SpiBuses(device, runtime.pins)
        self.uarts = Uarts(device)
        self.onewires = OneWires(device)
        self.analog = Analog(device)
        self.timing = Timing(device)
        Storage(device)
        Pio(device, runtime.pins)
        Rmt(device, runtime.pins)
        self.counters = Counters(device)

    def connect(self) -> None:
        node = self.runtime.node
        config = node_json(node)
        for name, part in config["parts"].items():
            self._part(name, part, node.spec.parts[name].wake_pin)
        for bearer in (config.get("uplink", {}), config.get("second", {})):
            if "radio" in bearer:
                self._radio(bearer["radio"])
            elif bearer.get("kind") == "lorawan_at":
                self._module(bearer["module"])
        if cellular := node.bearer(NbIotTable):
            self._modem(cellular)
        device = self.runtime.device
        if able := device.spec.limits.ulp_pins:
            buses = [(bus.scl, bus.sda) for bus in node.board.i2c.values() if {bus.scl, bus.sda} <= able]
            self.runtime.coprocessor = Coprocessor(device, self.runtime.pins, self.i2c, buses)

    def _context(self, name: str, options: dict[str, Any], wires: dict[str, int]) -> PartContext:
        runtime, around = self.runtime, self.around
        node_name = runtime.node.name
        lines = {wire: runtime.pins.line(pin) for wire, pin in wires.items()}
        rng = random.Random(derive(around.seed, node_name, name))
        meter = runtime.device.ledger.meter(name)
        return PartContext(name, around.kernel, runtime.site, rng, meter, {**options, "node": node_name}, lines, runtime.device.ledger)

    def _part(self, name: str, config: dict[str, Any], wake_pin: int | None) -> None:
        options = config["options"]
        wires = {key.removesuffix("_pin"): pin for key, pin in options.items() if key.endswith("_pin")}
        if "power_pin" in options:
            self.runtime.pins.rest[options["power_pin"]] = 1 - options.get("power_on_level", 1)
        if "gate_pin" in options:
            self.runtime.pins.rest[options["gate_pin"]] = 1 - options.get("gate_level", 1)
        if wake_pin is not None:
            wires["int"] = wake_pin
        virtual = {**options, **self.runtime.node.spec.world.parts.get(name, {})}
        if bus := config["bus"]:
            virtual["uart"] = {key: bus[key] for key in ("baud", "bits", "parity", "stop") if key in bus}
        part: Part = part_module(self.runtime.node, config["driver"]).PART(self._context(name, virtual, wires))
        if isinstance(part, I2CPart):
            self.i2c.attach(bus["sda"], int(options.get("addr", part.address)), part)
        elif isinstance(part, UartPart):
            self.uarts.attach(bus["rx"], part)
        elif isinstance(part, OneWirePart):
            self.onewires.attach(options["data_pin"], part)
        pin = options.get("pin", getattr(part, "adc_channel", None))
        if pin is not None and hasattr(part, "adc_uv"):
            self.analog.sources[pin] = part
        if pin is not None and hasattr(part, "pwm"):
            self.analog.sinks[pin] = part
        self.counters.attach(part, wires)
        self.runtime.parts[name] = part
        part.power_on()

    def _radio(self, radio: dict[str, Any]) -> None:
        gateway_m = self.runtime.node.spec.world.gateway_m
        part = virtual_radio(radio, self.around.channel, gateway_m, self.runtime.pins, self._context)
        self.spi.attach(radio["sck"], radio["cs"], part)
        self.runtime.parts["radio"] = part
        board = self.runtime.node.board
        if "pmu" in radio and board.radio and board.radio.pmu_rail:
            issue, _, rail = board.radio.pmu_rail.partition(".")
            options = {"chip": board.pmu[issue].chip, "rail": rail, "feeds": part}
            self.i2c.attach(radio["pmu"]["sda"], radio["pmu"]["addr"], Axp(self._context("pmu", options, {})))
        else:
            part.power_on()

    def _module(self, module: dict[str, Any]) -> None:
        world = self.runtime.node.spec.world
        part = virtual_module(
            module, self.around.channel, world.gateway_m, self.runtime.pins, world.parts.get("module", {}), self._context
        )
        self.uarts.attach(module["rx"], part)
        self.runtime.parts["radio"] = part
        part.power_on()

    def _modem(self, uplink: NbIotTable) -> None:
        """The board's cellular modem; options of its virtual cell stand in `[world.parts.modem]`."""
        runtime = self.runtime
        table = runtime.node.board.modem
        assert table is not None  # checked: NB-IoT needs a board with a modem
        given = runtime.node.spec.world.parts.get("modem", {})
        for name, value in given.items():
            known = [*OPTIONS, *_MODEM_OPTIONS]
            words = f"there is no option {name!r}; {nearest(name, known)}" if name not in known else ""
            if words := words or (mistake(name, value) if name in OPTIONS else ""):
                raise runtime.node.file.error(name, words)
        wires = {key: pin for key in ("pwrkey", "reset", "dtr") if (pin := getattr(table, key)) is not None}
        options: dict[str, Any] = {
            "hosts": self.around.hosts, "start_utc": self.around.start_utc, "pwrkey_level": table.pwrkey_level,
            "reset_level": table.reset_level, **given,
        }
        if table.enable and table.pwrkey is None:  # no key: it starts with its supply
            wires["power"], options["power_on_level"] = table.enable[0].pin, table.enable[0].level
        for key in ("pwrkey", "reset"):
            if key in wires:
                released = 1 - int(options[f"{key}_level"])
                runtime.pins.rest[wires[key]] = runtime.pins.line(wires[key]).level = released
        part = modem_class(uplink.modem or table.chip)(self._context("modem", options, wires))
        self.uarts.attach(table.rx, part)
        runtime.parts["modem"] = part
        part.power_on()
