"""Which charts tell the story of which application: what happened against what was reported."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from kerbstone.emulator.result import NodeResult
from kerbstone.emulator.score import parking_steps
from kerbstone.report import svg
from kerbstone.report.chart import Chart
from kerbstone.report.svg import Series, Span

TRUTH = ("truth", "what happened")
REPORTED = ("told", "reported")
_WORTH_SHOWING_US = 60_000_000  # a report some seconds late is no fault, and would look like one
_ROWS = (22.0, 52.0, 82.0)  # heights of three rows of bands


def panels(node: NodeResult, span: Span) -> list[Chart]:
    """The charts of a node."""
    return [chart for chart in PANELS.get(node.app, _other)(node, span) if chart.content]


def reported(node: NodeResult, channel: str) -> list[list[float]]:
    """[[sample_us, value], ...] of a channel, in order of time; missing values left out."""
    pairs = [[r["sample_us"], r["values"].get(channel)] for r in node.records if r.get("sample_us") is not None]
    return sorted([t, float(v)] for t, v in pairs if isinstance(v, int | float) and not isinstance(v, bool))


def intervals(steps: Series, value: float, end_us: float) -> list[tuple[float, float]]:
    """Where a series of steps holds `value` (nan finds nan)."""
    ends = [point[0] for point in steps[1:]] + [max(end_us, steps[-1][0])] if steps else []
    wanted = (lambda v: math.isnan(v)) if math.isnan(value) else (lambda v: v == value)
    return [(point[0], end) for point, end in zip(steps, ends, strict=True) if wanted(point[1]) and end > point[0]]


def _differences(a: Series, b: Series, end_us: float) -> list[tuple[float, float]]:
    """Where two series of steps do not agree."""
    marks = sorted([(t, 0, v) for t, v in a] + [(t, 1, v) for t, v in b])
    now = [math.nan, math.nan]
    found, since = [], None
    for t, which, value in [*marks, (end_us, 2, 0.0)]:
        if since is not None and t > since:
            found.append((since, t))
        if which < 2:
            now[which] = value
        since = t if which < 2 and now[0] != now[1] else None
    return found


def _series(node: NodeResult, name: str) -> Series:
    return node.truth.get("series", {}).get(name, [])


def _parking(node: NodeResult, span: Span) -> list[Chart]:
    true = _series(node, "occupied")
    told = parking_steps(sorted((r for r in node.records if r.get("sample_us") is not None), key=lambda r: r["sample_us"]))
    end = span.duration_us
    wrong = [(a, b) for a, b in _differences(true, told, end) if b - a >= _WORTH_SHOWING_US]
    content = svg.bands(intervals(true, 1.0, end), span, _ROWS[0], "truth", "bay occupied")
    content += svg.bands(intervals(told, 1.0, end), span, _ROWS[1], "told", "reported occupied")
    content += svg.bands(intervals(told, math.nan, end), span, _ROWS[1], "unsure", "reported unsure")
    content += svg.bands(wrong, span, _ROWS[2], "bad", "differs")
    arrivals = sum(event["kind"] == "arrival" for event in node.truth.get("events", ()))
    apart_s = sum(b - a for a, b in wrong) / 1e6
    text = f"{arrivals} arrivals; the report differed from the truth for {svg.number(apart_s)} s in spells of a minute or more."
    legend = [("truth", "occupied"), ("told", "reported occupied"), ("unsure", "unsure"), ("bad", "differs for a minute or more")]
    bay = Chart("Bay occupancy", text, content, legend=legend, rows=list(zip(_ROWS, ("bay", "report", "differs"), strict=True)))
    return [bay, _compared(node, span, "Pavement temperature", "°C", "temp_c", "temperature", size="low")]


def _bins(node: NodeResult, span: Span) -> list[Chart]:
    chart = _compared(node, span, "Fill level", "%", "fill_pct", "fill", low=0.0, high=100.0, stepped=True, size="tall")
    emptied = [event["t_us"] for event in node.truth.get("events", ()) if event["kind"] == "emptied"]
    told = [r["sample_us"] for r in node.records if "emptied" in (r["values"].get("alarms") or ()) and r.get("sample_us") is not None]
    chart.content += svg.rug(emptied, span, 50, 100, "truth faint", "emptied") + svg.rug(told, span, 95, 10, "told", "emptying reported")
    chart.description += f" Emptied {len(emptied)} times, reported {len(told)} times."
    return [chart, _compared(node, span, "Temperature under the lid", "°C", "temp_c", "temperature", size="low")]


def _air(node: NodeResult, span: Span) -> list[Chart]:
    voc, nox = reported(node, "voc_index"), reported(node, "nox_index")
    axis = svg.axis_for([v for _, v in voc + nox], low=0.0)
    content = svg.line(voc, span, axis, "third", "VOC index") + svg.line(nox, span, axis, "fourth", "NOx index")
    gases = Chart(
        "Gas indices", "VOC and NOx index as reported.", content, axis, legend=[("third", "VOC index"), ("fourth", "NOx index")], size="low"
    )
    return [
        _compared(node, span, "PM2.5", "µg/m³", "pm25_ug", "pm2_5", low=0.0, size="tall"),
        _compared(node, span, "Air temperature", "°C", "temp_c", "air_temperature"),
        _compared(node, span, "Relative humidity", "%", "rh_pct", "humidity", low=0.0, high=100.0, size="low"),
        gases,
    ]


def _light(node: NodeResult, span: Span) -> list[Chart]:
    night = svg.shade(intervals(_series(node, "dark"), 1.0, span.duration_us), span, "night")
    level = _compared(node, span, "Light level", "%", "level_pct", "level", low=0.0, high=100.0, stepped=True)
    power = _compared(node, span, "Power", "W", "power_w", "power_w", low=0.0, stepped=True)
    sun = _series(node, "sun_elevation_deg")
    axis = svg.Axis(-90.0, 90.0, (-60.0, 0.0, 60.0))
    height = Chart("Sun elevation", "Elevation of the sun's centre.", svg.line(sun, span, axis, "sun", "sun", "°"), axis, "°", size="low")
    for chart in (level, power, height):
        chart.content = night + chart.content if chart.content else ""
        chart.legend = [*chart.legend, ("night", "sun down")]
    return [level, power, height]


def _other(node: NodeResult, span: Span) -> list[Chart]:
    """Every series of the truth, with the channel of the same name over it."""
    names = dict.fromkeys([*node.truth.get("series", {}), *(name for r in node.records for name in r["values"])])
    return [_compared(node, span, name, "", name, name, size="low") for name in names]


def _compared(
    node: NodeResult,
    span: Span,
    title: str,
    unit: str,
    series: str,
    channel: str,
    *,
    low: float | None = None,
    high: float | None = None,
    stepped: bool = False,
    size: str = "",
) -> Chart:
    """The truth as a line, the reports as dots."""
    true, told = _series(node, series), reported(node, channel)
    axis = svg.axis_for([v for _, v in [*true, *told]], low, high)
    draw = svg.steps if stepped else svg.line
    drawn = [draw(true, span, axis, TRUTH[0], TRUTH[1], unit), svg.dots(told, span, axis, REPORTED[0], REPORTED[1], unit)]
    content = "".join(drawn if len(told) <= svg.CROWD else reversed(drawn))  # a crowd of dots must not hide the line
    text = f"{title}: {len(told)} reported values over the true course."
    return Chart(title, text, content, axis, unit, _legend(true, told), size=size)


def _legend(true: Sequence[Any], told: Sequence[Any]) -> list[tuple[str, str]]:
    return [key for key, points in ((TRUTH, true), (REPORTED, told)) if points]


PANELS: dict[str, Callable[[NodeResult, Span], list[Chart]]] = {"parking": _parking, "bins": _bins, "air": _air, "light": _light}
