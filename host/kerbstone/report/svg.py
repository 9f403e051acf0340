"""Small SVG drawings over a time axis, as strings.

A drawing is 1000 units wide and 100 high and is stretched to whatever room the page has; strokes keep their width
(`vector-effect` in the style sheet) and text stands outside the drawing, so a phone shows it as crisply as a wall display.
Colours are classes of the style sheet.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape

WIDTH = 1000.0
HEIGHT = 100.0
CROWD = 300  # dots above which they get smaller
_COLUMNS = 700  # most columns of a line; more cannot be told apart on a screen
_FLAT = 1e-9  # values that differ by less, relative to their size, are one value to an eye
_SLICES = 168  # bars of `counts`: an hour each on a page of a week
_SECOND_US = 1_000_000
_DAY_S = 86_400

Series = Sequence[Sequence[float]]

# s between labels: (step, format). Weeks start on Monday 1970-01-05.
_STEPS = (60, 300, 900, 1800, 3600, 3 * 3600, 6 * 3600, 12 * 3600, _DAY_S, 2 * _DAY_S, 7 * _DAY_S, 28 * _DAY_S, 91 * _DAY_S)
_MONDAY_S = 4 * _DAY_S


@dataclass(frozen=True)
class Span:
    """The time a page shows: virtual microseconds 0..duration_us, which began at start_utc (s since 1970)."""

    start_utc: int
    duration_us: int

    def x(self, t_us: float) -> float:
        """Horizontal place of an instant, held inside the drawing."""
        return max(0.0, min(WIDTH, WIDTH * t_us / max(1, self.duration_us)))

    def ticks(self, most: int = 8) -> list[tuple[float, str]]:
        """(x, label) at round times of UTC, at most `most`."""
        seconds = self.duration_us / _SECOND_US
        step = next((step for step in _STEPS if seconds / step <= most), _STEPS[-1])
        first = math.ceil((self.start_utc - _MONDAY_S) / step) * step + _MONDAY_S
        times = range(first, math.floor(self.start_utc + seconds) + 1, step)
        return [(self.x((t - self.start_utc) * _SECOND_US), _time_label(t)) for t in times]


@dataclass(frozen=True)
class Axis:
    """The value axis: low at the bottom, high at the top, a line at each tick."""

    low: float
    high: float
    ticks: tuple[float, ...]

    def y(self, value: float) -> float:
        """Vertical place of a value, held inside the drawing."""
        return max(0.0, min(HEIGHT, HEIGHT * (self.high - value) / (self.high - self.low)))


def axis_for(values: Iterable[float], low: float | None = None, high: float | None = None) -> Axis:
    """An axis with round ends around the values; `low` and `high` fix an end."""
    known = [value for value in values if math.isfinite(value)] or [0.0, 1.0]
    bottom = min(known) if low is None else low
    top = max(known) if high is None else high
    if top - bottom < _FLAT * max(1.0, abs(top), abs(bottom)):
        top = bottom + 1.0
    rough = (top - bottom) / 3
    size = 10.0 ** math.floor(math.log10(rough))
    step = next(size * k for k in (1, 2, 2.5, 5, 10) if size * k >= rough * 0.999)
    if low is None:
        bottom = math.floor(bottom / step) * step
    if high is None:
        top = math.ceil(top / step) * step
    first = math.ceil(bottom / step - 1e-9)
    ticks = tuple(round((first + i) * step, 10) for i in range(math.floor((top - first * step) / step + 1e-9) + 1))
    return Axis(bottom, top, ticks)


def thin(points: Series, span: Span, columns: int = _COLUMNS) -> list[Sequence[float]]:
    """At most four points a column (first, lowest, highest, last), so peaks survive; order of time is kept."""
    if len(points) <= 2 * columns:
        return list(points)
    width = max(1.0, span.duration_us / columns)
    kept: list[Sequence[float]] = []
    column: list[Sequence[float]] = []
    number = None
    for point in [*points, None]:
        if point is None or int(point[0] / width) != number:
            if column:
                chosen = {id(p): p for p in (column[0], min(column, key=_value), max(column, key=_value), column[-1])}
                kept += sorted(chosen.values(), key=lambda p: p[0])
            column = []
            number = int(point[0] / width) if point is not None else None
        if point is not None:
            column.append(point)
    return kept


def line(points: Series, span: Span, axis: Axis, css: str, name: str, unit: str = "") -> str:
    """A line through the points; a value that is not finite breaks it."""
    runs: list[list[str]] = [[]]
    for t, value in thin(points, span):
        if math.isfinite(value):
            runs[-1].append(f"{_n(span.x(t))} {_n(axis.y(value))}")
        elif runs[-1]:
            runs.append([])
    drawing = "".join(f"M{run[0]}L{' '.join(run[1:] or run)}" for run in runs if run)
    return _path(f"line {css}", drawing, name, unit, axis, stride=2)


def steps(points: Series, span: Span, axis: Axis, css: str, name: str, unit: str = "") -> str:
    """A line that holds each value until the next point and the last one to the end."""
    held: list[list[float]] = []
    for t, value in points:
        if held:
            held.append([t, held[-1][1]])
        held.append([t, value])
    if held:
        held.append([span.duration_us, held[-1][1]])
    return line(held, span, axis, css, name, unit)


def dots(points: Series, span: Span, axis: Axis, css: str, name: str, unit: str = "") -> str:
    """A round dot a point; dots that fall on one another are drawn once."""
    places = dict.fromkeys((_n(span.x(t)), _n(axis.y(value))) for t, value in points if math.isfinite(value))
    css = f"{css} many" if len(places) > CROWD else css
    return _path(f"dot {css}", "".join(f"M{x} {y}h0" for x, y in thin_list(list(places))), name, unit, axis, stride=3)


def bands(intervals: Iterable[Sequence[float]], span: Span, row_y: float, css: str, name: str) -> str:
    """Thick bars from start to end (us) at height row_y."""
    parts = []
    for start, end in intervals:
        x = span.x(start)
        parts.append(f"M{_n(x)} {_n(row_y)}h{_n(max(0.6, span.x(end) - x))}")
    return _path(f"band {css}", "".join(thin_list(parts)), name, "", None, stride=3)


def rug(times: Iterable[float], span: Span, row_y: float, height: float, css: str, name: str) -> str:
    """Short upright strokes at the times."""
    places = dict.fromkeys(_n(round(span.x(t) * 2) / 2) for t in times)
    return _path(f"rug {css}", "".join(f"M{x} {_n(row_y - height / 2)}v{_n(height)}" for x in places), name, "", None, stride=0)


def counts(times: Iterable[float], span: Span, row_y: float, height: float, css: str, name: str) -> str:
    """Upright bars in place of a crowded rug: how many of the times fall into each slice of the span."""
    tally = Counter(min(_SLICES - 1, int(span.x(t) * _SLICES / WIDTH)) for t in times)
    most, width, foot = max(tally.values(), default=1), WIDTH / _SLICES, row_y + height / 2
    bars = [f"M{_n(i * width)} {_n(foot)}v{_n(-height * n / most)}h{_n(0.7 * width)}V{_n(foot)}z" for i, n in sorted(tally.items())]
    return _path(f"bar {css}", "".join(bars), name, "", None, stride=0)


def shade(intervals: Iterable[Sequence[float]], span: Span, css: str) -> str:
    """Areas over the whole height."""
    rects = [
        f'<rect class="{css}" x="{_n(span.x(a))}" y="0" width="{_n(max(0.0, span.x(b) - span.x(a)))}" height="100"/>' for a, b in intervals
    ]
    return "".join(rects)


def grid(span: Span, axis: Axis | None) -> str:
    """Lines at the ticks of both axes."""
    upright = "".join(f"M{_n(x)} 0V100" for x, _ in span.ticks())
    level = "".join(f"M0 {_n(axis.y(value))}H1000" for value in axis.ticks) if axis else ""
    return f'<path class="grid" d="{upright}{level}"/>'


def drawing(key: str, title: str, description: str, content: str) -> str:
    """The svg element; `key` must be unique on the page."""
    return (
        f'<svg viewBox="0 0 1000 100" preserveAspectRatio="none" role="img" aria-labelledby="{key}-t {key}-d">'
        f'<title id="{key}-t">{escape(title)}</title><desc id="{key}-d">{escape(description)}</desc>{content}</svg>'
    )


def thin_list(items: list, most: int = 4 * _COLUMNS) -> list:  # type: ignore[type-arg]
    """Every n-th item, so that at most `most` are left."""
    return items[:: math.ceil(len(items) / most)] if len(items) > most else items


def number(value: float) -> str:
    """A value for people: thousands apart, no more digits than it deserves."""
    if not math.isfinite(value):
        return "–"
    if value == int(value) or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def _path(css: str, d: str, name: str, unit: str, axis: Axis | None, stride: int) -> str:
    """A path; name, unit, scale and stride let the read-out turn its numbers back into values."""
    if not d:
        return ""
    scale = f' data-low="{axis.low:g}" data-high="{axis.high:g}"' if axis else ""
    return f'<path class="{css}" d="{d}" data-name="{escape(name)}" data-unit="{escape(unit)}" data-stride="{stride}"{scale}/>'


def _n(value: float) -> str:
    """One decimal is a tenth of a pixel; no trailing zero."""
    return f"{value:.1f}".removesuffix(".0")


def _value(point: Sequence[float]) -> float:
    return point[1] if math.isfinite(point[1]) else 0.0


def _time_label(t: int) -> str:
    moment = datetime.fromtimestamp(t, UTC)
    return f"{moment:%a} {moment.day} {moment:%b}" if t % _DAY_S == 0 else f"{moment:%H:%M}"
