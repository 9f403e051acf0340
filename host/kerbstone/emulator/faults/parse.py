"""Orders for faults: from a word of the command line, from a scenario file, from a call."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kerbstone.build.files import nearest, plain
from kerbstone.codec.tomlfile import TomlFile
from kerbstone.emulator.faults import values
from kerbstone.emulator.faults.catalogue import FAULTS
from kerbstone.emulator.faults.model import Order, Param
from kerbstone.errors import FaultError

AT = Param("at", "duration", 0, "when it begins")
FOR = Param("for", "duration", None, "how long it stays; to the end of the run unless said", low=1)
NODE = Param("node", "word", None, "which node; every one it fits unless said")
COMMON = (AT, FOR, NODE)


def fault(name: str, /, node: str | None = None, at: str | None = None, lasts: str | None = None, **given: object) -> Order:
    """An order from a test: `fault("i2c_nack", "bins", "1h", "30m", part="climate")`. Raises FaultError."""
    common = {"node": node, "at": at, "for": lasts}
    return order(name, {**{k: v for k, v in common.items() if v is not None}, **given})


def read_word(word: str) -> Order:
    """An order from `NAME:key=value,...`. Raises FaultError."""
    name, _, rest = word.partition(":")
    given: dict[str, object] = {}
    for pair in rest.split(",") if rest else []:
        key, equals, value = pair.partition("=")
        if not equals:
            raise FaultError(f"--fault {word}: {pair!r} is no key=value; write NAME:key=value,key=value.")
        if key in given:
            raise FaultError(f"--fault {word}: {key} stands there twice; leave one.")
        given[key] = value
    return order(name, given)


def load_scenario(path: Path) -> list[Order]:
    """The orders of a TOML file of [[fault]] tables. Raises NodeFileError (unreadable) or FaultError."""
    file = TomlFile(path)
    tables = file.data.get("fault")
    if set(file.data) - {"fault"} or not isinstance(tables, list) or not all(isinstance(t, dict) for t in tables):
        raise FaultError(f"{path.name} is no scenario: it should hold nothing but tables [[fault]] with name, at, for, node.")
    orders = []
    for number, table in enumerate(tables, 1):
        given: dict[str, Any] = plain(table)
        name = given.pop("name", None)
        try:
            if not isinstance(name, str):
                raise FaultError("it has no name; add name = \"...\".")
            orders.append(order(name, given))
        except FaultError as error:
            raise FaultError(f"{path.name}, fault {number}: {error}") from error
    return orders


def order(name: str, given: Mapping[str, object]) -> Order:
    """An order from a name and keys. Raises FaultError that names the misspelt key and the nearest right one."""
    row = FAULTS.get(name)
    if row is None:
        raise FaultError(f"There is no fault {name!r}; {nearest(name, list(FAULTS))} `kerbstone faults` lists them.")
    known = {p.name: p for p in (*COMMON, *row.params)}
    taken = {}
    for key, value in given.items():
        if key not in known:
            raise FaultError(f"Fault {name} has no key {key!r}; {nearest(key, list(known))}")
        try:
            taken[key] = values.take(known[key], value)
        except FaultError as error:
            raise FaultError(f"Fault {name}: {error}.") from error
    for param in row.params:
        if param.default is None and param.name not in taken:
            raise FaultError(f"Fault {name} needs {param.name}: {param.about}; write {name}:{param.name}=...")
        taken.setdefault(param.name, param.default if param.default is not None else "")
    node, lasts = taken.pop("node", None), taken.pop("for", row.for_us)
    at = int(taken.pop("at", 0))
    if row.instant and "for" in given:
        raise FaultError(f"Fault {name} has its own end: leave out for={given['for']}.")
    return Order(name, str(node) if node else None, at, None if lasts is None else int(lasts), taken)


def word(given: Order) -> str:
    """The `--fault` word of an order; what is at its default is left out."""
    row = FAULTS[given.name]
    pairs = [f"node={given.node}"] if given.node else []
    pairs += [f"at={values.duration(given.at_us)}"] if given.at_us else []
    pairs += [f"for={values.duration(given.for_us)}"] if given.for_us not in (None, row.for_us) and given.for_us else []
    pairs += [f"{p.name}={values.text(p, given.values[p.name])}" for p in row.params if given.values[p.name] != p.default]
    return f"{given.name}:{','.join(pairs)}" if pairs else given.name


