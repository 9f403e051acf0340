"""Arithmetic of the air quality indices: dated tables in, whole numbers out. The tables lie one region a file (aqi_us_2024 and so
on), so that a node loads only its own.

A table has the names NAME, DATE, and POLLUTANTS = {pollutant: row}; the functions below say what a row holds. Concentrations are
held as integers of a small unit before anything is compared: 35.4, 225.4 and 0.055 are not numbers of a 32-bit float, and a float
that is cut at the wrong side of such a limit gives the wrong index.
A concentration that is None or not a number has no index (None). One below zero, which an instrument's noise makes of clean air,
counts as zero.
"""

from micropython import const

_MILLI = const(1000)  # tables that do not cut the concentration hold it in thousandths
_NEAR = 2.5e-7  # relative: two roundings to 24 bits


def units(value, per):
    """The whole units of 1/per in `value`, cut and not rounded; a float within its own rounding of a whole unit counts as that."""
    if isinstance(value, int):
        return value * per
    scaled = value * per
    nearest = int(scaled + 0.5) if scaled >= 0 else -int(0.5 - scaled)
    if abs(scaled - nearest) <= abs(scaled) * _NEAR:
        return nearest
    return int(scaled)


def _known(value):
    return value is not None and value == value


def truncated(row, value):
    """US rule: cut to the unit of the table, then linear between the ends of its range, then rounded half up.

    row: (units per 1 of `value`, the lowest concentration that has an index, that index, uppers, indices, open): `uppers` = largest
    concentration of each range in units, the next range begins one unit and one index above; `indices` = the index at each of
    them. `open`: above the last range its line goes on (40 CFR 58 appendix G, 12.i); otherwise none is defined there (None).
    """
    per, c_low, i_low, uppers, indices, unlimited = row
    if not _known(value):
        return None
    c = max(units(value, per), 0)
    if c < c_low or (c > uppers[-1] and not unlimited):
        return None
    i = 0
    while i < len(uppers) - 1 and c > uppers[i]:
        c_low, i_low = uppers[i] + 1, indices[i] + 1
        i += 1
    span = uppers[i] - c_low
    return i_low + (2 * (indices[i] - i_low) * (c - c_low) + span) // (2 * span)


def banded(row, value):
    """European rule: the band 1, 2, ... whose upper bound, itself included, is not exceeded; one more than there are bounds above."""
    if not _known(value):
        return None
    c = units(value, _MILLI)
    band = 1
    for upper in row:
        if c <= upper * _MILLI:
            break
        band += 1
    return band


def _line(row, value, up):
    points, indices, above = row
    if not _known(value):
        return None
    c = max(value, 0)
    # Nearest, not cut: these rules compare the concentration as it is.
    c = c * _MILLI if isinstance(c, int) else int(c * _MILLI + 0.5)
    i = 1
    while i < len(points) and c > points[i]:
        i += 1
    if i == len(points):
        return above
    span = points[i] - points[i - 1]
    scaled = (indices[i] - indices[i - 1]) * (c - points[i - 1])
    return indices[i - 1] + (scaled + span - 1 if up else scaled + span // 2) // span


def rounded(row, value):
    """Indian rule: linear between the points (thousandths), rounded half up. row: (points, indices, index above the last point)."""
    return _line(row, value, False)


def ceiling(row, value):
    """Chinese rule: as rounded(), but any fraction counts as one. An index of None above the last point: none is defined there."""
    return _line(row, value, True)
