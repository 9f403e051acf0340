"""Virtual CSE7766 energy meter: sends its 24 bytes by itself (user manual rev 1.2)."""

from __future__ import annotations

from typing import ClassVar

from kerbstone.emulator.parts.base import PartContext, UartPart
from kerbstone.emulator.parts.mains_meter import Metered

_PERIOD_US = 50_000
# Calibration of one unit, from a captured frame.
_VOLT, _AMP, _WATT = 0x02F760, 0x004010, 0x51A658
_POWER_ENDS_W = 0.5  # below it the power cycle is longer than the chip can time


class Cse7766(Metered, UartPart):
    """`fault`: "silent", "checksum", "truncated", "uncalibrated" (head 0xAA), "stuck" (repeats one frame).

    Frames exist only while somebody listens: nothing is on the wire before the UART is set up, and a receiver's buffer holds ten.
    """

    baud = 4800
    framing = (8, 0, 1)
    CURRENT_UA: ClassVar[dict[str, float]] = {
        "off": 0.0,
        "on": 6_000.0,  # unconfirmed
    }

    def __init__(self, ctx: PartContext):
        super().__init__(ctx)
        self.to_mcu = None
        self.fault = str(ctx.options.get("fault", ""))
        self._frame = b""
        self._running = False
        self.power_on()

    def power_on(self) -> None:
        """The chip sends from its supply on."""
        self.joules = 0.0
        self.state("on")
        if not self._running:
            self._running = True
            self.kernel.after(_PERIOD_US, self._send)

    def _send(self) -> None:
        self.kernel.after(_PERIOD_US, self._send)
        if self.to_mcu and self.powered and self.fault != "silent":
            if self.fault != "stuck" or not self._frame:
                self._frame = self.frame()
            self.send(self._frame[:17] if self.fault == "truncated" else self._frame)

    def frame(self) -> bytes:
        """The 24 bytes of this moment."""
        self.settle()
        volt, amp, watt = self.now()
        notes = (8 if volt < 10 else 0) | (4 if amp < 0.005 else 0) | (2 if watt < _POWER_ENDS_W else 0)
        head = 0xAA if self.fault == "uncalibrated" else 0xF0 | notes if notes else 0x55
        body = b""
        for coefficient, value in ((_VOLT, volt), (_AMP, amp), (_WATT, watt)):
            cycle = min(round(coefficient / value), 0xFFFFFF) if value > 1e-6 else 0xFFFFFF
            body += coefficient.to_bytes(3, "big") + cycle.to_bytes(3, "big")
        pulses = int(self.joules * 1e6 / _WATT)
        body += bytes((0x71 | (pulses >> 16 & 1) << 7,)) + (pulses & 0xFFFF).to_bytes(2, "big")
        return bytes((head, 0x5A)) + body + bytes(((sum(body) & 0xFF) ^ (self.fault == "checksum"),))


PART = Cse7766
