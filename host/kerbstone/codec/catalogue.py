"""Reads channel tables (`[channel.<name>]`) and derives each channel's codes."""

import math
import re
from decimal import Decimal
from fractions import Fraction
from functools import cache
from typing import Any

from kerbstone.codec.channel import Channel
from kerbstone.codec.tomlfile import TomlFile
from kerbstone.paths import protocols_dir

# The firmware packs with small integers (31 bits on a board): up to 7 bits wait for a full byte while a channel is added.
_MAX_BITS = 22
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_KEYS = {
    "number": {"title", "unit", "min", "max", "step", "source"},
    "enum": {"title", "states", "missing", "bits", "source"},
    "flags": {"title", "flags", "bits", "source"},
}


@cache
def catalogue() -> dict[str, Channel]:
    """The channels of `protocols/channels.toml` by name, in the order of the file."""
    file = TomlFile(protocols_dir() / "channels.toml")
    file.only(file.data, "the catalogue", {"channel"})
    return channels_of(file)


def channels_of(file: TomlFile) -> dict[str, Channel]:
    """The channels a file defines under `[channel.<name>]`. Raises NodeFileError with file and line."""
    table = file.data.get("channel", {})
    return {name: _channel(file, name, row) for name, row in table.items()}


def _channel(file: TomlFile, name: str, row: dict[str, Any]) -> Channel:
    where = f"channel.{name}"
    if not _NAME.fullmatch(name):
        raise file.error(where, f"channel name {name!r} must be small letters, digits and underscores")
    kind = "enum" if "states" in row else "flags" if "flags" in row else "number"
    file.only(row, where, _KEYS[kind])
    if not isinstance(row.get("title"), str):
        raise file.error(where, f"{where} needs a title of one line")
    return _number(file, name, row) if kind == "number" else _named(file, name, row, kind)


def _number(file: TomlFile, name: str, row: dict[str, Any]) -> Channel:
    where = f"channel.{name}"
    for key in ("min", "max", "step"):
        value = row.get(key)
        if not isinstance(value, int | Decimal) or isinstance(value, bool) or not math.isfinite(value):
            raise file.error(where, f"{where} needs a number for {key}")
    if not isinstance(row.get("unit"), str) or not row["unit"]:
        raise file.error(where, f'{where} needs a unit (UCUM; "1" for a bare number)')
    low, high, step = (Fraction(row[key]) for key in ("min", "max", "step"))
    if step <= 0 or high <= low:
        raise file.error(where, f"{where} needs max above min and a step above 0")
    top = (high - low) / step
    if top.denominator != 1:
        raise file.error(where, f"the range of {where} is no whole number of steps: change max or step")
    bits = (int(top) + 1).bit_length()
    den = math.lcm(low.denominator, step.denominator)
    if bits > _MAX_BITS:
        raise file.error(where, f"{where} takes {bits} bits and {_MAX_BITS} is the most: widen the step")
    return Channel(
        name, row["title"], row["unit"], "number", bits, int(top), (1 << bits) - 1,
        int(low * den), int(step * den), den, source=row.get("source", ""),
    )  # fmt: skip


def _named(file: TomlFile, name: str, row: dict[str, Any], kind: str) -> Channel:
    where = f"channel.{name}"
    names = row["states" if kind == "enum" else "flags"]
    if not isinstance(names, list) or not names or not all(isinstance(n, str) and _NAME.fullmatch(n) for n in names):
        raise file.error(where, f"{where} needs a list of names in small letters, digits and underscores")
    if len(set(names)) != len(names):
        raise file.error(where, f"{where} lists a name twice")
    missing = bool(row.get("missing", False))
    fewest = len(names) if kind == "flags" else max(1, (len(names) - 1 + missing).bit_length())
    bits = row.get("bits", fewest)
    if not isinstance(bits, int) or not fewest <= bits <= _MAX_BITS:
        raise file.error(where, f"{where} needs {fewest} to {_MAX_BITS} bits")
    top = (1 << len(names)) - 1 if kind == "flags" else len(names) - 1
    code = (1 << bits) - 1 if missing else None
    if kind == "flags":
        return Channel(name, row["title"], "", "flags", bits, top, code, names=tuple(names), source=row.get("source", ""))
    return Channel(name, row["title"], "", "enum", bits, top, code, names=tuple(names), source=row.get("source", ""))
