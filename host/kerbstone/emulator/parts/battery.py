"""Virtual battery divider: what an ADC pin sees of the site's battery voltage."""

from __future__ import annotations

from typing import ClassVar

from kerbstone.build.cells import cells
from kerbstone.emulator.parts.base import Part, PartContext

_NOISE_UV = 1_500.0  # rms at the pin; ESP32-S3 ADC, order of magnitude, not confirmed
_DIVIDER_OHM = 490_000  # Heltec WiFi LoRa 32 V3: 390k and 100k
_NOMINAL_V = 3.7
_UAS_PER_MAH = 3_600_000.0


class Battery(Part):
    """Line "gate" opens the divider at option `gate_level` (0); without the line it is always open.

    With options `cell` (a row of boards/cells.toml with a curve) and `capacity_mah` the battery empties as the node's ledger says; the site
    then only adds what the temperature does. Options `ratio` (1), `gain` (1.0, what its divider is off by). `fault`: "open" (divider
    not connected).
    """

    CURRENT_UA: ClassVar[dict[str, float]] = {
        "off": 0.0,
        "divider": _NOMINAL_V / _DIVIDER_OHM * 1e6,  # computed: 7.6 uA
    }

    def __init__(self, ctx: PartContext):
        super().__init__(ctx)
        self.fault = str(ctx.options.get("fault", ""))
        self._curve = cells().cell[str(ctx.options["cell"])].curve_v if "cell" in ctx.options else None
        self._capacity_uas = float(ctx.options.get("capacity_mah", 0)) * _UAS_PER_MAH
        self._ratio = float(ctx.options.get("ratio", 1.0)) / float(ctx.options.get("gain", 1.0))
        self._gate_level = int(ctx.options.get("gate_level", 0))
        gate = self.line("gate")
        if gate:
            if gate.level == self._gate_level:
                gate.drive(1 - self._gate_level)  # the board's pull resistor closes it while the MCU lets go
            gate.watchers.append(lambda level: self._book())
        self._book()

    def power_on(self) -> None:
        self._book()

    @property
    def _open(self) -> bool:
        gate = self.line("gate")
        return gate is None or gate.level == self._gate_level

    def _book(self) -> None:
        # A divider without a gate is part of the sleep current its board was measured with.
        self.state("divider" if self.line("gate") and self._open else "off")

    @property
    def left(self) -> float:
        """The share of its charge a battery with a capacity still has; 1 for others."""
        ledger = self.ctx.ledger
        if not ledger or not self._capacity_uas:
            return 1.0
        ledger.settle()
        return max(0.0, 1 - ledger.total_uas / self._capacity_uas)

    def _at_rest(self, volts: float) -> float:
        """The site's voltage, or that of the curve with what the site's is off its own at 20 C."""
        if not self._curve or not self._capacity_uas:
            return volts
        at = (1 - self.left) * (len(self._curve) - 1)
        i = min(int(at), len(self._curve) - 2)
        rest = self._curve[i] + (self._curve[i + 1] - self._curve[i]) * (at - i)
        return rest + volts - float(getattr(self.site, "options", {}).get("battery_v", volts))

    def adc_uv(self, t_us: int) -> int:
        """Microvolts at the pin, noise included; 0 behind a closed gate."""
        if self.fault == "open" or not self._open:
            return 0
        volts = self._at_rest(self.site.read("battery_v", t_us))
        return max(0, round(volts / self._ratio * 1e6 + self.rng.gauss(0.0, _NOISE_UV)))


PART = Battery
