"""Virtual SPS30 with its SEL pin open: SHDLC on a UART (data sheet version 1.0 - D1, section 5); the sensor is that of sps30.py."""

from __future__ import annotations

from struct import pack
from typing import ClassVar

from kerbstone.emulator.kernel import SECOND_US
from kerbstone.emulator.parts.base import PartContext, UartPart
from kerbstone.emulator.parts.dust import Optics
from kerbstone.emulator.parts.sps30 import NUMBER_PER_UG, NUMBER_SHARE, TYPICAL_UM, WAKE_WINDOW_US, Sps30, named

_QUANTITIES = ("pm1_ug", "pm25_ug", "pm4_ug", "pm10_ug")
_ANSWER_US = 5_000
_OK, _WRONG_LENGTH, _UNKNOWN, _NO_ACCESS, _ILLEGAL, _NOT_ALLOWED = 0x00, 0x01, 0x02, 0x03, 0x04, 0x43
_ESCAPED = b"\x7e\x7d\x11\x13"


def stuffed(body: bytes) -> bytes:
    """A frame around `body` and its checksum."""
    whole = body + bytes((~sum(body) & 0xFF,))
    return b"\x7e" + b"".join(bytes((0x7D, b ^ 0x20)) if b in _ESCAPED else bytes((b,)) for b in whole) + b"\x7e"


def unstuffed(frame: bytes) -> bytes:
    """Body of what stands between two 7E; empty if the checksum is wrong."""
    out, flip = bytearray(), 0
    for byte in frame:
        if byte == 0x7D:
            flip = 0x20
        else:
            out.append(byte ^ flip)
            flip = 0
    return bytes(out[:-1]) if len(out) >= 4 and sum(out) & 0xFF == 0xFF else b""


class Sps30Uart(UartPart):
    """Options: `firmware` ("2.2"), `kappa`. `fault`: "silent", "garbage", "sum", "fan", "laser", "speed", "stale" (no new value)."""

    baud = 115_200
    CURRENT_UA: ClassVar[dict[str, float]] = Sps30.CURRENT_UA

    def __init__(self, ctx: PartContext):
        super().__init__(ctx)
        self.fault = str(ctx.options.get("fault", ""))
        self.firmware, self.serial = named(ctx)
        self._optics = Optics(self, 30.0, 0.02, 0.03)
        self.power_on()

    def power_on(self) -> None:
        """Idle, as after power-up."""
        self.mode = "idle"
        self._heard = b""
        self._listening_until = -1
        self._started = 0
        self._read_second = 0
        self.state("idle")

    def uart_write(self, data: bytes) -> None:
        if self.mode == "sleep" and self.kernel.now > self._listening_until:
            self._listening_until = self.kernel.now + WAKE_WINDOW_US  # the first edge only wakes the receiver
            return
        self._heard = (self._heard + data)[-600:]
        while (start := self._heard.find(0x7E)) >= 0:
            end = self._heard.find(0x7E, start + 1)
            if end < 0:
                return
            body = unstuffed(self._heard[start + 1 : end])
            self._heard = self._heard[end + 1 if body else end :]
            if body and body[0] == 0 and body[2] == len(body) - 3:
                self._command(body[1], body[3:])

    def _command(self, code: int, data: bytes) -> None:
        if self.mode == "sleep" and code != 0x11:
            return
        handler = _COMMANDS.get(code)
        state, answer = handler(self, data) if handler else (_UNKNOWN, b"")
        frame = stuffed(bytes((0, code, state, len(answer))) + answer)
        if self.fault == "garbage":
            frame = self.rng.randbytes(len(frame))
        elif self.fault == "sum":
            frame = frame[:-2] + bytes((frame[-2] ^ 1, 0x7E))
        if self.fault != "silent":
            self.kernel.after(_ANSWER_US, self.send, frame)

    def _start(self, data: bytes) -> tuple[int, bytes]:
        if data not in (b"\x01\x03", b"\x01\x05"):
            return _ILLEGAL, b""
        if self.mode != "idle":
            return _NOT_ALLOWED, b""
        self.mode, self._started, self._read_second, self._integers = "measuring", self.kernel.now, 0, data[1] == 5
        self.state("measuring")
        self.ctx.meter.add("start", (self.CURRENT_UA["start"] - self.CURRENT_UA["measuring"]) * 0.2)
        return _OK, b""

    def _stop(self, _data: bytes) -> tuple[int, bytes]:
        if self.mode != "measuring":
            return _NOT_ALLOWED, b""
        self.mode = "idle"
        self.state("idle")
        return _OK, b""

    def _read(self, _data: bytes) -> tuple[int, bytes]:
        if self.mode != "measuring":
            return _NOT_ALLOWED, b""
        second = (self.kernel.now - self._started) // SECOND_US
        if second == self._read_second or self.fault == "stale":
            return _OK, b""
        self._read_second = second
        mass = [0.0] * 4 if self.fault in ("fan", "laser") else self._optics.mass(_QUANTITIES, second)
        number = mass[1] * NUMBER_PER_UG
        values = [*mass, *(share * number for share in NUMBER_SHARE), TYPICAL_UM]
        if self._integers:
            return _OK, pack(">10H", *(min(round(v), 65535) for v in values[:9]), round(values[9] * 1000))
        return _OK, pack(">10f", *values)

    def _sleep(self, _data: bytes) -> tuple[int, bytes]:
        if self.mode != "idle" or self.firmware < (2, 0):
            return _NOT_ALLOWED, b""
        self.mode, self._listening_until = "sleep", -1
        self.state("sleep")
        return _OK, b""

    def _wake(self, _data: bytes) -> tuple[int, bytes]:
        if self.mode != "sleep":
            return _NOT_ALLOWED, b""
        self.mode = "idle"
        self.state("idle")
        return _OK, b""

    def _info(self, data: bytes) -> tuple[int, bytes]:
        if data not in (b"\x00", b"\x03"):
            return _ILLEGAL, b""
        return _OK, (b"00080000" if data == b"\x00" else self.serial.encode()) + b"\0"

    def _version(self, _data: bytes) -> tuple[int, bytes]:
        return _OK, bytes((*self.firmware, 0, 7, 0, 2, 0))

    def _status(self, data: bytes) -> tuple[int, bytes]:
        if len(data) != 1:
            return _WRONG_LENGTH, b""
        bits = {"speed": 1 << 21, "laser": 1 << 5, "fan": 1 << 4}.get(self.fault, 0) if self.mode == "measuring" else 0
        return _OK, pack(">IB", bits, 0)


_COMMANDS = {
    0x00: Sps30Uart._start,
    0x01: Sps30Uart._stop,
    0x03: Sps30Uart._read,
    0x10: Sps30Uart._sleep,
    0x11: Sps30Uart._wake,
    0xD0: Sps30Uart._info,
    0xD1: Sps30Uart._version,
    0xD2: Sps30Uart._status,
}

PART = Sps30Uart
