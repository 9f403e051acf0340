"""The report of a run: one HTML file that needs nothing else, made to be looked at."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from html import escape
from importlib.resources import files
from typing import Any

from kerbstone.emulator.result import NodeResult, RunResult
from kerbstone.report.panels import panels
from kerbstone.report.svg import Span, number
from kerbstone.report.traffic import charge, uplinks
from kerbstone.report.wakes import wakes

MOST_DRAWN = 24  # nodes with charts; a fleet's others stand in the table only
_MOST_OPEN = 6  # nodes whose charts are unfolded at once
_MOST_NOTES = 50

_UNITS = {"pct": "%", "s": "s", "c": "°C", "ug_m3": "µg/m³", "hpa": "hPa", "w": "W"}  # ends of score names
_WORDS = {"pm2_5": "PM2.5", "pm10": "PM10", "f1": "F1 score"}
_FIGURES = (  # attribute, title, hint, whether anything above 0 is a fault
    ("mah_per_day", "mAh/day", "charge drawn", False),
    ("wakes", "wakes", "boots, cold or from deep sleep", False),
    ("readings", "readings", "records the application asked to report", False),
    ("uplinks", "uplinks", "frames that left the node, repeats included", False),
    ("decoded", "decoded", "distinct records decoded at the other end", False),
    ("waiting", "waiting", "still in the outbox at the end", False),
    ("lost", "lost", "readings that are neither decoded nor waiting", True),
    ("duplicates", "duplicates", "arrived twice without saying so", True),
    ("repeats", "repeats", "arrived again and said so", False),
)


def render(result: RunResult) -> str:
    """The page as text; write it as UTF-8."""
    span = Span(result.start_utc, result.duration_us)
    count = len(result.nodes)
    title = f"Kerbstone run: {count} node{'s' if count != 1 else ''}, {duration(result.duration_us)}"
    sections = "".join(_node(node, f"n{i}", span, i < _MOST_OPEN) for i, node in enumerate(result.nodes[:MOST_DRAWN]))
    rest = count - MOST_DRAWN
    more = f'<p class="more">{rest} more nodes stand in the table only.</p>' if rest > 0 else ""
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">'
        f'<meta name="color-scheme" content="light dark"><title>{escape(title)}</title><style>{_asset("style.css")}</style></head>\n'
        f'<body data-start="{result.start_utc}" data-us="{result.duration_us}"><header>{_head(result)}</header>\n'
        f"<main>{_summary(result)}{_overview(result.nodes)}{sections}{more}</main>\n{_foot(result)}<script>{_asset('readout.js')}</script></body></html>\n"
    )


def duration(us: int) -> str:
    """A length of time in its two largest units."""
    parts = []
    rest = round(us / 1e6)
    for name, size in (("day", 86_400), ("h", 3600), ("min", 60), ("s", 1)):
        amount, rest = divmod(rest, size)
        if amount:
            parts.append(f"{amount} {name}{'s' if name == 'day' and amount > 1 else ''}")
    return " ".join(parts[:2]) or "0 s"


def score_label(name: str) -> tuple[str, str]:
    """(words, unit) of a score's name."""
    for end, unit in _UNITS.items():
        if name.endswith("_" + end):
            return _words(name.removesuffix("_" + end)), unit
    return _words(name), ""


def _words(name: str) -> str:
    for code, word in _WORDS.items():
        name = name.replace(code, word)
    return name.replace("_", " ")


