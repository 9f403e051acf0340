"""The site of a node whose application is not one of ours: every quantity is a constant of the node file."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

from kerbstone.emulator.world.outdoor import NEVER_US
from kerbstone.errors import NodeFileError


class Constant:
    """Reads what the options say, {quantity: value}; an actuator overwrites its quantity from then on."""

    def __init__(self, start_utc: int, rng: random.Random, options: Mapping[str, Any]):
        for name, value in options.items():
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise NodeFileError(f"The site's quantity '{name}' is {value!r}; give a number.")
        self._changes: dict[str, list[tuple[int, float]]] = {name: [(0, float(value))] for name, value in options.items()}

    def read(self, quantity: str, t_us: int) -> float:
        """The value in force at t_us; KeyError if neither the node file nor an actuator gave one by then."""
        values = [value for since, value in self._changes[quantity] if since <= t_us]
        if not values:
            raise KeyError(quantity)
        return values[-1]

    def act(self, quantity: str, value: float, t_us: int) -> None:
        """Sets any quantity."""
        changes = self._changes.setdefault(quantity, [])
        if not changes or changes[-1][1] != value:
            changes.append((t_us, float(value)))

    def next_change(self, t_us: int) -> int:
        """Nothing changes by itself."""
        return NEVER_US

    def changing_until(self, t_us: int) -> int:
        """Nothing changes by itself."""
        return t_us

    def extra_loss_db(self, t_us: int) -> float:
        """None."""
        return 0.0

    def truth(self, t0_us: int, t1_us: int) -> dict[str, Any]:
        """Every quantity as a series of steps."""
        series = {
            name: [[max(since, t0_us), value] for i, (since, value) in enumerate(changes) if self._in_force(changes, i, t0_us, t1_us)]
            for name, changes in self._changes.items()
        }
        return {"series": series, "events": []}

    @staticmethod
    def _in_force(changes: list[tuple[int, float]], index: int, t0_us: int, t1_us: int) -> bool:
        """Whether change `index` rules any instant of t0..t1."""
        ends = changes[index + 1][0] if index + 1 < len(changes) else NEVER_US
        return changes[index][0] <= t1_us and ends > t0_us
