"""One channel: a named quantity, state or set of flags, and the code that carries it in a message."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Literal

from kerbstone.errors import CodecError

Number = int | float | Decimal | Fraction
Value = Number | str | list[str] | None
Given = Number | str | Iterable[str] | None
"""What an encoder takes: a number, a state by name or code, flags by names or bits, or None for missing."""


@dataclass(frozen=True)
class Channel:
    """A number means (min_n + code * step_n) / den; a state is the name at `code`; a flag set has its first name in bit 0.

    `top` is the largest code with a meaning, `missing` the all-ones code or None where a value must always be given.
    """

    name: str
    title: str
    unit: str
    kind: Literal["number", "enum", "flags"]
    bits: int
    top: int
    missing: int | None
    min_n: int = 0
    step_n: int = 1
    den: int = 1
    names: tuple[str, ...] = ()
    source: str = ""

    def number(self, code: int) -> int | float:
        """The value of a code, computed as every generated decoder computes it, so that all print the same digits."""
        n = self.min_n + code * self.step_n
        return n if self.den == 1 else n / self.den

    def decode(self, code: int) -> tuple[int | float | str | list[str] | None, str | None]:
        """Value of a code and a warning, if any; a code without a meaning is a value this catalogue does not know yet."""
        if code == self.missing:
            return None, None
        if self.kind == "flags":
            known = [name for bit, name in enumerate(self.names) if code >> bit & 1]
            return known, f"{self.name}: code {code} sets reserved flags, which were ignored" if code > self.top else None
        if code > self.top:
            return None, f"{self.name}: code {code} is reserved and was read as missing"
        return (self.names[code] if self.kind == "enum" else self.number(code)), None

    def encode(self, value: Given) -> int:
        """The code of a value. Raises CodecError if the channel cannot carry it."""
        if value is None or (isinstance(value, float | Decimal) and math.isnan(value)):
            if self.missing is None:
                raise CodecError(f"{self.name} has no code for missing: give {self.choices()}")
            return self.missing
        if self.kind == "number":
            return self._encode_number(value)
        return self._encode_enum(value) if self.kind == "enum" else self._encode_flags(value)

    def _encode_number(self, value: Given) -> int:
        if isinstance(value, bool) or not isinstance(value, int | float | Decimal | Fraction):
            raise CodecError(f"{self.name} is {value!r}, not a number: give {self.choices()}")
        if math.isfinite(value):
            steps = (Fraction(value) * self.den - self.min_n) / self.step_n
            code = math.floor(steps + Fraction(1, 2))
            if 0 <= code <= self.top:
                return code
        raise CodecError(f"{self.name} is {value}, out of its range: give {self.choices()}")

    def _encode_enum(self, value: Given) -> int:
        if isinstance(value, str) and value in self.names:
            return self.names.index(value)
        if isinstance(value, int) and 0 <= value <= self.top:
            return value
        raise CodecError(f"{self.name} is {value!r}, not one of its states: give {self.choices()}")

    def _encode_flags(self, value: Given) -> int:
        if isinstance(value, int) and 0 <= value <= self.top:
            return value
        if isinstance(value, str | Number) or not isinstance(value, Iterable):
            raise CodecError(f"{self.name} is {value!r}, not a list of flags: give {self.choices()}")
        code = 0
        for name in value:
            if name not in self.names:
                raise CodecError(f"{self.name} has no flag {name!r}: give {self.choices()}")
            code |= 1 << self.names.index(name)
        return code

    def choices(self) -> str:
        """What may be given, in words."""
        if self.kind == "number":
            return f"{self.number(0)} to {self.number(self.top)} {self.unit}"
        return ("any of " if self.kind == "flags" else "one of ") + ", ".join(self.names)

    def compiled(self) -> list[object]:
        """The row the firmware needs: name, kind, bits, top, missing (-1 for none), then min_n, step_n, den or the names."""
        row: list[object] = [self.name, self.kind, self.bits, self.top, -1 if self.missing is None else self.missing]
        return [*row, self.min_n, self.step_n, self.den] if self.kind == "number" else [*row, list(self.names)]
