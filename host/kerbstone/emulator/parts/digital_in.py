"""Virtual contact: its wire follows a quantity of the site."""

from __future__ import annotations

from typing import ClassVar

from kerbstone.emulator.parts.base import Part, PartContext

_LOOK_US = 1_000_000  # a site need not announce every change


class DigitalIn(Part):
    """Options: `quantity` (above 0.5 = active), `active` (level, 1). Line "input". `fault`: "stuck" (never moves from inactive)."""

    CURRENT_UA: ClassVar[dict[str, float]] = {"off": 0.0}

    def __init__(self, ctx: PartContext):
        super().__init__(ctx)
        self.fault = str(ctx.options.get("fault", ""))
        self._quantity = str(ctx.options.get("quantity", "door"))
        self._active = int(ctx.options.get("active", 1))
        self.state("off")
        self._look()

    def _look(self) -> None:
        wire = self.line("input")
        on = self.fault != "stuck" and self.read(self._quantity) > 0.5
        if wire:
            wire.drive(self._active if on else 1 - self._active)
        change = self.site.next_change(self.kernel.now)
        self.kernel.at(min(change, self.kernel.now + _LOOK_US), self._look)


PART = DigitalIn
