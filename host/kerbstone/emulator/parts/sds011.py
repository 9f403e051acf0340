"""Virtual Nova SDS011: reporting and query mode, sleep, working period (Laser Dust Sensor Control Protocol V1.3)."""

from __future__ import annotations

from struct import pack
from typing import ClassVar

from kerbstone.emulator.kernel import SECOND_US, Event
from kerbstone.emulator.parts.base import PartContext, UartPart
from kerbstone.emulator.parts.dust import Optics

_QUANTITIES = ("pm25_ug", "pm10_ug")
_COMMAND = 19
_REPORT, _QUERY, _POWER, _FIRMWARE, _PERIOD = 2, 4, 6, 7, 8
_SETTABLE = {_REPORT, _POWER, _PERIOD}


class Sds011(UartPart):
    """Options: `kappa`. `fault`: "silent", "garbage", "sum" (wrong check sums), "stuck" (one value for ever), "fan" (all zero)."""

    CURRENT_UA: ClassVar[dict[str, float]] = {
        "off": 0.0,
        "sleep": 4_000.0,  # data sheet V1.3: below
        "measuring": 70_000.0,  # data sheet V1.3: rated, 10 mA more or less
    }

    def __init__(self, ctx: PartContext):
        super().__init__(ctx)
        self.fault = str(ctx.options.get("fault", ""))
        self.id = ctx.rng.randbytes(2)
        self._settings = {_REPORT: 0, _POWER: 1, _PERIOD: 0}  # kept without power
        self._optics = Optics(self, 20.0, 0.03, 0.05)
        self._event: Event | None = None
        self._shown: list[float] = []
        self.power_on()

    def power_on(self) -> None:
        """Working; the mode of reporting is remembered."""
        self._heard = b""
        self._power(1)

    def power_off(self) -> None:
        super().power_off()
        self._stop()

    def uart_write(self, data: bytes) -> None:
        self._heard = (self._heard + data)[-128:]
        while (at := self._heard.find(b"\xaa\xb4")) >= 0 and len(self._heard) >= at + _COMMAND:
            packet, self._heard = self._heard[at : at + _COMMAND], self._heard[at + 2 :]
            if packet[18] == 0xAB and sum(packet[2:17]) & 0xFF == packet[17] and packet[15:17] in (b"\xff\xff", self.id):
                self._heard = self._heard[_COMMAND - 2 :]
                self._command(packet[2], packet[3], packet[4])

    def _command(self, code: int, write: int, value: int) -> None:
        if not self._settings[_POWER] and not (code == _POWER and write and value):
            return  # asleep
        if code == _QUERY:
            self._put(0xC0, self._values())
        elif code == _FIRMWARE:
            self._put(0xC5, bytes((code, 15, 7, 10)))
        elif code in _SETTABLE:
            if write:
                self._settings[code] = value
            self._put(0xC5, bytes((code, write, self._settings[code], 0)))
            if write and code == _POWER:
                self._power(value)

    def _power(self, on: int) -> None:
        self._stop()
        self._settings[_POWER] = on
        self.state("measuring" if on else "sleep")
        if on:
            self._started = self.kernel.now
            self._event = self.kernel.after(SECOND_US, self._cycle)

    def _stop(self) -> None:
        if self._event:
            self._event.cancel()
            self._event = None

    def _cycle(self) -> None:
        self._event = self.kernel.after(SECOND_US, self._cycle)
        if self.to_mcu is not None and not self._settings[_REPORT]:
            self._put(0xC0, self._values())

    def _values(self) -> bytes:
        if not (self.fault == "stuck" and self._shown):
            self._shown = self._optics.mass(_QUANTITIES, (self.kernel.now - self._started) / SECOND_US)
        shown = [0.0, 0.0] if self.fault == "fan" else self._shown
        return pack("<HH", *(min(round(10 * ug), 9999) for ug in shown))

    def _put(self, kind: int, four: bytes) -> None:
        body = four + self.id
        total = sum(body) + (self.fault == "sum")
        data = bytes((0xAA, kind)) + body + bytes((total & 0xFF, 0xAB))
        if self.fault == "garbage":
            data = self.rng.randbytes(len(data))
        if self.fault != "silent":
            self.send(data)


PART = Sds011
