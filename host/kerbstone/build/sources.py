"""Where each value of a board file was seen. Tags are spelt out once, in boards/sources.toml.

A value belongs to the longest key of [source] that begins its own ("radio.cs" before "radio" before "*").
Tag K is general knowledge nobody has checked: what carries it is unconfirmed.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from kerbstone.paths import boards_dir

UNCONFIRMED = "K"


@cache
def source_texts() -> dict[str, str]:
    """{tag: what it is}."""
    with (boards_dir() / "sources.toml").open("rb") as file:
        texts: dict[str, str] = tomllib.load(file)["sources"]
    return texts


@dataclass(frozen=True)
class Value:
    """One value of a board with its tags."""

    key: str
    value: Any
    tags: tuple[str, ...]

    @property
    def unconfirmed(self) -> bool:
        return UNCONFIRMED in self.tags


class Sources:
    """The values of a board, flat, each with its tags. `title` needs none: it is a name we give."""

    def __init__(self, data: dict[str, Any], table: dict[str, str]):
        self._table = table
        self.values: dict[str, Any] = dict(_flat(data, ""))
        self.values.pop("title", None)

    def of(self, key: str) -> tuple[str, ...]:
        """Tags of a value; empty when nobody says where it comes from."""
        steps = key.split(".")
        for count in range(len(steps), 0, -1):
            tags = self._table.get(".".join(steps[:count]))
            if tags is not None:
                return tuple(tags.split())
        return tuple(self._table.get("*", "").split())

    def __iter__(self) -> Iterator[Value]:
        return (Value(key, value, self.of(key)) for key, value in self.values.items())


def _flat(value: Any, key: str) -> list[tuple[str, Any]]:
    """(dotted key, value); a list of numbers or of sentences is one value, a list of tables is not."""
    if isinstance(value, dict):
        return [pair for k, v in value.items() for pair in _flat(v, f"{key}.{k}" if key else str(k))]
    if isinstance(value, list) and any(isinstance(v, dict) for v in value):
        return [pair for i, v in enumerate(value) for pair in _flat(v, f"{key}.{i}")]
    return [(key, value)]
