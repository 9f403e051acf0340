"""Rules on what the board offers: buses, rails, a supply to measure, a radio the firmware can drive."""

from __future__ import annotations

from collections.abc import Iterator

from kerbstone.build.checks.rule import Finding, board_row
from kerbstone.build.files import nearest
from kerbstone.build.modems import DIALECTS, WITHOUT_MQTT
from kerbstone.build.node import LoRaWanTable, NbIotTable, Node


def buses(node: Node) -> Iterator[Finding]:
    board = node.board
    has = [f"{kind}.{name}" for kind in ("i2c", "uart") for name in getattr(board, kind)]
    for name, part in node.spec.parts.items():
        if part.bus and part.bus not in has:
            hint = nearest(part.bus, has) if has else "it has none."
            yield Finding(("parts", name, "bus"), f"board {node.spec.node.board} has no bus {part.bus!r}; {hint}")


def rails(node: Node) -> Iterator[Finding]:
    rail = node.board.rail
    for name, part in node.spec.parts.items():
        if part.rail and part.rail not in rail:
            hint = nearest(part.rail, list(rail)) if rail else "it has none."
            yield Finding(("parts", name, "rail"), f"board {node.spec.node.board} has no switched rail {part.rail!r}; {hint}")


def supply(node: Node) -> Iterator[Finding]:
    for name, part in node.spec.parts.items():
        if part.driver == "battery" and "pin" not in part.options and node.board.battery is None:
            words = f"board {node.spec.node.board} cannot measure its supply: give a pin and a ratio, or leave the part out."
            yield Finding(("parts", name), words)


def bearer(node: Node) -> Iterator[Finding]:
    board = node.spec.node.board
    lacks = {
        "lorawan": "LoRa radio" if node.board.radio is None else "",
        "mqtt": "Wi-Fi" if node.board.wifi is None else "",
        "nbiot": "cellular modem" if node.board.modem is None else "",
    }
    for key, table in node.bearers.items():
        if isinstance(table, LoRaWanTable) and (table.module or table.bus or table.module_reset_pin is not None):
            yield from _module(node, key, table)
        elif (what := lacks[table.kind]):
            yield Finding((key, "kind"), f"board {board} has no {what}: choose another board or bearer.")
    if node.spec.second and node.spec.second.kind == node.spec.uplink.kind:
        yield Finding(("second", "kind"), f"the second bearer is {node.spec.second.kind} as the first: give another kind or leave it out.")


def _module(node: Node, key: str, table: LoRaWanTable) -> Iterator[Finding]:
    if not table.module:
        yield Finding((key, "kind"), "bus and module_reset_pin belong to a module: name it (module = \"rak3172\") or leave them out.")
        return
    uarts = [f"uart.{name}" for name in node.board.uart]
    if table.bus not in uarts:
        has = f"it has {', '.join(uarts)}" if uarts else "it has none"
        words = f"bus = {table.bus!r} is no UART of {node.spec.node.board}: {has}. The module {table.module} needs one."
        yield Finding((key, "module"), words)
    elif any(part.bus == table.bus for part in node.spec.parts.values()):
        yield Finding((key, "bus"), f"{table.bus} is used by a part too: give the module {table.module} a UART of its own.")


def modem(node: Node) -> Iterator[Finding]:
    board = node.board.modem
    found = [(key, table) for key, table in node.bearers.items() if isinstance(table, NbIotTable)]
    if not found or board is None:
        return
    key, uplink = found[0]
    chip = uplink.modem or board.chip
    if chip not in DIALECTS:
        place, row = ((key, "modem"), "") if uplink.modem else ((key, "kind"), board_row(node, "modem.chip"))
        yield Finding(place, f"the firmware speaks no dialect for the modem {chip}; {nearest(chip, list(DIALECTS))}", row)
    elif board.pmu_rail:
        words = f"{node.spec.node.board} feeds its modem from a power chip the firmware does not switch: choose another board."
        yield Finding((key, "kind"), words, board_row(node, "modem.pmu_rail"))
    elif uplink.edrx_s and node.spec.policy.deep_sleep:
        words = "a node that sleeps deeply hears nothing between two reports: take edrx_s away, or set deep_sleep = false in [policy]."
        yield Finding((key, "edrx_s"), words)
    elif uplink.protocol == "mqtt" and DIALECTS[chip] in WITHOUT_MQTT:
        words = f'the MQTT client of the {chip} cannot carry records with a receipt: choose protocol = "coap".'
        yield Finding((key, "protocol"), words)
