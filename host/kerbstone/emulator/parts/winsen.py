"""Virtual Winsen gas module (ZE07-CO, ZE07-CH2O and relatives): active and question-and-answer mode (manuals V1.0)."""

from __future__ import annotations

from struct import pack
from typing import ClassVar

from kerbstone.emulator.kernel import SECOND_US, Event
from kerbstone.emulator.parts.base import PartContext, UartPart

_PPM, _PPB = 3, 4
# gas -> code, unit, decimals, full scale in steps, quantity of the site, its ppb in one of the site's unit. Full scales of CO and CH2O
# after the manuals, the rest unconfirmed.
_GASES = {
    "co": (0x04, _PPM, 1, 5000, "co_ppb"),
    "ch2o": (0x17, _PPB, 0, 2000, "ch2o_ppb"),
    "no2": (0x2C, _PPB, 0, 2000, "no2_ppb"),
    "so2": (0x2B, _PPB, 0, 2000, "so2_ppb"),
    "o3": (0x2A, _PPB, 0, 2000, "o3_ppb"),
}
_UG_PER_PPB = 1.23  # CH2O at 25 C
_SETTLING_US = 180 * SECOND_US
_NOISE = 0.02


def frame(body: bytes) -> bytes:
    """FF, seven bytes, and what makes their sum zero."""
    return b"\xff" + body + bytes((-sum(body) & 0xFF,))


class Winsen(UartPart):
    """Options: `gas` ("co"), `zero_ppb` (0) = drift of its zero. `fault`: "silent", "garbage", "sum", "stuck", "other" (another gas)."""

    CURRENT_UA: ClassVar[dict[str, float]] = {
        "off": 0.0,
        "measuring": 20_000.0,  # manuals: at most
    }

    def __init__(self, ctx: PartContext):
        super().__init__(ctx)
        self.fault = str(ctx.options.get("fault", ""))
        self._code, self._unit, self._decimals, self._top, self._quantity = _GASES[str(ctx.options.get("gas", "co"))]
        self._zero_ppb = float(ctx.options.get("zero_ppb", 0.0))
        self._event: Event | None = None
        self.power_on()

    def power_on(self) -> None:
        """Active mode; the cell has to settle."""
        self._heard = b""
        self._stuck: int | None = None
        self._on_at = self.kernel.now
        self.state("measuring")
        self._active(True)

    def power_off(self) -> None:
        super().power_off()
        self._active(False)

    def uart_write(self, data: bytes) -> None:
        self._heard = (self._heard + data)[-64:]
        while (at := self._heard.find(b"\xff\x01")) >= 0 and len(self._heard) >= at + 9:
            packet, self._heard = self._heard[at : at + 9], self._heard[at + 2 :]
            if sum(packet[1:]) & 0xFF == 0:
                self._heard = self._heard[7:]
                if packet[2] == 0x86:
                    self._put(self._answer())
                elif packet[2] == 0x78:
                    self._active(packet[3] == 0x40)

    def _active(self, on: bool) -> None:
        if self._event:
            self._event.cancel()
        self._event = self.kernel.after(SECOND_US, self._cycle) if on else None

    def _cycle(self) -> None:
        self._event = self.kernel.after(SECOND_US, self._cycle)
        if self.to_mcu is not None:
            code = self._code ^ 0x10 if self.fault == "other" else self._code
            self._put(frame(bytes((code, self._unit, self._decimals)) + pack(">HH", self._steps(), self._top)))

    def _answer(self) -> bytes:
        steps = self._steps()
        if self._quantity == "ch2o_ppb":
            return frame(b"\x86" + pack(">HHH", round(steps * _UG_PER_PPB), 0, steps))
        return frame(b"\x86" + pack(">HHH", steps, 0, 0))

    def _steps(self) -> int:
        if self.fault == "stuck" and self._stuck is not None:
            return self._stuck
        cold = max(0.0, 1.0 - (self.kernel.now - self._on_at) / _SETTLING_US)
        ppb = self.read(self._quantity) * (1.0 + self.rng.gauss(0.0, _NOISE) + 2.0 * cold) + self._zero_ppb
        per_ppb = 10.0**self._decimals / (1000 if self._unit == _PPM else 1)
        self._stuck = min(max(round(ppb * per_ppb), 0), self._top)
        return self._stuck

    def _put(self, data: bytes) -> None:
        if self.fault == "garbage":
            data = self.rng.randbytes(len(data))
        elif self.fault == "sum":
            data = data[:-1] + bytes((data[-1] ^ 1,))
        if self.fault != "silent":
            self.send(data)


PART = Winsen
