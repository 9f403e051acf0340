"""NowCast of particles: the mean of the last 12 hours, weighted towards now the more the air changes.

EPA (NEPIS P100X0J6; AirNow, "How is the NowCast calculated?"): weight factor w = 1 - (max - min) / max of the hours that exist, not
below 1/2; NowCast = sum(w^i c_i) / sum(w^i), i = hours ago; two of the latest three hours must exist; the result is cut to 0.1 ug/m3.
Hours go in as measured, not cut. Missing hours are left out of both sums, so those that exist keep their own weight.
"""

from micropython import const

HOURS = const(12)
_MILLI = const(1000)  # of an ug/m3: the hours are held as whole numbers, and everything after that is exact
_OF_LATEST = const(3)
_NEEDED = const(2)


def nowcast(hourly):
    """Tenths of ug/m3, from a sequence of at most 12 hourly means in ug/m3, latest first, None = missing; None = too few.

    Below zero an hour counts as it is; when no hour is above zero the weights are equal. The integers grow to some 250 bits.
    """
    hours = [None if c is None or c != c else int(c * _MILLI + (0.5 if c >= 0 else -0.5)) for c in hourly[:HOURS]]
    if sum([c is not None for c in hours[:_OF_LATEST]]) < _NEEDED:
        return None
    known = [c for c in hours if c is not None]
    low, high = min(known), max(known)
    # w = a / b
    if high <= 0:
        a = b = 1
    elif 2 * low <= high:
        a, b = 1, 2
    else:
        a, b = low, high
    top = bottom = 0
    weight, rest = 1, b ** (len(hours) - 1)
    for i, c in enumerate(hours):
        if c is not None:
            top += weight * rest * c
            bottom += weight * rest
        weight *= a
        if i < len(hours) - 1:
            rest //= b
    tenths = abs(top) * 10 // (bottom * _MILLI)
    return tenths if top >= 0 else -tenths
