"""Rules on names and keys: the application, the drivers, their options."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kerbstone.build.checks.rule import Finding
from kerbstone.build.checks.sources import driver_options, find_source, known_names, literal
from kerbstone.build.files import nearest
from kerbstone.build.node import Node, PartTable


def application(node: Node) -> Iterator[Finding]:
    name = node.spec.node.app
    if find_source(node, "apps", name) is None:
        yield Finding(("node", "app"), f"there is no application {name!r}; {nearest(name, known_names(node, 'apps'))}")


def settings(node: Node) -> Iterator[Finding]:
    source = find_source(node, "apps", node.spec.node.app)
    defaults = literal(source, "DEFAULTS") if source else None
    if not isinstance(defaults, dict):
        return
    for key, value in node.spec.app.items():
        if key not in defaults:
            yield Finding(("app", key), f"unknown key {key!r} in [app]; {nearest(key, list(defaults))}")
        elif defaults[key] is not None and not _same_kind(value, defaults[key]):
            yield Finding(("app", key), f"app.{key} = {value!r} should be of the kind of its default, {defaults[key]!r}.")


def _same_kind(value: Any, wanted: Any) -> bool:
    if isinstance(wanted, bool) or isinstance(value, bool):
        return isinstance(value, bool) and isinstance(wanted, bool)
    if isinstance(wanted, int | float):
        return isinstance(value, int | float)
    if isinstance(wanted, list | tuple):
        return isinstance(value, list | dict)
    return isinstance(value, type(wanted))


def drivers(node: Node) -> Iterator[Finding]:
    for name, part in node.spec.parts.items():
        if find_source(node, "drivers", part.driver) is None:
            hint = nearest(part.driver, known_names(node, "drivers"))
            yield Finding(("parts", name, "driver"), f"there is no driver {part.driver!r}; {hint}")


def options(node: Node) -> Iterator[Finding]:
    for name, part in node.spec.parts.items():
        source = find_source(node, "drivers", part.driver)
        known = driver_options(source) if source else set(part.options)
        for key in part.options:
            if key not in known:
                hint = nearest(key, sorted(known | set(PartTable.model_fields)))
                yield Finding(("parts", name, key), f"unknown key {key!r} in [parts.{name}]; {hint}")
