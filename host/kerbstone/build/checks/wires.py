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
    kind, board = node.spec.uplink.kind, node.spec.node.board
    uplink = node.spec.uplink
    if isinstance(uplink, LoRaWanTable) and uplink.module:
        uarts = [f"uart.{name}" for name in node.board.uart]
        if uplink.bus not in uarts:
            has = f"it has {', '.join(uarts)}" if uarts else "it has none"
            yield Finding(("uplink", "module"), f"bus = {uplink.bus!r} is no UART of {board}: {has}. The module {uplink.module} needs one.")
        elif any(part.bus == uplink.bus for part in node.spec.parts.values()):
            yield Finding(("uplink", "bus"), f"{uplink.bus} is used by a part too: give the module {uplink.module} a UART of its own.")
    elif isinstance(uplink, LoRaWanTable) and (uplink.bus or uplink.module_reset_pin is not None):
        yield Finding(("uplink", "kind"), "bus and module_reset_pin belong to a module: name it (module = \"rak3172\") or leave them out.")
    elif kind == "lorawan" and node.board.radio is None:
        yield Finding(("uplink", "kind"), f"board {board} has no LoRa radio: choose another board or bearer.")
    if kind == "mqtt" and node.board.wifi is None:
        yield Finding(("uplink", "kind"), f"board {board} has no Wi-Fi: choose another board or bearer.")
    if kind == "nbiot" and node.board.modem is None:
        yield Finding(("uplink", "kind"), f"board {board} has no cellular modem: choose another board or bearer.")


def modem(node: Node) -> Iterator[Finding]:
    uplink, board = node.spec.uplink, node.board.modem
    if not isinstance(uplink, NbIotTable) or board is None:
        return
    chip = uplink.modem or board.chip
    if chip not in DIALECTS:
        place, row = (("uplink", "modem"), "") if uplink.modem else (("uplink", "kind"), board_row(node, "modem.chip"))
        yield Finding(place, f"the firmware speaks no dialect for the modem {chip}; {nearest(chip, list(DIALECTS))}", row)
    elif board.pmu_rail:
        words = f"{node.spec.node.board} feeds its modem from a power chip the firmware does not switch: choose another board."
        yield Finding(("uplink", "kind"), words, board_row(node, "modem.pmu_rail"))
    elif uplink.edrx_s and node.spec.policy.deep_sleep:
        words = "a node that sleeps deeply hears nothing between two reports: take edrx_s away, or set deep_sleep = false in [policy]."
        yield Finding(("uplink", "edrx_s"), words)
    elif uplink.protocol == "mqtt" and DIALECTS[chip] in WITHOUT_MQTT:
        words = f'the MQTT client of the {chip} cannot carry records with a receipt: choose protocol = "coap".'
        yield Finding(("uplink", "protocol"), words)
