"""Virtual DS18B20: 1-Wire ROM layer with search, scratchpad with CRC, conversion times by resolution."""

from __future__ import annotations

from collections.abc import Generator
from struct import pack
from typing import ClassVar

from kerbstone.emulator.parts.base import OneWirePart, PartContext

FAMILY = 0x28
_CONVERT_US = 750_000  # 12 bits, the maximum; each bit less halves it (Maxim data sheet 19-7487, table 2)
_POWER_ON = 0x0550  # 85 C
_NOISE_C = 0.03  # rms; not confirmed


def crc8(data: bytes) -> int:
    """Maxim's CRC, x^8 + x^5 + x^4 + 1, least significant bit first."""
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ 0x8C if crc & 1 else crc >> 1
    return crc


class Ds18b20(OneWirePart):
    """Wire "data". Option `rom` (16 hex digits; else drawn). `fault`: "absent", "id" (another family), "crc", "short" (the wire
    is held low), "brownout" (it loses its supply during every conversion), "stuck" (the first temperature for ever)."""

    CURRENT_UA: ClassVar[dict[str, float]] = {
        "off": 0.0,
        "idle": 0.75,  # typical standby, at most 1
        "converting": 1000.0,  # typical, at most 1500
    }

    def __init__(self, ctx: PartContext):
        super().__init__(ctx)
        self.fault = str(ctx.options.get("fault", ""))
        rom = bytes((0x10 if self.fault == "id" else FAMILY,)) + ctx.rng.randbytes(6)
        self.rom = bytes.fromhex(str(ctx.options["rom"])) if "rom" in ctx.options else rom + bytes((crc8(rom),))
        self.power_on()

    def power_on(self) -> None:
        self._raw = _POWER_ON
        self._th, self._tl, self._config = 0x4B, 0x46, 0x7F
        self._busy_until = 0
        self._protocol: Generator[int | None, None, None] | None = None
        self._converted = False
        self.state("idle")

    # -- the wire: a protocol is a generator that yields None to receive a bit, or the bit it sends --------------

    def wire_reset(self) -> bool:
        """True: a presence pulse."""
        self._protocol = None
        if self.fault in ("absent", "short"):
            return self.fault == "short"
        self._bits: list[int] = []
        self._protocol = self._talk()
        self._next = next(self._protocol, 1)
        return True

    def wire_write(self, bit: int) -> None:
        if self._protocol is not None and self._next is None:
            self._bits.append(bit)
            self._advance()

    def wire_read(self) -> int:
        if self.fault == "short":
            return 0
        if self._protocol is None or self._next is None:
            return 1
        bit = self._next
        self._advance()
        return bit

    def _advance(self) -> None:
        assert self._protocol is not None
        self._next = next(self._protocol, 1)

    def _talk(self) -> Generator[int | None, None, None]:
        """ROM command, then function command."""
        command = yield from self._receive()
        if command == 0xF0:
            if not (yield from self._search()):
                yield from self._silence()
        elif command == 0x55:
            for byte in self.rom:
                if (yield from self._receive()) != byte:
                    yield from self._silence()
        elif command == 0x33:
            yield from self._transmit(self.rom)
        elif command != 0xCC:
            yield from self._silence()
        yield from self._function((yield from self._receive()))

    def _function(self, command: int) -> Generator[int | None, None, None]:
        if command == 0x44:
            self._convert()
            while True:
                yield int(self.kernel.now >= self._busy_until)
        elif command == 0xBE:
            yield from self._transmit(self._scratchpad())
        elif command == 0x4E:
            self._th = yield from self._receive()
            self._tl = yield from self._receive()
            self._config = ((yield from self._receive()) & 0x60) | 0x1F

    def _search(self) -> Generator[int | None, None, bool]:
        for i in range(64):
            bit = self.rom[i >> 3] >> (i & 7) & 1
            yield bit
            yield 1 - bit
            yield None
            if self._bits.pop() != bit:
                return False
        return True

    def _silence(self) -> Generator[int | None, None, None]:
        while True:
            yield 1

    def _receive(self) -> Generator[int | None, None, int]:
        self._bits.clear()
        for _ in range(8):
            yield None
        return sum(bit << i for i, bit in enumerate(self._bits))

    def _transmit(self, data: bytes) -> Generator[int | None, None, None]:
        for byte in data:
            for i in range(8):
                yield byte >> i & 1

    # -- the thermometer ---------------------------------------------------------------------------------------

    def _convert(self) -> None:
        if self.fault == "brownout":
            self._raw = _POWER_ON
            return
        drop = 3 - (self._config >> 5 & 3)
        us = _CONVERT_US >> drop
        self._busy_until = self.kernel.now + us
        self.ctx.meter.add("converting", (self.CURRENT_UA["converting"] - self.CURRENT_UA["idle"]) * us / 1e6)
        self.kernel.at(self._busy_until, self._done, drop)

    def _done(self, drop: int) -> None:
        if not self.powered or (self.fault == "stuck" and self._converted):
            return
        celsius = min(max(self.read("temp_c") + self.rng.gauss(0.0, _NOISE_C), -55.0), 125.0)
        self._raw = round(celsius * 16) >> drop << drop
        self._converted = True

    def _scratchpad(self) -> bytes:
        reserved = 0x0C if not self._converted else 0x10 - (self._raw & 0x0F)
        pad = pack("<hBBBBBB", self._raw, self._th, self._tl, self._config, 0xFF, reserved & 0xFF, 0x10)
        return pad + bytes((crc8(pad) ^ (0x04 if self.fault == "crc" else 0),))


PART = Ds18b20
