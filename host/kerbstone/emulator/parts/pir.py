"""Virtual motion detector: its output follows the site's motion, and ghosts after power-on."""

from __future__ import annotations

from typing import ClassVar

from kerbstone.emulator.parts.base import Part, PartContext

_LOOK_US = 1_000_000
_HOLD_US = 3_000_000  # of the output after a motion: HC-SR501 at its shortest
_GHOSTS_US = 30_000_000


class Pir(Part):
    """Line "out". `fault`: "absent" (never), "stuck" (always). Reads "motion" 0 or 1."""

    CURRENT_UA: ClassVar[dict[str, float]] = {
        "off": 0.0,
        "on": 50.0,  # HC-SR501, typical
    }

    def __init__(self, ctx: PartContext):
        super().__init__(ctx)
        self.fault = str(ctx.options.get("fault", ""))
        self._until = 0
        self._running = False
        self._born = self.kernel.now
        self.power_on()

    def power_on(self) -> None:
        """The pyroelectric element settles, which looks like motion."""
        self._born = self.kernel.now
        self.state("on")
        if not self._running:
            self._running = True
            self._look()

    def _look(self) -> None:
        now, line = self.kernel.now, self.line("out")
        self.kernel.after(_LOOK_US, self._look)
        moved = self.read("motion") > 0 or (now - self._born < _GHOSTS_US and self.rng.random() < 0.1)
        if moved and self.fault != "absent":
            self._until = now + _HOLD_US
        if line:
            line.drive(int(self.powered and (self.fault == "stuck" or now < self._until)))


PART = Pir
