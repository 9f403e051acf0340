"""When an answer counts as the expected one."""

from __future__ import annotations

import math
from typing import Any

# What a decimal figure such as 24.8 loses as a float, with room for one last place: it is no error of the arithmetic.
SLACK = {64: 2.0**-48, 32: 2.0**-22}

# What the maker's code gives in whole numbers, beside the floating-point figures of the same case: an answer has one or the other.
VARIANTS = ("int", "int32", "int64")


def differences(expected: Any, got: Any, tolerance: Any = 0, bits: int = 64, place: str = "") -> list[str]:
    """A sentence for each place where `got` is not `expected`; empty when it passes.

    `tolerance` is a number (absolute), {"rel": x}, or a dict by key of `expected` ("gas_rel": relative, for the key that begins
    with "gas"). Keys of `got` that nobody expects are ignored, and so are VARIANTS that `got` has not. Strings, booleans and None must
    be equal; a boolean is no number.
    """
    if isinstance(expected, dict):
        if not isinstance(got, dict):
            return [f"{place or 'answer'}: expected an object, got {got!r}"]
        keys = [key for key in expected if key in got or key not in VARIANTS]
        return [words for key in keys for words in _of_key(key, expected[key], got, tolerance, bits, place)]
    if isinstance(expected, list):
        if not isinstance(got, list) or len(got) != len(expected):
            return [f"{place or 'answer'}: expected {expected!r}, got {got!r}"]
        pairs = zip(expected, got, strict=True)
        return [words for i, (a, b) in enumerate(pairs) for words in differences(a, b, tolerance, bits, f"{place}[{i}]")]
    if _number(expected) and _number(got):
        allowed = tolerance["rel"] * abs(expected) if isinstance(tolerance, dict) and "rel" in tolerance else tolerance
        allowed = allowed if _number(allowed) else 0
        slack = 0.0 if isinstance(expected, int) and isinstance(got, int) else SLACK[bits] * abs(expected)
        if abs(got - expected) <= allowed + slack:
            return []
        return [f"{place + ': ' if place else ''}expected {expected!r} +- {allowed:g}, got {got!r}"]
    if type(expected) is type(got) and expected == got:
        return []
    return [f"{place + ': ' if place else ''}expected {expected!r}, got {got!r}"]


def _of_key(key: str, value: Any, got: dict[str, Any], tolerance: Any, bits: int, place: str) -> list[str]:
    """The differences of one key. "x_at_most" expects a number `x` in `got` that is no larger."""
    name = f"{place}.{key}" if place else key
    if key in got:
        return differences(value, got[key], _for_key(tolerance, key), bits, name)
    bound = got.get(key.removesuffix("_at_most")) if key.endswith("_at_most") else None
    if _number(bound) and bound <= value:
        return []
    return [f"{name}: expected {value!r}, got {'nothing' if bound is None else repr(bound)}"]


def _for_key(tolerance: Any, key: str) -> Any:
    """The tolerance of one key."""
    if not isinstance(tolerance, dict) or "rel" in tolerance:
        return tolerance
    if key in tolerance:
        return tolerance[key]
    for name, value in tolerance.items():
        if name.endswith("_rel") and key.startswith(name.removesuffix("_rel")):
            return {"rel": value}
    return 0


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
