"""Virtual MaxBotix HRXL-MaxSonar-WR and XL-MaxSonar-WR: free running, a pulse and a line of text in every cycle."""

from __future__ import annotations

import math
from typing import ClassVar, NamedTuple

from kerbstone.emulator.parts.base import PartContext
from kerbstone.emulator.parts.ranging import SerialRanging


class _Model(NamedTuple):
    digits: int
    unit_mm: int
    near: int  # in units; what is nearer reads as this
    none: int  # in units; no target
    pulse_us: int  # a unit
    pulse_at_us: int  # from the start of the cycle
    text_at_us: int
    cycle_us: int


_MODELS = {  # HRXL: data sheet PD11500, sensor timing diagrams. XL: not confirmed.
    "mb7389": _Model(4, 1, 300, 5000, 1, 135_000, 140_000, 148_000),
    "mb7383": _Model(4, 1, 300, 9999, 1, 148_000, 158_000, 166_000),
    "mb7092": _Model(3, 10, 20, 765, 58, 37_000, 82_000, 100_000),
}
_GREETING = b"HRXL-MaxSonar-WR\rPN:%s\rRoHS 1.8b090  0713\rTempI\r"  # lines of this kind; the words differ by firmware


class Maxbotix(SerialRanging):
    """Option `model`; line "pulse" is the PW pin. Temperature is compensated inside."""

    CURRENT_UA: ClassVar[dict[str, float]] = {
        "off": 0.0,
        "measuring": 3100.0,  # HRXL at 5 V, average; not confirmed
    }
    NOISE_MM = 1.0  # rms; HRXL resolves 1 mm and is stable to 1 mm at 1 m
    FIRST_US = 60_000  # about 50 ms of power-up initialisation

    def __init__(self, ctx: PartContext):
        self._name = str(ctx.options.get("model", "mb7389"))
        self._model = _MODELS[self._name]
        self.NEAR_MM = 0.0
        self.FAR_MM = self._model.none * self._model.unit_mm - 1.0
        self.CYCLE_US = self._model.cycle_us
        super().__init__(ctx)

    def wake_up(self) -> None:
        super().wake_up()
        if self._model.digits == 4:
            self.send(_GREETING % self._name.upper().encode())

    def power_off(self) -> None:
        super().power_off()
        self._pulse(0)

    def cycle(self) -> None:
        model = self._model
        mm = self.echo_mm()
        number = model.none if math.isnan(mm) else max(model.near, round(mm / model.unit_mm))
        if self.fault == "hung":
            self._pulse(1)
        elif self.fault != "silent" and self.line("pulse"):
            self.kernel.after(model.pulse_at_us, self._rise, number * model.pulse_us)
        self.kernel.after(model.text_at_us, self._write, number)
        self._next = self.kernel.after(model.cycle_us, self.cycle)

    def _rise(self, us: int) -> None:
        if self.powered:
            self._pulse(1)
            self.kernel.after(us, self._pulse, 0)

    def _write(self, number: int) -> None:
        if self.to_mcu is None or self.fault == "silent":
            return
        data = b"R%0*d\r" % (self._model.digits, number)
        if self.fault == "garbage":
            data = self.rng.randbytes(len(data))
        elif self.fault == "sum":
            data = data[:-1] + b"\x8d"  # there is no sum; a bit of the line's end is wrong
        self.send(data)

    def _pulse(self, level: int) -> None:
        line = self.line("pulse")
        if line:
            line.drive(level)


PART = Maxbotix
