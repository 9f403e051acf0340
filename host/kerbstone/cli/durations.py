"""Durations as people write them: 90s, 30m, 24h, 7d."""

from __future__ import annotations

import re

from kerbstone.errors import KerbstoneError

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_LONGEST_S = 400 * 86_400


def duration_us(text: str) -> int:
    """Microseconds of "24h". Raises KerbstoneError when it is not a duration or longer than 400 days."""
    match = re.fullmatch(r"(\d{1,7})([smhd])", text.strip())
    seconds = int(match.group(1)) * _UNITS[match.group(2)] if match else 0
    if not 0 < seconds <= _LONGEST_S:
        raise KerbstoneError(f"{text!r} is not a duration of up to 400 days: write 90s, 30m, 24h or 7d.")
    return seconds * 1_000_000
