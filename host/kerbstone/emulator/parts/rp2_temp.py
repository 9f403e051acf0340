"""The RP2040's internal temperature sensor as its ADC sees it (data sheet 4.9.5)."""

from __future__ import annotations

from typing import ClassVar

from kerbstone.emulator.parts.base import Part

_SELF_HEATING_C = 3.0  # a Pico W at work in a housing; order of magnitude, unconfirmed
_NOISE_UV = 800.0  # about one count of the 12-bit ADC


class Rp2Temp(Part):
    """ADC channel 4."""

    CURRENT_UA: ClassVar[dict[str, float]] = {"off": 0.0}
    adc_channel = 4

    def adc_uv(self, t_us: int) -> int:
        """Microvolts: 706,000 at 27 degC, 1721 less a degree above."""
        celsius = self.site.read("temp_c", t_us) + _SELF_HEATING_C
        return round(706_000 - (celsius - 27.0) * 1721 + self.rng.gauss(0.0, _NOISE_UV))


PART = Rp2Temp
