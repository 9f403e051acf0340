"""Hangs the virtual parts of a node on the chip's buses and pins, in the surroundings the emulator would give it."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from kerbstone.build.compile import node_json
from kerbstone.build.node import LoRaWanTable, Node
from kerbstone.chip.analog import Analog
from kerbstone.chip.engine import Chip
from kerbstone.chip.i2c import I2CBridge
from kerbstone.chip.pins import Pins
from kerbstone.chip.spi import SpiBridge
from kerbstone.chip.uart import UartBridge, quieten
from kerbstone.emulator.board.radio import virtual_module, virtual_radio
from kerbstone.emulator.identity import EmulatedIdentity, derive, mint
from kerbstone.emulator.ledger import Ledger
from kerbstone.emulator.parts.base import I2CPart, Part, PartContext, UartPart
from kerbstone.emulator.radio_cell import RadioCell
from kerbstone.emulator.runtime import part_module
from kerbstone.emulator.world.registry import build_site
from kerbstone.emulator.world.site import Site
from kerbstone.listen.lorawan import Arrival


@dataclass
class Wired:
    """A node on the chip. Close it: a LoRaWAN node has a network server behind it."""

    node: Node
    identity: EmulatedIdentity
    site: Site
    ledger: Ledger
    parts: dict[str, Part] = field(default_factory=dict)
    radio: RadioCell | None = None

    def arrivals(self) -> list[Arrival]:
        """What the network server delivered."""
        return self.radio.arrivals(self.node.name) if self.radio else []

    def close(self) -> None:
        if self.radio:
            self.radio.close()

    def __enter__(self) -> Wired:
        return self

    def __exit__(self, *args: object) -> None:
        self.close()


def wire(chip: Chip, node: Node, seed: int, start_utc: int) -> Wired:
    """Builds the node's surroundings and connects its parts; the same seed gives the same parts as in the emulator."""
    world = node.spec.world
    rng = random.Random(derive(seed, node.name, "site"))
    site = build_site(world.site or node.spec.node.app, start_utc, rng, world.options)
    wired = Wired(node, mint(seed, node.name), site, Ledger(chip.kernel))
    hand = _Hand(chip, wired, seed)
    config = node_json(node)
    for name, part in config["parts"].items():
        hand.part(name, part)
    if isinstance(node.spec.uplink, LoRaWanTable):
        wired.radio = RadioCell(chip.kernel, seed, start_utc)
        if "module" in config["uplink"]:
            hand.module(config["uplink"]["module"], wired.radio.channel)
        else:
            hand.radio(config["uplink"]["radio"], wired.radio.channel)
        enrolled: Any = SimpleNamespace(node=node, identity=wired.identity, site=site)
        wired.radio.register(enrolled)
        wired.radio.start()
    return wired


class _Hand:
    def __init__(self, chip: Chip, wired: Wired, seed: int):
        self._chip, self._wired, self._seed = chip, wired, seed
        quieten(chip)
        self._pins = Pins(chip)
        self._analog = Analog(chip)
        self._i2c = [I2CBridge(chip, n) for n in range(2)]
        self._spi = [SpiBridge(chip, n) for n in range(2)]

    def _context(self, name: str, options: dict[str, Any], wires: dict[str, int]) -> PartContext:
        wired = self._wired
        lines = {wire: self._pins.line(pin) for wire, pin in wires.items()}
        rng = random.Random(derive(self._seed, wired.node.name, name))
        options = {**options, "node": wired.node.name}
        return PartContext(name, self._chip.kernel, wired.site, rng, wired.ledger.meter(name), options, lines)

    def part(self, name: str, config: dict[str, Any]) -> None:
        options, bus = config["options"], config["bus"]
        wires = {key.removesuffix("_pin"): pin for key, pin in options.items() if key.endswith("_pin")}
        for pin, level in (("power_pin", "power_on_level"), ("gate_pin", "gate_level")):
            if pin in options:
                self._pins.rest[options[pin]] = 1 - options.get(level, 1)
        part: Part = part_module(self._wired.node, config["driver"]).PART(self._context(name, options, wires))
        if isinstance(part, I2CPart):
            self._i2c[bus["id"]].attach(bus["sda"], int(options.get("addr", part.address)), part)
        elif isinstance(part, UartPart):
            UartBridge(self._chip, bus["id"], bus["rx"], part)
        pin = options.get("pin")
        if pin is not None and hasattr(part, "adc_uv"):
            self._analog.source(pin, part)
        if pin is not None and hasattr(part, "pwm"):
            self._analog.sink(pin, part)
        self._wired.parts[name] = part
        part.power_on()

    def radio(self, radio: dict[str, Any], channel: Any) -> None:
        part = virtual_radio(radio, channel, self._wired.node.spec.world.gateway_m, self._pins, self._context)
        self._spi[radio["spi"]].attach(self._pins.line(radio["cs"]), part)
        self._wired.parts["radio"] = part
        part.power_on()

    def module(self, module: dict[str, Any], channel: Any) -> None:
        world = self._wired.node.spec.world
        part = virtual_module(module, channel, world.gateway_m, self._pins, world.parts.get("module", {}), self._context)
        UartBridge(self._chip, module["id"], module["rx"], part)
        self._wired.parts["radio"] = part
        part.power_on()
