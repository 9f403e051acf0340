"""Checks a node against its board and its firmware before anything is built: pins, wake sources, options, settings."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kerbstone.build.files import error_at, nearest
from kerbstone.build.node import Node, PartTable
from kerbstone.emulator.board.limits import LIMITS
from kerbstone.energy.cells import cells
from kerbstone.errors import NodeFileError
from kerbstone.paths import firmware_dir

_LAST_PIN = {"esp32": 39, "esp32s3": 48, "rp2040": 29}  # data sheets of the chips


def find_source(node: Node, kind: str, name: str) -> Path | None:
    """The source of a driver ("drivers") or application ("apps"): beside the node file first, then ours."""
    for path in (node.folder / kind / f"{name}.py", firmware_dir() / "kerb" / kind / f"{name}.py"):
        if path.is_file():
            return path
    return None


def known_names(node: Node, kind: str) -> list[str]:
    folders = (node.folder / kind, firmware_dir() / "kerb" / kind)
    return sorted({p.stem for f in folders if f.is_dir() for p in f.glob("*.py") if p.stem not in ("__init__", "crc")})


def check(node: Node) -> None:
    """Raises NodeFileError for the first thing that cannot work."""
    _application(node)
    for name, part in node.spec.parts.items():
        _part(node, name, part)
    _bearer(node)
    _pins(node)
    _supply(node)


def _application(node: Node) -> None:
    name = node.spec.node.app
    source = find_source(node, "apps", name)
    if source is None:
        raise error_at(node.file, ("node", "app"), f"there is no application {name!r}; {nearest(name, known_names(node, 'apps'))}")
    defaults = _literal(source, "DEFAULTS")
    if defaults is None:
        return
    for key, value in node.spec.app.items():
        if key not in defaults:
            raise error_at(node.file, ("app", key), f"unknown key {key!r} in [app]; {nearest(key, list(defaults))}")
        wanted = defaults[key]
        if wanted is not None and not _same_kind(value, wanted):
            raise error_at(node.file, ("app", key), f"app.{key} = {value!r} should be of the kind of its default, {wanted!r}.")


def _same_kind(value: Any, wanted: Any) -> bool:
    if isinstance(wanted, bool) or isinstance(value, bool):
        return isinstance(value, bool) and isinstance(wanted, bool)
    if isinstance(wanted, int | float):
        return isinstance(value, int | float)
    if isinstance(wanted, list | tuple):
        return isinstance(value, list)
    return isinstance(value, type(wanted))


def _literal(source: Path, name: str) -> dict[str, Any] | None:
    """The value of a module-level constant, without running the module."""
    for statement in ast.parse(source.read_text(encoding="utf-8")).body:
        if isinstance(statement, ast.Assign) and any(isinstance(t, ast.Name) and t.id == name for t in statement.targets):
            try:
                value = ast.literal_eval(statement.value)
            except ValueError:
                return None
            return value if isinstance(value, dict) else None
    return None


def driver_options(source: Path) -> set[str]:
    """The names a driver reads from its `options`."""
    names: set[str] = set()
    for item in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        key: ast.expr | None = None
        if isinstance(item, ast.Call) and isinstance(item.func, ast.Attribute) and item.func.attr == "get" and item.args:
            key = item.args[0] if _is_options(item.func.value) else None
        elif isinstance(item, ast.Subscript) and _is_options(item.value):
            key = item.slice
        elif isinstance(item, ast.Compare) and any(_is_options(c) for c in item.comparators):
            key = item.left
        if isinstance(key, ast.Constant) and isinstance(key.value, str):
            names.add(key.value)
    return names - {"name", "where"}


def _is_options(value: ast.expr) -> bool:
    if isinstance(value, ast.Name):
        return value.id == "options"
    return isinstance(value, ast.Attribute) and value.attr in ("options", "_options")


def _part(node: Node, name: str, part: PartTable) -> None:
    source = find_source(node, "drivers", part.driver)
    if source is None:
        hint = nearest(part.driver, known_names(node, "drivers"))
        raise error_at(node.file, ("parts", name, "driver"), f"there is no driver {part.driver!r}; {hint}")
    known = driver_options(source)
    for key in part.options:
        if key not in known:
            hint = nearest(key, sorted(known | set(PartTable.model_fields)))
            raise error_at(node.file, ("parts", name, key), f"unknown key {key!r} in [parts.{name}]; {hint}")
    if part.bus:
        kind, _, which = part.bus.partition(".")
        buses: Any = {"i2c": node.board.i2c, "uart": node.board.uart}.get(kind, {})
        if which not in buses:
            has = [f"{k}.{n}" for k, table in (("i2c", node.board.i2c), ("uart", node.board.uart)) for n in table]
            hint = nearest(part.bus, has)
            raise error_at(node.file, ("parts", name, "bus"), f"board {node.spec.node.board} has no bus {part.bus!r}; {hint}")
    if part.rail and part.rail not in node.board.rail:
        hint = nearest(part.rail, list(node.board.rail)) if node.board.rail else "it has none."
        raise error_at(node.file, ("parts", name, "rail"), f"board {node.spec.node.board} has no switched rail {part.rail!r}; {hint}")
    if part.driver == "battery" and "pin" not in part.options and node.board.battery is None:
        words = f"board {node.spec.node.board} cannot measure its supply: give a pin and a ratio, or leave the part out."
        raise error_at(node.file, ("parts", name), words)
    if part.wake_pin is not None and node.spec.policy.deep_sleep and part.wake_pin not in LIMITS[node.board.mcu].ext0_pins:
        pins = sorted(LIMITS[node.board.mcu].ext0_pins)
        can = f"use one of {', '.join(map(str, pins))}" if pins else "no pin of this chip can"
        board = node.spec.node.board
        words = f"GPIO{part.wake_pin} of {board} cannot end deep sleep: {can} (boards/{board}.toml, mcu = {node.board.mcu})."
        raise error_at(node.file, ("parts", name, "wake_pin"), words)


def _bearer(node: Node) -> None:
    kind = node.spec.uplink.kind
    if kind == "lorawan" and node.board.radio is None:
        raise error_at(node.file, ("uplink", "kind"), f"board {node.spec.node.board} has no LoRa radio: choose another board or bearer.")
    if kind == "mqtt" and node.board.wifi is None:
        raise error_at(node.file, ("uplink", "kind"), f"board {node.spec.node.board} has no Wi-Fi: choose another board or bearer.")


def _supply(node: Node) -> None:
    battery, budget = node.spec.battery, node.spec.budget
    if battery and battery.cell not in cells():
        raise error_at(node.file, ("battery", "cell"), f"there is no cell {battery.cell!r}; {nearest(battery.cell, sorted(cells()))}")
    if budget and budget.life_years is not None and battery is None:
        raise error_at(node.file, ("budget", "life_years"), "a budget of years needs a [battery] table with a cell: add it.")


def used_pins(node: Node) -> Iterator[tuple[int, str, tuple[str, ...], str]]:
    """(pin, what uses it, place in the node file, group): the same group may share a pin (a bus)."""
    board = node.board
    if node.spec.uplink.kind == "lorawan" and board.radio:
        for key in ("sck", "mosi", "miso", "cs", "reset", "busy", "dio1", "rxen"):
            pin = getattr(board.radio, key)
            if pin is not None:
                yield pin, f"radio {key}", ("uplink", "kind"), f"radio {key}"
    for name, part in node.spec.parts.items():
        place = ("parts", name)
        if part.bus:
            kind, _, which = part.bus.partition(".")
            bus = (board.i2c if kind == "i2c" else board.uart)[which]
            for key, pin in bus.model_dump().items():
                if key != "id":
                    owner = f"{part.bus} {key}" if kind == "i2c" else f"{part.bus} {key} of {name}"
                    yield pin, owner, (*place, "bus"), owner
        if part.rail:
            yield board.rail[part.rail].pin, f"rail {part.rail}", (*place, "rail"), f"rail {part.rail}"
        if part.wake_pin is not None:
            yield part.wake_pin, f"{name}.wake_pin", (*place, "wake_pin"), f"{name}.wake_pin"
        if part.driver == "battery" and "pin" not in part.options and board.battery:
            yield board.battery.pin, "battery", place, "battery"
            if board.battery.gate_pin is not None:
                yield board.battery.gate_pin, "battery gate", place, "battery gate"
        for key, value in part.options.items():
            if (key == "pin" or key.endswith("_pin")) and isinstance(value, int):
                yield value, f"{name}.{key}", (*place, key), f"{name}.{key}"


def _pins(node: Node) -> None:
    taken: dict[int, tuple[str, str]] = {}
    reserved = {pin: reason for reason, pins in node.board.reserved.items() for pin in pins}
    for pin, what, place, group in used_pins(node):
        if pin in taken and taken[pin][1] != group:
            raise error_at(node.file, place, f"GPIO{pin} is used twice, by {taken[pin][0]} and by {what}: move one of them.")
        taken[pin] = (what, group)
        if not 0 <= pin <= _LAST_PIN[node.board.mcu]:
            raise error_at(node.file, place, f"{node.spec.node.board} has no GPIO{pin}: its last is GPIO{_LAST_PIN[node.board.mcu]}.")
        if pin in reserved and place[-1] not in ("bus", "rail", "kind") and len(place) > 2:
            raise error_at(
                node.file, place, f"GPIO{pin} of {node.spec.node.board} is not free ({reserved[pin]}): choose another pin for {what}."
            )


__all__ = ["NodeFileError", "check", "driver_options", "find_source", "known_names", "used_pins"]
