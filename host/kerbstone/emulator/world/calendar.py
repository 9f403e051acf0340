"""Local time at a site, and day profiles given hour by hour."""

from __future__ import annotations

from collections.abc import Sequence

HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US
_THURSDAY = 3  # 1970-01-01


class LocalClock:
    """Turns virtual time into local standard time (no daylight saving, as in the weather table)."""

    def __init__(self, start_utc: int, utc_offset_h: float):
        self.offset_us = start_utc * 1_000_000 + round(utc_offset_h * HOUR_US)

    def us(self, t_us: int) -> int:
        """Local microseconds since 1970."""
        return t_us + self.offset_us

    def hour(self, t_us: int) -> float:
        """Hour of the local day, 0 <= hour < 24."""
        return (t_us + self.offset_us) % DAY_US / HOUR_US

    def weekday(self, t_us: int) -> int:
        """0 = Monday."""
        return ((t_us + self.offset_us) // DAY_US + _THURSDAY) % 7

    def next_day(self, t_us: int) -> int:
        """Virtual time of the next local midnight after t_us."""
        return t_us + DAY_US - (t_us + self.offset_us) % DAY_US


def profile_at(profile: Sequence[float], hour: float) -> float:
    """The value of a 24-entry day profile, entry i standing for i:30 local time, straight lines between."""
    position = (hour - 0.5) % 24
    index = int(position)
    left, right = profile[index], profile[(index + 1) % 24]
    return left + (right - left) * (position - index)
