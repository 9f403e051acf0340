"""How long the battery lasts, from what the node itself has measured of it.

One point a health report: hours since 1970 and millivolts. Sixteen are kept; when there are more, every second goes, so they span any
time. A voltage is a share of the charge by the cell's curve; a straight line through the shares says when nothing is left, or, where
the line is no surer than the noise (a young battery, a cell whose voltage stays flat), that nobody can tell.
"""

from math import sqrt
from struct import pack, unpack

from kerb import log

NAME = "bat"
_POINT = "<IH"
_SIZE = 6
_KEPT = 16
_FEWEST = 4
_SHORTEST_H = 72
_SURE = 4  # the slope must be so many times its standard error
_DROP = 0.03  # of the charge; less is what temperature and the converter make of it
_NEW = 0.2  # a share that rises by so much from one report to the next is another battery
_LONGEST = 4094  # days


def share(curve_mv, millivolt):
    """The share of the charge left at a voltage, 1 to 0. `curve_mv`: voltages from full to empty, in even steps of charge."""
    last = len(curve_mv) - 1
    for i in range(last):
        high, low = curve_mv[i], curve_mv[i + 1]
        if millivolt >= low:
            return 1 - (i + min(max((high - millivolt) / (high - low), 0.0), 1.0)) / last
    return 0.0


def days(points, curve_mv):
    """Days from the last point until the battery is empty; None where the points do not tell. `points`: [(hour, millivolt), ...]."""
    n = len(points)
    if n < _FEWEST or points[-1][0] - points[0][0] < _SHORTEST_H:
        return None
    xs = [(hour - points[-1][0]) / 24 for hour, _ in points]
    ys = [share(curve_mv, millivolt) for _, millivolt in points]
    x_mean, y_mean = sum(xs) / n, sum(ys) / n
    square = sum([(x - x_mean) * (x - x_mean) for x in xs])
    slope = sum([(x - x_mean) * (y - y_mean) for x, y in zip(xs, ys)]) / square
    left = y_mean - slope * x_mean
    spread = sum([(y - left - slope * x) * (y - left - slope * x) for x, y in zip(xs, ys)])
    error = sqrt(spread / (n - 2) / square)
    if slope * xs[0] < _DROP or -slope < _SURE * error:
        return None
    return min(int(max(left, 0.0) / -slope), _LONGEST)


def look(store, curve_mv, hour, millivolt):
    """Adds a point to those on flash. The days left, or None."""
    raw = store.get(NAME) or b""
    points = [unpack(_POINT, raw[at : at + _SIZE]) for at in range(0, len(raw) - _SIZE + 1, _SIZE)]
    if points and (hour < points[-1][0] or share(curve_mv, millivolt) > share(curve_mv, points[-1][1]) + _NEW):
        points = []
    points.append((hour, millivolt))
    if len(points) > _KEPT:
        points = points[::2]
    try:
        store.put(NAME, b"".join([pack(_POINT, *point) for point in points]))
    except OSError as error:
        log.trouble("flash", error)
    return days(points, curve_mv)
