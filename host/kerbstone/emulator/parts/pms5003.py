"""Virtual Plantower PMS5003/PMS7003: active and passive mode, sleep, 32-byte frames (manuals V2.3, V2.5)."""

from __future__ import annotations

from struct import pack
from typing import ClassVar

from kerbstone.emulator.kernel import SECOND_US, Event
from kerbstone.emulator.parts.base import PartContext, UartPart
from kerbstone.emulator.parts.dust import Optics

_QUANTITIES = ("pm1_ug", "pm25_ug", "pm10_ug")
_CYCLE_US = SECOND_US  # the manual: 200..800 ms when the air changes, 2.3 s when it does not
_BENT_UG = 30.0  # up to here the atmospheric value equals the CF = 1 one; above, it rises half as fast (from captures)
# Counts in 0.1 l above 0.3, 0.5, 1, 2.5, 5 and 10 um for each ug/m3 of PM2.5: the shape of captured frames.
_COUNTS = (150.0, 45.0, 7.0, 0.8, 0.15, 0.05)
_VERSION = 0x97


def frame(words: list[int]) -> bytes:
    """Head, length, the words, sum."""
    body = b"\x42\x4d" + pack(f">{len(words) + 1}H", 2 * len(words) + 2, *words)
    return body + pack(">H", sum(body))


class Pms5003(UartPart):
    """Options: `kappa`. `fault`: "silent", "garbage", "sum" (wrong check sums), "stuck" (the same frame for ever), "fan" (all zero)."""

    CURRENT_UA: ClassVar[dict[str, float]] = {
        "off": 0.0,
        "sleep": 200.0,  # manual: at most; not confirmed
        "measuring": 100_000.0,  # manual: at most; not confirmed
    }

    def __init__(self, ctx: PartContext):
        super().__init__(ctx)
        self.fault = str(ctx.options.get("fault", ""))
        self._optics = Optics(self, 30.0, 0.02, 0.05)
        self._event: Event | None = None
        self.power_on()

    def power_on(self) -> None:
        """Measuring, in active mode."""
        self._heard = b""
        self._last = b""
        self._wake()

    def power_off(self) -> None:
        super().power_off()
        self._stop()

    def uart_write(self, data: bytes) -> None:
        self._heard = (self._heard + data)[-64:]
        while (at := self._heard.find(b"\x42\x4d")) >= 0 and len(self._heard) >= at + 7:
            packet, self._heard = self._heard[at : at + 7], self._heard[at + 2 :]
            if sum(packet[:5]) == packet[5] << 8 | packet[6]:
                self._heard = self._heard[5:]
                self._command(packet[2], packet[4])

    def _command(self, code: int, value: int) -> None:
        if code == 0xE4:
            if value:
                self._wake()
            else:
                self._stop()
                self.awake = False
                self.state("sleep")
            return
        if not self.awake:
            return
        if code == 0xE1:
            self._stop()
            if value:
                self._cycle()
            self._put(frame([code << 8 | value]))
        elif code == 0xE2:
            self._put(self._frame())

    def _wake(self) -> None:
        self.awake = True
        self._started = self.kernel.now
        self.state("measuring")
        self._stop()
        self._event = self.kernel.after(_CYCLE_US, self._cycle)

    def _stop(self) -> None:
        if self._event:
            self._event.cancel()
            self._event = None

    def _cycle(self) -> None:
        self._event = self.kernel.after(_CYCLE_US, self._cycle)
        if self.to_mcu is not None:
            self._put(self._frame())

    def _frame(self) -> bytes:
        if self.fault == "stuck" and self._last:
            return self._last
        atmospheric = self._optics.mass(_QUANTITIES, (self.kernel.now - self._started) / SECOND_US)
        if self.fault == "fan":
            atmospheric = [0.0] * 3
        cf1 = [ug if ug <= _BENT_UG else _BENT_UG + 2 * (ug - _BENT_UG) for ug in atmospheric]
        values = [*cf1, *atmospheric, *(share * atmospheric[1] for share in _COUNTS)]
        self._last = frame([*(min(round(v), 0xFFFF) for v in values), _VERSION << 8])
        return self._last

    def _put(self, data: bytes) -> None:
        if self.fault == "garbage":
            data = self.rng.randbytes(len(data))
        elif self.fault == "sum":
            data = data[:-1] + bytes((data[-1] ^ 0x55,))
        if self.fault != "silent":
            self.send(data)


PART = Pms5003
