"""Values of fault parameters: from text or TOML, and back to text."""

from __future__ import annotations

import re
from collections.abc import Callable

from kerbstone.emulator.faults.model import Param, Value
from kerbstone.errors import FaultError

_UNITS_US = {"us": 1, "ms": 1000, "s": 1_000_000, "m": 60_000_000, "h": 3_600_000_000, "d": 86_400_000_000}


def take(param: Param, given: object) -> Value:
    """The value of a parameter. Raises FaultError when it is not of its kind or out of range."""
    try:
        value = _READERS[param.kind](given)
    except (TypeError, ValueError):
        raise FaultError(f"{param.name}={given} should be {_KINDS[param.kind]}") from None
    if param.words and value not in param.words:
        raise FaultError(f"{param.name}={given} should be one of {', '.join(param.words)}")
    if isinstance(value, int | float) and not isinstance(value, bool) and not param.low <= value <= param.high:
        raise FaultError(f"{param.name}={given} should be {_shown(param, param.low)} to {_shown(param, param.high)}")
    return value


def duration(us: int) -> str:
    """The shortest text of a duration: 90s, 3h."""
    unit, size = max(((u, s) for u, s in _UNITS_US.items() if us % s == 0), key=lambda pair: pair[1]) if us else ("s", 1)
    return f"{us // size}{unit}"


def text(param: Param, value: Value) -> str:
    """How a value stands on the command line."""
    if param.kind == "duration":
        return duration(int(value))
    return str(value).lower() if isinstance(value, bool) else f"{value:g}" if isinstance(value, float) else str(value)


def _shown(param: Param, limit: float) -> str:
    return duration(int(limit)) if param.kind == "duration" else f"{limit:g}"


def _duration(given: object) -> int:
    match = re.fullmatch(r"(\d{1,9})(us|ms|[smhd])", given) if isinstance(given, str) else None
    if not match:
        raise ValueError
    return int(match[1]) * _UNITS_US[match[2]]


def _whole(given: object) -> int:
    if isinstance(given, bool) or not isinstance(given, int | str):
        raise ValueError
    return int(given)


def _number(given: object) -> float:
    if isinstance(given, bool):
        raise ValueError
    value = float(str(given))
    if value != value:
        raise ValueError
    return value


def _bool(given: object) -> bool:
    if str(given).lower() not in ("true", "false"):
        raise ValueError
    return str(given).lower() == "true"


def _word(given: object) -> str:
    if not isinstance(given, str) or not re.fullmatch(r"[A-Za-z0-9_.-]{1,40}", given):
        raise ValueError
    return given


_READERS: dict[str, Callable[[object], Value]] = {"int": _whole, "float": _number, "bool": _bool, "duration": _duration, "word": _word}
_KINDS = {
    "int": "a whole number", "float": "a number", "bool": "true or false", "duration": "a time like 500ms, 90s, 30m or 3h",
    "word": "a name",
}  # fmt: skip
