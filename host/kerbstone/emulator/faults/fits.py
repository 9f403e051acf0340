"""Which nodes a fault can strike; each rule returns why not, or nothing."""

from __future__ import annotations

from kerbstone.build.node import LoRaWanTable, MqttTable, NbIotTable, Node
from kerbstone.emulator.faults.model import Value


def _part_on(node: Node, values: dict[str, Value], kind: str) -> str:
    mine = sorted(name for name, part in node.spec.parts.items() if (part.bus or "").startswith(f"{kind}."))
    if values["part"] in mine:
        return ""
    known = f"it has {', '.join(mine)}" if mine else "it has none"
    return f"node {node.name} has no part {values['part']!r} on {kind.upper()}; {known}"


def i2c(node: Node, values: dict[str, Value]) -> str:
    return _part_on(node, values, "i2c")


def uart(node: Node, values: dict[str, Value]) -> str:
    return _part_on(node, values, "uart")


def part(node: Node, values: dict[str, Value]) -> str:
    if values["part"] in node.spec.parts:
        return ""
    return f"node {node.name} has no part {values['part']!r}; it has {', '.join(sorted(node.spec.parts))}"


def mqtt(node: Node, _values: dict[str, Value]) -> str:
    return "" if node.bearer(MqttTable) else f"node {node.name} does not use MQTT"


def nbiot(node: Node, _values: dict[str, Value]) -> str:
    return "" if node.bearer(NbIotTable) else f"node {node.name} has no cellular modem"


def lorawan(node: Node, _values: dict[str, Value]) -> str:
    return "" if node.bearer(LoRaWanTable) else f"node {node.name} does not use LoRaWAN"
