"""A site: the physical surroundings of one node, and the truth about them."""

from __future__ import annotations

from typing import Any, Protocol


class Site(Protocol):
    """What a part can feel and what an actuator can change. Quantities carry their unit in the name."""

    def read(self, quantity: str, t_us: int) -> float:
        """The true value at t_us; float("nan") = nothing there to measure (no echo). KeyError: not known here."""
        ...

    def act(self, quantity: str, value: float, t_us: int) -> None:
        """An actuator of the node sets a quantity (lamp level)."""
        ...

    def next_change(self, t_us: int) -> int:
        """The next instant after t_us at which a quantity starts to change fast; parts look closely from there."""
        ...

    def changing_until(self, t_us: int) -> int:
        """While a fast change is under way at t_us: when it ends; otherwise t_us."""
        ...

    def extra_loss_db(self, t_us: int) -> float:
        """What stands between the node's antenna and the gateway at t_us, beside the path: a car on the bay."""
        ...

    def truth(self, t0_us: int, t1_us: int) -> dict[str, Any]:
        """What really happened, for the report: {"series": {name: [[t_us, value], ...]}, "events": [...]}."""
        ...


class SiteOver:
    """A site over another: what it does not answer itself, the other does."""

    def __init__(self, site: Site):
        self._site = site

    def read(self, quantity: str, t_us: int) -> float:
        return self._site.read(quantity, t_us)

    def act(self, quantity: str, value: float, t_us: int) -> None:
        self._site.act(quantity, value, t_us)

    def next_change(self, t_us: int) -> int:
        return self._site.next_change(t_us)

    def changing_until(self, t_us: int) -> int:
        return self._site.changing_until(t_us)

    def extra_loss_db(self, t_us: int) -> float:
        return self._site.extra_loss_db(t_us)

    def truth(self, t0_us: int, t1_us: int) -> dict[str, Any]:
        return self._site.truth(t0_us, t1_us)
