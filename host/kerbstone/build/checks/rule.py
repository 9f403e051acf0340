"""What a rule is, and what it finds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from kerbstone.build.node import Node

Place = tuple[str | int, ...]


@dataclass(frozen=True)
class Finding:
    """One thing in a node file that a rule does not like. `row` is where the figure behind it stands, if not in the node file."""

    place: Place
    sentence: str
    row: str = ""
    warning: bool = False


@dataclass(frozen=True)
class Rule:
    """`says` is the rule as a person would put it; `find` yields what breaks it."""

    id: str
    says: str
    find: Callable[[Node], Iterator[Finding]]


def board_row(node: Node, key: str) -> str:
    """A value of the node's board file, as a message names it."""
    value = node.board.sources.values.get(key)
    name = f"boards/{node.spec.node.board}.toml, {key}"
    shown = f"{value:g}" if isinstance(value, float) else value
    return name if value is None else f"{name} = {shown}"
