"""Rules on pins: who uses which, and which are not to be used."""

from __future__ import annotations

from collections.abc import Iterator

from kerbstone.build.board_extras import Modem
from kerbstone.build.board_tables import Radio
from kerbstone.build.checks.rule import Finding, Place, board_row
from kerbstone.build.checks.sources import find_source, needed_pins, shares_uart
from kerbstone.build.chips import CHIPS
from kerbstone.build.node import LoRaWanTable, MqttTable, NbIotTable, Node, PartTable

_MEASURE = ("battery", "current_loop", "pulse")  # drivers whose `pin` is a voltage
_RADIO = ("sck", "mosi", "miso", "cs", "reset", "busy", "dio0", "dio1", "dio2", "rxen")
_MODEM = ("tx", "rx", "pwrkey", "dtr", "reset")


def used_pins(node: Node) -> Iterator[tuple[int, str, tuple[str, ...], str]]:
    """(pin, what uses it, place in the node file, group): the same group may share a pin (a bus)."""
    board = node.board
    for bearer, table in node.bearers.items():
        if isinstance(table, LoRaWanTable) and table.module:
            yield from _of_module(node, bearer, table)
        elif isinstance(table, LoRaWanTable) and board.radio:
            yield from _of_chip("radio", board.radio, _RADIO, bearer)
        elif isinstance(table, NbIotTable) and board.modem:
            yield from _of_chip("modem", board.modem, _MODEM, bearer)
    for name, part in node.spec.parts.items():
        yield from _of_board(node, name, part)
        for key, pin in own_pins(part):
            yield pin, f"{name}.{key}", ("parts", name, key), f"{name}.{key}"


def _of_chip(what: str, chip: Radio | Modem, keys: tuple[str, ...], bearer: str) -> Iterator[tuple[int, str, tuple[str, ...], str]]:
    for key, pin in (*((key, getattr(chip, key)) for key in keys), *((enable.what, enable.pin) for enable in chip.enable or ())):
        if pin is not None:
            yield pin, f"{what} {key}", (bearer, "kind"), f"{what} {key}"


def _of_module(node: Node, bearer: str, table: LoRaWanTable) -> Iterator[tuple[int, str, tuple[str, ...], str]]:
    uart = node.board.uart.get((table.bus or "").removeprefix("uart."))
    for key, pin in uart.model_dump(exclude={"id"}).items() if uart else ():
        yield pin, f"{table.bus} {key} of the module", (bearer, "bus"), f"{table.bus} {key} of the module"
    if table.module_reset_pin is not None:
        yield table.module_reset_pin, "module reset", (bearer, "module_reset_pin"), "module reset"


def _of_board(node: Node, name: str, part: PartTable) -> Iterator[tuple[int, str, tuple[str, ...], str]]:
    """Pins a part uses by the board's wiring."""
    board, place = node.board, ("parts", name)
    if part.bus:
        kind, _, which = part.bus.partition(".")
        bus = (board.i2c if kind == "i2c" else board.uart)[which]
        for key, pin in bus.model_dump().items():
            if key != "id":
                shared = kind == "i2c" or shares_uart(node, part.driver)
                owner = f"{part.bus} {key}" if shared else f"{part.bus} {key} of {name}"
                yield pin, owner, (*place, "bus"), owner
    if part.rail:
        yield board.rail[part.rail].pin, f"rail {part.rail}", (*place, "rail"), f"rail {part.rail}"
    if part.driver == "battery" and "pin" not in part.options and board.battery:
        yield board.battery.pin, "battery", place, "battery"
        if board.battery.gate_pin is not None:
            yield board.battery.gate_pin, "battery gate", place, "battery gate"


def own_pins(part: PartTable) -> Iterator[tuple[str, int]]:
    """(key, pin) of the pins the node file itself names: wires somebody must solder."""
    pins = {key: value for key, value in part.options.items() if (key == "pin" or key.endswith("_pin")) and isinstance(value, int)}
    # A pulse both counts and wakes: one wire, one use.
    if part.wake_pin is not None and part.wake_pin not in pins.values():
        yield "wake_pin", part.wake_pin
    yield from pins.items()


def missing(node: Node) -> Iterator[Finding]:
    for name, part in node.spec.parts.items():
        source = find_source(node, "drivers", part.driver)
        for key in needed_pins(source) if source else ():
            if key not in part.options:
                yield Finding(("parts", name), f"{name} has no '{key}': say which GPIO its {part.driver} is wired to.")


def twice(node: Node) -> Iterator[Finding]:
    taken: dict[int, tuple[str, str]] = {}
    for pin, what, place, group in used_pins(node):
        if pin in taken and taken[pin][1] != group:
            yield Finding(place, f"GPIO{pin} is used twice, by {taken[pin][0]} and by {what}: move one of them.")
        taken[pin] = (what, group)


def _named(node: Node) -> Iterator[tuple[int, str, Place]]:
    for name, part in node.spec.parts.items():
        for key, pin in own_pins(part):
            yield pin, f"{name}.{key}", ("parts", name, key)


def exists(node: Node) -> Iterator[Finding]:
    known = CHIPS[node.board.mcu].pins
    for pin, what, place in _named(node):
        if pin not in known:
            words = f"{node.spec.node.board} has no GPIO{pin} for {what}: its last is GPIO{max(known)}."
            yield Finding(place, words, board_row(node, "mcu"))


def reserved(node: Node) -> Iterator[Finding]:
    chip = CHIPS[node.board.mcu]
    reasons = dict.fromkeys(chip.memory, ("flash", "mcu"))
    reasons |= {pin: (why, f"reserved.{why}") for why, pins in node.board.reserved.items() for pin in pins}
    for pin, what, place in _named(node):
        if pin in reasons:
            why, key = reasons[pin]
            words = f"GPIO{pin} of {node.spec.node.board} is not free ({why}): choose another pin for {what}."
            yield Finding(place, words, board_row(node, key))


def strapping(node: Node) -> Iterator[Finding]:
    straps = CHIPS[node.board.mcu].strapping - set(node.spec.node.allow_strapping)
    for pin, what, place in _named(node):
        if pin in straps:
            words = (
                f"GPIO{pin} of {node.spec.node.board} decides at reset how the chip starts, and {what} may pull it: "
                f"choose another pin, or write allow_strapping = [{pin}] in [node] if the circuit lets go of it at reset."
            )
            yield Finding(place, words, board_row(node, "mcu"))


def analog(node: Node) -> Iterator[Finding]:
    chip = CHIPS[node.board.mcu]
    able = chip.adc_with_wifi if node.bearer(MqttTable) else chip.adc
    when = " while Wi-Fi runs" if able != chip.adc else ""
    for name, part in node.spec.parts.items():
        if part.driver not in _MEASURE:
            continue
        own = part.options.get("pin")
        fitted = node.board.battery.pin if node.board.battery and part.driver == "battery" else None
        pin = own if isinstance(own, int) else fitted
        if pin is not None and pin not in able:
            place: Place = ("parts", name, "pin") if own is not None else ("parts", name)
            words = f"GPIO{pin} of {node.spec.node.board} cannot be measured{when}: use one of {', '.join(map(str, sorted(able)))}."
            yield Finding(place, words, board_row(node, "mcu" if own is not None else "battery.pin"))
