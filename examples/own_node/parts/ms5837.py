"""Virtual MS5837-30BA: commands, conversion time, PROM with its check digit. Feels water_hpa and water_temp_c of the site."""

from __future__ import annotations

from struct import pack
from typing import ClassVar

from kerbstone.emulator.parts.base import I2CPart, Nack, PartContext

# C1..C6 of the example in the data sheet.
_EXAMPLE = (34982, 36352, 20328, 22354, 26646, 26146)
_POLYNOMIAL = 0b10011  # x^4 + x + 1
_ZEROS = 12  # bits appended to the message: the sixteen of the absent eighth word less the four of the digit
_MAX_US = (560, 1_100, 2_170, 4_320, 8_610, 17_200)  # typical times by OSR 256..8192, rounded up: too short a wait is caught
_PRESSURE, _TEMPERATURE = 0x40, 0x50
_RESET_US = 3_000


def check_digit(words: tuple[int, ...]) -> int:
    """Remainder of the words (without the digit itself) by the polynomial, as long division."""
    rest = int.from_bytes(pack(f">{len(words)}H", words[0] & 0x0FFF, *words[1:]), "big") << _ZEROS
    while rest.bit_length() > 4:
        rest ^= _POLYNOMIAL << (rest.bit_length() - 5)
    return rest


def hpa_and_celsius(d1: float, d2: float) -> tuple[float, float]:
    """What the data sheet makes of raw samples, in floating point, second order included."""
    c1, c2, c3, c4, c5, c6 = _EXAMPLE
    dt = d2 - c5 * 2**8
    temp = 2000 + dt * c6 / 2**23
    offset, gain = c2 * 2**16 + c4 * dt / 2**7, c1 * 2**15 + c3 * dt / 2**8
    if temp < 2000:
        correction = (3 * dt**2 / 2**33, 3 * (temp - 2000) ** 2 / 2, 5 * (temp - 2000) ** 2 / 2**3)
    else:
        correction = (2 * dt**2 / 2**37, (temp - 2000) ** 2 / 2**4, 0.0)
    return (d1 * (gain - correction[2]) / 2**21 - offset + correction[1]) / 2**13 / 10, (temp - correction[0]) / 100


class Ms5837(I2CPart):
    """`fault`: "nack" (no answer), "prom" (a calibration word has a flipped bit)."""

    address = 0x76
    WHOLE_ANSWER = True
    CURRENT_UA: ClassVar[dict[str, float]] = {
        "off": 0.0,
        "idle": 0.1,  # data sheet, standby, maximum
        "converting": 1250.0,  # data sheet, peak; not confirmed as an average
    }

    def __init__(self, ctx: PartContext):
        super().__init__(ctx)
        self.fault = ""
        digit = check_digit((0, *_EXAMPLE))
        self._prom = (digit << 12, *_EXAMPLE)
        self.power_on()

    def power_on(self) -> None:
        self._answer = b""
        self._adc = 0
        self._free_at = self.kernel.now
        self.state("idle")

    def i2c_write(self, data: bytes) -> None:
        if self.fault == "nack" or self.kernel.now < self._free_at:
            raise Nack
        if not data:
            return
        code = data[0]
        if code == 0x1E:
            self.power_on()
            self._free_at = self.kernel.now + _RESET_US
        elif code == 0x00:
            self._answer, self._adc = self._adc.to_bytes(3, "big"), 0
        elif 0xA0 <= code <= 0xAC and not code & 1:
            word = self._prom[(code - 0xA0) // 2]
            self._answer = pack(">H", word ^ 0x0100 if self.fault == "prom" and code == 0xA4 else word)
        elif code & 0xF0 in (_PRESSURE, _TEMPERATURE) and not code & 1 and code & 0x0F <= 0x0A:
            self._convert(code)
        else:
            raise Nack

    def i2c_read(self, count: int) -> bytes:
        if self.fault == "nack" or self.kernel.now < self._free_at:
            raise Nack
        answer, self._answer = self._answer, b""
        return answer[:count].ljust(count, b"\x00")

    def _convert(self, code: int) -> None:
        us = _MAX_US[(code & 0x0F) // 2]
        self._free_at = self.kernel.now + us
        self.ctx.meter.add("converting", self.CURRENT_UA["converting"] * us / 1e6)
        hpa, celsius = self.read("water_hpa"), self.read("water_temp_c")
        d2 = _solve(lambda d: hpa_and_celsius(0, d)[1], celsius)
        self._adc = d2 if code & 0xF0 == _TEMPERATURE else _solve(lambda d: hpa_and_celsius(d, d2)[0], hpa)


def _solve(rising, wanted: float) -> int:  # type: ignore[no-untyped-def]
    """The 24-bit sample at which a rising function reaches the wanted value."""
    low, high = 1, (1 << 24) - 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if rising(middle) < wanted else (low, middle)
    return high


PART = Ms5837
