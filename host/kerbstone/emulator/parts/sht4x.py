"""Virtual SHT4x: commands, measuring time, CRC; refuses reads while it measures and when it has nothing to say."""

from __future__ import annotations

from struct import pack
from typing import ClassVar

from kerbstone.emulator.parts.base import I2CPart, Nack, PartContext

# Command -> (duration in us, repeatability of T in C and RH in %, 3 sigma). SHT4x data sheet v7.1, tables 1, 2 and 5.
# Maximum times, so that a driver which waits too little is caught.
_MEASURE = {0xFD: (8_300, 0.04, 0.08), 0xF6: (4_500, 0.07, 0.15), 0xE0: (1_700, 0.10, 0.25)}
_SERIAL = 0x89
_SOFT_RESET = 0x94
_RESET_US = 1_000


def crc8(data: bytes) -> int:
    """Sensirion CRC-8, polynomial 0x31, initial value 0xFF."""
    crc = 0xFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc << 1 ^ 0x31) & 0xFF if crc & 0x80 else crc << 1
    return crc


def words(*values: int) -> bytes:
    """Each 16-bit value big endian with its CRC."""
    return b"".join(w + bytes((crc8(w),)) for w in (pack(">H", v) for v in values))


class Sht4x(I2CPart):
    """`fault`: "nack" (no answer), "crc" (one bit of each answer is wrong)."""

    address = 0x44
    WHOLE_ANSWER = True
    CURRENT_UA: ClassVar[dict[str, float]] = {
        "off": 0.0,
        "idle": 0.08,  # SHT40 page
        "measuring": 320.0,  # typical; data sheet maximum 500
    }

    def __init__(self, ctx: PartContext):
        super().__init__(ctx)
        self.fault = str(ctx.options.get("fault", ""))
        self.serial = ctx.rng.getrandbits(32)
        self.power_on()

    def power_on(self) -> None:
        self._answer = b""
        self._free_at = self.kernel.now + _RESET_US
        self.state("idle")

    def i2c_write(self, data: bytes) -> None:
        if self.fault == "nack" or self.kernel.now < self._free_at:
            raise Nack
        self._answer = b""
        if not data:
            return
        if data[0] in _MEASURE:
            self._measure(*_MEASURE[data[0]])
        elif data[0] == _SERIAL:
            self._answer = words(self.serial >> 16, self.serial & 0xFFFF)
        elif data[0] == _SOFT_RESET:
            self.power_on()
        else:
            raise Nack

    def i2c_read(self, count: int) -> bytes:
        if self.fault == "nack" or self.kernel.now < self._free_at or not self._answer:
            raise Nack
        answer, self._answer = self._answer, b""
        if self.fault == "crc":
            answer = bytes((answer[0] ^ 0x04,)) + answer[1:]
        return answer[:count].ljust(count, b"\xff")

    def _measure(self, us: int, repeat_c: float, repeat_pct: float) -> None:
        self._free_at = self.kernel.now + us
        self.ctx.meter.add("measuring", (self.CURRENT_UA["measuring"] - self.CURRENT_UA["idle"]) * us / 1e6)
        t = self.read("temp_c") + self.rng.gauss(0.0, repeat_c / 3)
        rh = self.read("rh_pct") + self.rng.gauss(0.0, repeat_pct / 3)
        ticks = ((t + 45) / 175 * 65535, (rh + 6) / 125 * 65535)
        self._answer = words(*(min(max(round(x), 0), 65535) for x in ticks))


PART = Sht4x
