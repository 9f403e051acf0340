"""Rules on tables of rows: the registers and values of a part, the channels of a terminal."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from kerbstone.build.checks.rule import Finding, Place
from kerbstone.build.checks.sources import find_source, literal
from kerbstone.build.files import nearest
from kerbstone.build.node import LoRaWanTable, NbIotTable, Node
from kerbstone.codec.node_profile import node_profile
from kerbstone.errors import NodeFileError

_LONGEST_FRAME = 51  # bytes of LoRaWAN at EU868 DR0
# Allowed words of a key of a value row, whichever driver reads it (kerb/drivers/modbus.py).
_WORDS: dict[str, tuple[Any, ...]] = {
    "kind": ("int16", "uint16", "int32", "uint32", "float32"), "order": ("ABCD", "CDAB", "BADC", "DCBA"), "function": (1, 2, 3, 4),
}
_WHOLE = {"register": (0, 65535), "index": (0, 98)}


def values(node: Node) -> Iterator[Finding]:
    """Each row of [parts.NAME.values] has keys its driver's VALUE names, of the kind of their defaults."""
    for name, part in node.spec.parts.items():
        source = find_source(node, "drivers", part.driver)
        defaults = literal(source, "VALUE") if source else None
        if not isinstance(defaults, dict):
            continue
        place: Place = ("parts", name, "values")
        rows = part.options.get("values")
        if not isinstance(rows, dict) or not rows:
            words = f"part {name} reads nothing: give [parts.{name}.values] a row a value, power = {{ {next(iter(defaults))} = 0 }}."
            yield Finding(place if rows is not None else place[:2], words)
            continue
        for key, row in rows.items():
            yield from _row(f"parts.{name}.values.{key}", (*place, key), row, defaults, _WORDS, _WHOLE)


def channels(node: Node) -> Iterator[Finding]:
    """Each row of [app.channels] has keys the application's CHANNEL names, a source the node has, and a range that can be sent."""
    source = find_source(node, "apps", node.spec.node.app)
    defaults = literal(source, "CHANNEL") if source else None
    rows = node.spec.app.get("channels")
    if not isinstance(defaults, dict) or source is None:
        return
    if not isinstance(rows, dict) or not rows:
        yield Finding(("app",), f"application {node.spec.node.app} needs a channel: [app.channels.NAME] with source, unit, min, max, step.")
        return
    known = sorted(sources(node))
    for name, row in rows.items():
        place: Place = ("app", "channels", name)
        yield from _row(f"app.channels.{name}", place, row, defaults, {}, {})
        if not row.get("source"):
            yield Finding(place, f"app.channels.{name} has no source; known are {', '.join(known)}.")
        elif row["source"] not in known:
            yield Finding((*place, "source"), f"no part of this node measures {row['source']!r}; {nearest(row['source'], known)}")
        low, high = row.get("low"), row.get("high")
        if low is not None and high is not None and low >= high:
            yield Finding((*place, "low"), f"app.channels.{name}: low = {low:g} is not below high = {high:g}: both alarms would stand.")
    yield from _frame(node)


def sources(node: Node) -> set[str]:
    """What the parts of a node measure: the quantities of their drivers, and "PART.VALUE" of those with names of their own."""
    found: set[str] = set()
    for name, part in node.spec.parts.items():
        source = find_source(node, "drivers", part.driver)
        if source is None:
            continue
        found.update(literal(source, "QUANTITIES", part.driver.upper()) or ())
        found.update(f"{name}.{value}" for value in literal(source, "OWN_QUANTITIES", part.driver.upper()) or ())
        if literal(source, "VALUE") is not None:
            found.update(f"{name}.{value}" for value in part.options.get("values", {}))
    return found


def world(node: Node) -> Iterator[Finding]:
    """[world.parts] names parts of the node, its modem (the cell that is on), or its LoRaWAN module."""
    radio = node.bearer(LoRaWanTable)
    known = [*node.spec.parts, *(["modem"] if node.bearer(NbIotTable) else []), *(["module"] if radio and radio.module else [])]
    for name in node.spec.world.parts:
        if name not in known:
            yield Finding(("world", "parts", name), f"there is no part {name!r}; {nearest(name, known)}")


def _row(
    where: str, place: Place, row: Any, defaults: dict[str, Any], words: dict[str, tuple[Any, ...]], whole: dict[str, tuple[int, int]]
) -> Iterator[Finding]:
    if not isinstance(row, dict):
        yield Finding(place, f"{where} = {row!r} should be a table: {{ {next(iter(defaults))} = ... }}.")
        return
    for key, value in row.items():
        if key not in defaults:
            yield Finding((*place, key), f"unknown key {key!r} in {where}; {nearest(key, list(defaults))}")
            continue
        number = defaults[key] is None or isinstance(defaults[key], int | float)
        if key in words:
            if value not in words[key]:
                yield Finding((*place, key), f"{where}.{key} = {value!r} should be one of {', '.join(map(str, words[key]))}.")
        elif key in whole:
            if isinstance(value, bool) or not isinstance(value, int) or not whole[key][0] <= value <= whole[key][1]:
                yield Finding((*place, key), f"{where}.{key} = {value!r} should be a whole number from {whole[key][0]} to {whole[key][1]}.")
        elif number != (isinstance(value, int | float) and not isinstance(value, bool)):
            yield Finding((*place, key), f"{where}.{key} = {value!r} should be {'a number' if number else 'a text'}.")


def _frame(node: Node) -> Iterator[Finding]:
    """The message of the node's channels exists and fits the smallest frame of its bearer."""
    try:
        profile = node_profile(node.file)
    except NodeFileError as error:
        words = str(error).split(": ", 1)[-1]
        named = [name for name in node.spec.app["channels"] if re.search(rf"\bapp\.channels\.{re.escape(name)}\b", words)]
        yield Finding(("app", "channels", named[0]) if named else ("app", "number" if "app.number" in words else "channels"), words)
        return
    size = max(profile.size(count) for count in profile.cuts.values()) + 5
    if node.bearer(LoRaWanTable) and size > _LONGEST_FRAME:
        words = f"a stamped message takes {size} bytes and a slow frame {_LONGEST_FRAME} at most: drop channels or widen their steps."
        yield Finding(("app", "channels"), words)