def _head(result: RunResult) -> str:
    start = datetime.fromtimestamp(result.start_utc, UTC)
    end = datetime.fromtimestamp(result.start_utc + result.duration_us // 1_000_000, UTC)
    return (
        '<p class="brand">Kerbstone <span>emulator run</span></p>'
        f"<h1>{duration(result.duration_us)} at the kerb</h1>"
        f"<p>{start:%a} {start.day} {start:%b %Y %H:%M} to {end:%a} {end.day} {end:%b %Y %H:%M} UTC</p>"
    )


def _summary(result: RunResult) -> str:
    nodes = result.nodes
    readings, decoded, waiting = (sum(getattr(n, name) for n in nodes) for name in ("readings", "decoded", "waiting"))
    lost, duplicates = sum(n.lost for n in nodes), sum(n.duplicates for n in nodes)
    speed = result.duration_us / 1e6 / result.wall_s if result.wall_s > 0 else 0.0
    cards = [
        _card(number(len(nodes)), "nodes", ", ".join(sorted({n.app for n in nodes}))),
        _card(number(sum(n.wakes for n in nodes)), "wakes", ""),
        _card(number(readings), "readings", ""),
        _card(number(decoded), "decoded", f"{number(waiting)} still waiting"),
        _card(number(lost), "lost", "every reading accounted for" if not lost else "see the nodes below", "bad" if lost else "good"),
        _card(number(duplicates), "duplicates", "that did not say so", "bad" if duplicates else "good"),
        _card(f"{speed:,.0f}×", "real time", f"{result.wall_s:.1f} s of waiting"),
    ]
    return f'<section class="cards" aria-label="Summary">{"".join(cards)}</section>'


def _card(value: str, title: str, hint: str, mood: str = "") -> str:
    return f'<div class="card {mood}"><b>{escape(value)}</b><span>{escape(title)}</span><small>{escape(hint)}</small></div>'


def _overview(nodes: Iterable[NodeResult]) -> str:
    """One line a node."""
    rows: list[str] = []
    for i, node in enumerate(nodes):
        name = f'<a href="#n{i}">{escape(node.name)}</a>' if i < MOST_DRAWN else escape(node.name)
        cells = "".join(f"<td{_fault(node, a, fault)}>{number(getattr(node, a))}</td>" for a, _, _, fault in _FIGURES)
        words = "".join(f'<td class="text">{escape(word)}</td>' for word in (node.app, node.uplink))
        rows.append(f'<tr><th scope="row">{name}</th>{words}{cells}</tr>')
    if not rows:
        return '<section class="sheet"><p>This run has no nodes.</p></section>'
    heads = "".join(f'<th scope="col" title="{escape(hint)}">{escape(title)}</th>' for _, title, hint, _ in _FIGURES)
    return (
        '<section class="sheet"><h2>Nodes</h2><div class="scroll"><table><thead><tr><th scope="col">node</th>'
        f'<th scope="col" class="text">application</th><th scope="col" class="text">uplink</th>{heads}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div></section>"
    )


def _fault(node: NodeResult, attribute: str, fault: bool) -> str:
    return ' class="bad"' if fault and getattr(node, attribute) else ""


def _node(node: NodeResult, key: str, span: Span, unfolded: bool) -> str:
    """The section of a node."""
    charts = "".join(chart.html(f"{key}-c{i}", span) for i, chart in enumerate(panels(node, span)))
    traffic = uplinks(node, span)
    charts += traffic.html(f"{key}-u", span) if traffic.content else '<p class="empty">Nothing was transmitted.</p>'
    words = (node.app, node.board, node.uplink, f"profile {node.profile}")
    facts = "".join(f"<span>{escape(word)}</span>" for word in words if word)
    cards = "".join(
        _card(number(getattr(node, a)), title, hint, "bad" if fault and getattr(node, a) else "") for a, title, hint, fault in _FIGURES
    )
    return (
        f'<section class="sheet node" id="{key}"><h2>{escape(node.name)}</h2><p class="facts">{facts}</p>'
        f'<div class="cards small">{cards}</div>'
        f'<details{" open" if unfolded else ""}><summary>Charts</summary>{charts}<div class="pair">{charge(node, key + "-q", span)}'
        f"{_table('Reports against the truth', node.score)}{_table('From the decision to the receipt', node.receipt)}{wakes(node, span)}"
        f"</div></details>{_notes(node)}</section>"
    )


def _table(title: str, figures: Mapping[str, Any]) -> str:
    """Figures whose unit ends their name; nothing where there are none."""
    if not figures:
        return ""
    rows = []
    for name, value in figures.items():
        words, unit = score_label(name)
        text = number(value) if isinstance(value, int | float) and not isinstance(value, bool) else str(value)
        rows.append(f'<tr><th scope="row">{escape(words)}</th><td>{escape(text)}</td><td class="text">{escape(unit)}</td></tr>')
    return (
        f'<figure class="score"><figcaption><h4>{escape(title)}</h4></figcaption>'
        f"<table><tbody>{''.join(rows)}</tbody></table></figure>"
    )


def _notes(node: NodeResult) -> str:
    if not node.notes:
        return ""
    count = len(node.notes)
    shown = [*node.notes[:_MOST_NOTES], *([f"and {count - _MOST_NOTES} more"] if count > _MOST_NOTES else [])]
    items = "".join(f"<li>{escape(note)}</li>" for note in shown)
    return f'<details class="notes"><summary>Notes ({count})</summary><ul>{items}</ul></details>'


def _foot(result: RunResult) -> str:
    return (
        f"<footer><p>Seed {result.seed}; {number(result.events)} events; event log SHA-256 <code>{escape(result.event_log_sha256)}</code>. "
        "The same seed makes the same log. Times are UTC.</p></footer>\n"
    )


def _asset(name: str) -> str:
    return (files("kerbstone.report") / name).read_text(encoding="utf-8")
