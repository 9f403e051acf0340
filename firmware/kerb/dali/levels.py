"""The dimming curve of IEC 62386-102: 254 levels, logarithmic, 0.1 % to 100 % of the light."""

from micropython import const

OFF = const(0)
MAX = const(254)
MASK = const(255)  # as POWER ON or SYSTEM FAILURE LEVEL: keep what was

_STEPS_A_DECADE = 253 / 3


def percent(level):
    """Light at `level`, 1..254, in % of the highest; 0 for 0. Raises ValueError beyond."""
    if not 0 <= level <= MAX:
        raise ValueError("a DALI level is 0..254")
    return 10 ** ((level - 1) / _STEPS_A_DECADE - 1) if level else 0.0


def nearest(wanted):
    """The level whose light is nearest to `wanted` percent: 0 for nothing, at least 1 for anything."""
    if wanted <= 0:
        return OFF
    low, high = 1, MAX
    while low < high:
        middle = (low + high) // 2
        if percent(middle) < wanted:
            low = middle + 1
        else:
            high = middle
    if low > 1 and wanted - percent(low - 1) < percent(low) - wanted:
        low -= 1
    return low
