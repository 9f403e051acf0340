"""A site whose quantities a test can pin."""

from __future__ import annotations

from typing import Any

from kerbstone.emulator.kernel import Kernel
from kerbstone.emulator.world.site import Site, SiteOver


class PinnedSite(SiteOver):
    """The node's own site, but for the quantities that are pinned: those read as the test said, from then on.

    `set` and `release` count from the present virtual time; a part that watches (a comparator, a float switch) notices at its next look.
    """

    def __init__(self, site: Site, kernel: Kernel):
        super().__init__(site)
        self._kernel = kernel
        self._pins: dict[str, list[tuple[int, float | None]]] = {}

    def set(self, quantity: str, value: float) -> None:
        """Pins a quantity; NaN where there is nothing to measure."""
        self._pins.setdefault(quantity, []).append((self._kernel.now, float(value)))

    def release(self, quantity: str) -> None:
        """The world rules again."""
        self._pins.setdefault(quantity, []).append((self._kernel.now, None))

    def read(self, quantity: str, t_us: int) -> float:
        """The value pinned at t_us, else the site's own; KeyError: neither knows it."""
        for since, value in reversed(self._pins.get(quantity, [])):
            if since <= t_us:
                if value is None:
                    break
                return value
        return self._site.read(quantity, t_us)

    def truth(self, t0_us: int, t1_us: int) -> dict[str, Any]:
        """The site's truth; where a quantity was pinned, the pins are the truth of that time."""
        truth = self._site.truth(t0_us, t1_us)
        series = dict(truth["series"])
        for quantity, pins in self._pins.items():
            pinned = [[max(t, t0_us), value] for t, value in pins if value is not None and t <= t1_us]
            own = [row for row in series.get(quantity, []) if self._free(quantity, row[0])]
            series[quantity] = sorted(own + pinned)
        return {**truth, "series": series}

    def _free(self, quantity: str, t_us: int) -> bool:
        last: float | None = None
        for since, value in self._pins.get(quantity, []):
            if since <= t_us:
                last = value
        return last is None
