"""A chart: a drawing with its title, legend and axis labels around it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape

from kerbstone.report import svg
from kerbstone.report.svg import Axis, Span


@dataclass
class Chart:
    """What the page needs to show one chart. `legend`: (colour class, text); `rows`: (y, text) labels in place of an axis."""

    title: str
    description: str
    content: str
    axis: Axis | None = None
    unit: str = ""
    legend: Sequence[tuple[str, str]] = ()
    rows: Sequence[tuple[float, str]] = field(default_factory=tuple)
    size: str = ""  # "", "low" or "tall"

    def html(self, key: str, span: Span) -> str:
        """The figure; `key` must be unique on the page."""
        keys = "".join(f'<span class="key {css}">{escape(text)}</span>' for css, text in self.legend)
        unit = f' <span class="unit">{escape(self.unit)}</span>' if self.unit else ""
        drawing = svg.drawing(key, self.title, self.description, svg.grid(span, self.axis) + self.content)
        return (
            f'<figure class="chart {self.size}"><figcaption><h4>{escape(self.title)}{unit}</h4>'
            f'<span class="legend">{keys}</span></figcaption>'
            f'<div class="frame"><div class="ys">{self._side_labels()}</div>'
            f'<div class="plot">{drawing}</div><div class="xs">{time_labels(span)}</div></div></figure>'
        )

    def _side_labels(self) -> str:
        labels = [(self.axis.y(value), svg.number(value)) for value in self.axis.ticks] if self.axis else self.rows
        return "".join(f'<span style="top:{y:.1f}%">{escape(text)}</span>' for y, text in labels)


def time_labels(span: Span) -> str:
    """The labels under a chart; every second one may vanish on a narrow screen."""
    parts = []
    for i, (x, text) in enumerate(span.ticks()):
        edge = " first" if x < 40 else " last" if x > 960 else ""
        parts.append(f'<span class="{"odd" if i % 2 else "even"}{edge}" style="left:{x / 10:.2f}%">{escape(text)}</span>')
    return "".join(parts)
