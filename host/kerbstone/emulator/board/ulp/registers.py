"""What a coprocessor program and the firmware reach of the ESP32-S3's RTC registers: the ULP's timer, and the pads.

ESP32-S3 Technical Reference Manual, RTC_CNTL and RTC_IO; ESP-IDF components/soc/esp32s3 (rtc_cntl_reg.h, rtc_io_reg.h). Other registers
keep what is written to them and do nothing.
"""

from __future__ import annotations

from collections.abc import Callable

BASE = 0x60008000
ULP_TIMER, ULP_PERIOD = 0x0FC // 4, 0x134 // 4  # RTC_CNTL_ULP_CP_TIMER_REG, RTC_CNTL_ULP_CP_TIMER_1_REG
_OUT, _OUT_SET, _OUT_CLEAR, _ENABLE, _ENABLE_SET, _ENABLE_CLEAR = range(0x400 // 4, 0x418 // 4)
_IN, _PAD = 0x424 // 4, 0x484 // 4
TIMER_ON = 1 << 31
_FIRST_PIN = 10  # bit of GPIO0 in the registers of all pads
_PINS = 22
_MUX_SEL, _FUN_IE = 1 << 19, 1 << 13


class Registers:
    """By word number from BASE. `moved(pin, level)`: a program drives a pad low (0) or lets it go (1); `level(pin)`: what it reads."""

    def __init__(self, moved: Callable[[int, int], None], level: Callable[[int], int], woken: Callable[[], None]):
        self.words: dict[int, int] = {}
        self.wake = woken
        self._inputs: list[int] = []  # pads that can be read
        self._moved, self._level = moved, level

    def read(self, register: int) -> int:
        if register == _IN:
            return sum(self._level(pin) << _FIRST_PIN + pin for pin in self._inputs)
        return self.words.get(register, 0)

    def write(self, register: int, high: int, low: int, data: int) -> None:
        """Bits high..low of a register; bits of `data` beyond them are lost."""
        mask = (1 << high - low + 1) - 1 << low
        bits = data << low & mask
        if register in (_OUT_SET, _ENABLE_SET):
            self.set(register - 1, self.words.get(register - 1, 0) | bits)
        elif register in (_OUT_CLEAR, _ENABLE_CLEAR):
            self.set(register - 2, self.words.get(register - 2, 0) & ~bits)
        else:
            self.set(register, self.words.get(register, 0) & ~mask | bits)

    def set(self, register: int, value: int) -> None:
        """The whole word."""
        before, self.words[register] = self.words.get(register, 0), value
        pads = register - _PAD
        if register in (_OUT, _ENABLE):
            moved = (before ^ value) >> _FIRST_PIN
            while moved:
                self._drive((moved & -moved).bit_length() - 1)
                moved &= moved - 1
        elif 0 <= pads < _PINS and before != value:
            self._inputs = [pin for pin in range(_PINS) if self._owns(pin, _MUX_SEL | _FUN_IE)]
            self._drive(pads)

    def _drive(self, pin: int) -> None:
        low = self._owns(pin, _MUX_SEL) and self.words.get(_ENABLE, 0) & ~self.words.get(_OUT, 0) & 1 << _FIRST_PIN + pin
        self._moved(pin, 0 if low else 1)

    def taken(self, pin: int) -> bool:
        """The pad is the RTC domain's, and no peripheral of the CPU reaches it."""
        return self._owns(pin, _MUX_SEL)

    def _owns(self, pin: int, bits: int) -> bool:
        return self.words.get(_PAD + pin, 0) & bits == bits
