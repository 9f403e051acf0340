"""The words of the fault catalogue: what a fault is, what an order for one says, what it can reach."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from kerbstone.build.node import Node
from kerbstone.emulator.kernel import Kernel

if TYPE_CHECKING:
    from kerbstone.emulator.radio_cell import RadioCell
    from kerbstone.emulator.runtime import Runtime

Value = int | float | bool | str
Kind = Literal["int", "float", "bool", "duration", "word"]  # a duration is kept in us
End = Callable[[], None]


@dataclass(frozen=True)
class Param:
    """One parameter. `default` None: it must be given."""

    name: str
    kind: Kind
    default: Value | None
    about: str
    low: float = 0
    high: float = 1e15
    words: tuple[str, ...] = ()


@dataclass(frozen=True)
class Order:
    """A fault at a time and place. Picklable. `node` None: every node it fits, or the air."""

    name: str
    node: str | None = None
    at_us: int = 0
    for_us: int | None = None  # None: to the end of the run
    values: dict[str, Value] = field(default_factory=dict)


@dataclass(frozen=True)
class Scene:
    """A cell as faults see it."""

    kernel: Kernel
    seed: int
    nodes: dict[str, Runtime]
    radio: RadioCell


@dataclass
class Target:
    """What one fault acts on. Faults of the air have no `node`."""

    scene: Scene
    name: str
    runtime: Runtime | None
    values: dict[str, Value]
    rng: random.Random

    @property
    def kernel(self) -> Kernel:
        return self.scene.kernel

    @property
    def node(self) -> Runtime:
        """The node; only faults of nodes ask."""
        assert self.runtime is not None
        return self.runtime

    def number(self, name: str) -> int:
        return int(self.values[name])

    def begins(self, **fields: Value) -> None:
        """Writes to the event log that the fault is there."""
        self._log("fault_begins", fields)

    def ends(self, **fields: Value) -> None:
        self._log("fault_ends", fields)

    def _log(self, kind: str, fields: dict[str, Value]) -> None:
        source = self.runtime.node.name if self.runtime else "air"
        self.kernel.log.write(source, kind, fault=self.name, **fields)


@dataclass(frozen=True)
class Fault:
    """One row of the catalogue.

    `begin(target)` makes it happen and returns what ends it. A fault that is `instant` writes its own beginnings and ends to the log,
    because they come later (the 40th flash operation) or more than once. `fits(node, values)`: why it cannot be, or "".
    """

    name: str
    about: str
    hook: str  # where it hooks in
    begin: Callable[[Target], End | None]
    params: tuple[Param, ...] = ()
    place: Literal["node", "air"] = "node"
    instant: bool = False
    fits: Callable[[Node, dict[str, Value]], str] = lambda _node, _values: ""
    for_us: int | None = None  # how long when the order does not say; None: to the end
