"""Virtual SEN50/SEN54/SEN55: particles as an SPS30, climate, gas indices of the chip's own making (data sheet version 2)."""

from __future__ import annotations

from typing import ClassVar

from kerbstone.emulator.kernel import SECOND_US
from kerbstone.emulator.parts.base import Nack, PartContext
from kerbstone.emulator.parts.dust import Optics
from kerbstone.emulator.parts.sensirion import SensirionPart, words

_MASS = ("pm1_ug", "pm25_ug", "pm4_ug", "pm10_ug")
_NO_PM, _NONE = 0xFFFF, 0x7FFF
_BLACKOUT_S = 45  # of the gas indices
_STATUS = {"speed": 1 << 21, "gas": 1 << 7, "rht": 1 << 6, "laser": 1 << 5, "fan": 1 << 4}
# The chip's own index is not modelled sample by sample: usual air reads 100 and 1, and episodes raise it.
_USUAL_VOC_PPB, _USUAL_NOX_PPB = 150.0, 25.0


class Sen5x(SensirionPart):
    """Options: `model` ("SEN55"), `kappa`. `fault`: "nack", "crc", "stale", "fan", "laser", "gas", "rht", "speed"."""

    address = 0x69
    CURRENT_UA: ClassVar[dict[str, float]] = {"off": 0.0, "idle": 2_600.0, "measuring": 63_000.0, "start": 70_000.0}  # not confirmed

    def __init__(self, ctx: PartContext):
        super().__init__(ctx)
        self.model = str(ctx.options.get("model", "SEN55"))
        self._optics = Optics(self, 30.0, 0.02, 0.03)
        self.power_on()

    def power_on(self) -> None:
        self.free_at, self.answer = 0, b""
        self._measuring = False
        self._started, self._read = 0, 0
        self.state("idle")

    def _start(self) -> bytes:
        if not self._measuring:
            self._started, self._read = self.kernel.now, 0
            self.ctx.meter.add("start", (self.CURRENT_UA["start"] - self.CURRENT_UA["measuring"]) * 60)
        self._measuring = True
        self.state("measuring")
        return b""

    def _stop(self) -> bytes:
        self._measuring = False
        self.state("idle")
        return b""

    def _second(self) -> int:
        if not self._measuring or self.fault == "stale":
            return 0
        return (self.kernel.now - self._started) // SECOND_US

    def _ready(self) -> bytes:
        return words(int(self._second() > self._read))

    def _values(self) -> bytes:
        if not self._measuring:
            raise Nack
        self._read = second = self._second()
        dead = self.fault in ("fan", "laser")
        mass = [0.0] * 4 if dead else self._optics.mass(_MASS, second)
        out = [min(round(10 * ug), 0xFFFE) if second else _NO_PM for ug in mass]
        climate = self.model != "SEN50"
        out.append(round(min(max(self.read("rh_pct"), 0.0), 100.0) * 100) if climate else _NONE)
        out.append(min(max(round(self.read("temp_c") * 200), -0x8000), _NONE - 1) & 0xFFFF if climate else _NONE)
        known = second > _BLACKOUT_S
        out.append(_index(self.read("voc_ppb"), _USUAL_VOC_PPB, 100) if climate and known else _NONE)
        out.append(_index(self.read("nox_ppb"), _USUAL_NOX_PPB, 1) if self.model == "SEN55" and known else _NONE)
        return words(*out)

    def _name(self) -> bytes:
        text = self.model.encode().ljust(32, b"\0")
        return words(*(text[i] << 8 | text[i + 1] for i in range(0, 32, 2)))

    def _status(self) -> bytes:
        bits = _STATUS.get(self.fault, 0) if self._measuring else 0
        return words(bits >> 16, bits & 0xFFFF)

    COMMANDS: ClassVar = {
        0x0021: (_start, 50_000),
        0x0104: (_stop, 200_000),
        0x0202: (_ready, 20_000),
        0x03C4: (_values, 20_000),
        0xD014: (_name, 20_000),
        0xD206: (_status, 20_000),
    }


def _index(ppb: float, usual_ppb: float, usual: int) -> int:
    return 10 * min(max(round(usual * ppb / usual_ppb), 1), 500)


PART = Sen5x
