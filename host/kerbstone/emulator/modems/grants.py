"""The bits in which a modem asks for power saving timers and a network grants them (3GPP TS 24.008, 10.5.7.3, 10.5.7.4a, 10.5.5.32)."""

from __future__ import annotations

import re

OFF = "11100000"
_T3412_S = (600, 3600, 36_000, 2, 30, 60, 1_152_000)  # by the three unit bits
_T3324_S = {0: 2, 1: 60, 2: 360}  # other units count as minutes, 111 is off
EDRX_US = {  # NB-S1 mode
    "0010": 20_480_000, "0011": 40_960_000, "0101": 81_920_000, "1001": 163_840_000, "1010": 327_680_000, "1011": 655_360_000,
    "1100": 1_310_720_000, "1101": 2_621_440_000, "1110": 5_242_880_000, "1111": 10_485_760_000,
}  # fmt: skip


def valid(bits: str) -> bool:
    """Eight binary digits, as every modem wants them."""
    return bool(re.fullmatch("[01]{8}", bits))


def t3412_s(bits: str) -> int | None:
    """Seconds of a periodic update timer, None: off."""
    number = int(bits, 2)
    return None if number >> 5 == 7 else _T3412_S[number >> 5] * (number & 31)


def t3324_s(bits: str) -> int | None:
    """Seconds of an active time, None: off, so no power saving mode."""
    number = int(bits, 2)
    return None if number >> 5 == 7 else _T3324_S.get(number >> 5, 60) * (number & 31)


def t3412_bits(seconds: int | None) -> str:
    """The timer a network writes: the finest unit that reaches the time, rounded up."""
    return _bits(seconds, sorted((unit, code) for code, unit in enumerate(_T3412_S)))


def t3324_bits(seconds: int | None) -> str:
    """As `t3412_bits`, for an active time."""
    return _bits(seconds, sorted((unit, code) for code, unit in _T3324_S.items()))


def _bits(seconds: int | None, units: list[tuple[int, int]]) -> str:
    for unit, code in units if seconds is not None else []:
        count = -(-(seconds or 0) // unit)
        if count <= 31:
            return f"{code << 5 | count:08b}"
    return OFF
