"""Virtual pulse output of a meter: a contact that closes each time the metered quantity has grown by one step."""

from __future__ import annotations

from typing import ClassVar

from kerbstone.emulator.parts.base import Part, PartContext

_STEP_US = 60_000_000  # how far ahead the next pulse is sought
_BOUNCES_US = (0, 400, 700, 1_500, 1_900)  # closing of a reed: level changes at these times


class Pulse(Part):
    """Options: `quantity` (cumulative, of the site), `step` (1: of the quantity a pulse), `width_ms` (100), `active` (0). Lines "pulse"
    and "tamper" (1 = the loop is open, as the site's quantity `tamper` says where it has one). `pulses` counts what was sent.

    `adc_uv` is the line at a divider of pull-up, series and parallel resistor. `fault`: "cut" (the line is open), "short" (closed for
    ever), "bounce" (a contact that bounces for 2 ms), "tamper" (the loop is open).
    """

    CURRENT_UA: ClassVar[dict[str, float]] = {
        "off": 0.0,
        "closed": 73.0,  # 3.3 V over the MCU's pull-up of 45 kohm
    }
    _OPEN_UV, _CLOSED_UV, _CUT_UV = 2_200_000, 1_100_000, 3_300_000

    def __init__(self, ctx: PartContext):
        super().__init__(ctx)
        options = ctx.options
        self.fault = str(options.get("fault", ""))
        self._quantity = str(options.get("quantity", "water_l"))
        self._step = float(options.get("step", 1))
        self._width_us = int(options.get("width_ms", 100)) * 1000
        self._active = int(options.get("active", 0))
        self.pulses = 0
        self._closed = False
        self._drive(self.fault == "short")
        self._seen = self._steps(0)
        self._seek()
        self._watch_loop()

    def adc_uv(self, t_us: int) -> int:
        """Microvolts at the ADC pin."""
        if self.fault == "cut":
            return self._CUT_UV
        return 0 if self.fault == "short" else self._CLOSED_UV if self._closed else self._OPEN_UV

    def _steps(self, t_us: int) -> int:
        return int(self.site.read(self._quantity, t_us) // self._step)

    def _seek(self) -> None:
        """Finds the next pulse within _STEP_US, to the millisecond."""
        now = self.kernel.now
        low, high = now, now + _STEP_US
        if self._steps(high) <= self._seen:
            self.kernel.at(high, self._seek)
            return
        while high - low > 1_000:
            middle = (low + high) // 2
            low, high = (low, middle) if self._steps(middle) > self._seen else (middle, high)
        self._seen += 1
        self.kernel.at(max(high, now + 2 * self._width_us), self._pulse)

    def _pulse(self) -> None:
        if self.fault not in ("cut", "short"):
            self.pulses += 1
            for i, us in enumerate(_BOUNCES_US if self.fault == "bounce" else (0,)):
                self.kernel.after(us, self._drive, i % 2 == 0)
            self.kernel.after(self._width_us, self._drive, False)
        self._seek()

    def _drive(self, closed: bool) -> None:
        self._closed = closed
        wire = self.line("pulse")
        if wire:
            wire.drive(self._active if closed else 1 - self._active)
        self.state("closed" if closed else "off")

    def _watch_loop(self) -> None:
        loop = self.line("tamper")
        if loop:
            loop.drive(int(self.fault == "tamper" or self._tampered()))
            self.kernel.after(1_000_000, self._watch_loop)

    def _tampered(self) -> bool:
        try:
            return self.read("tamper") > 0.5
        except KeyError:  # a site without the quantity has honest neighbours
            return False


PART = Pulse
