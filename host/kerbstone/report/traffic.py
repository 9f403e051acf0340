"""The charts every node has: its transmissions, and where its charge went."""

from __future__ import annotations

from collections import Counter
from html import escape

from kerbstone.emulator.result import NodeResult
from kerbstone.report import svg
from kerbstone.report.chart import Chart
from kerbstone.report.svg import Span

PALETTE = ("c1", "c2", "c3", "c4", "c5", "c6", "c7")
_REST = "c0"
_LEGEND_STATES = 12
_LEGEND_SHARE = 0.0005  # a state that drew less is only in the bar
_CROWD = 250  # transmissions of a row above which they are counted instead of drawn one by one
_UAS_PER_MAH = 3.6e6
_DAY_US = 86_400_000_000


def uplinks(node: NodeResult, span: Span) -> Chart:
    """Transmissions over time: one row a data rate, one colour a kind."""
    sent = node.transmissions
    kinds = Counter(str(t.get("kind") or "frame") for t in sent)
    colour = {kind: _colour(i) for i, (kind, _) in enumerate(kinds.most_common())}
    rates = sorted({t.get("dr") for t in sent}, key=lambda dr: -1 if dr is None else dr, reverse=True)
    height = svg.HEIGHT / max(1, len(rates))
    content, rows = "", []
    for i, rate in enumerate(rates):
        label = node.uplink.upper() if rate is None else f"DR{rate}"
        y = (i + 0.5) * height
        rows.append((y, label))
        for kind in kinds:
            times = [t["t_us"] for t in sent if t.get("dr") == rate and str(t.get("kind") or "frame") == kind]
            draw = svg.counts if len(times) > _CROWD else svg.rug
            content += draw(times, span, y, 0.8 * height, colour[kind], f"{label} {kind}")
    total = sum(t.get("bytes") or 0 for t in sent)
    text = f"{len(sent)} transmissions, {total} bytes in all."
    legend = [(colour[kind], f"{kind} {count:,}") for kind, count in kinds.most_common()]
    return Chart("Transmissions", text, content, legend=legend, rows=rows, size="low")


def charge(node: NodeResult, key: str, span: Span) -> str:
    """A table with a bar a consumer: charge by state, mAh a day and share."""
    consumers = {name: {s: q for s, q in states.items() if q > 0} for name, states in node.charge_uas.items()}
    totals = {name: sum(states.values()) for name, states in consumers.items()}
    whole = sum(totals.values())
    if whole <= 0 or span.duration_us <= 0:
        return ""
    per_state: Counter[str] = Counter()
    for states in consumers.values():
        per_state.update(states)
    colour = {state: _colour(i) for i, (state, _) in enumerate(per_state.most_common())}
    longest = max(totals.values())
    rows = []
    for i, name in enumerate(sorted(totals, key=lambda n: (-totals[n], n))):
        if totals[name] <= 0:
            continue
        mah, share = svg.number(_mah_per_day(totals[name], span)), 100 * totals[name] / whole
        bar = _bar(f"{key}-{i}", name, consumers[name], colour, longest, span)
        rows.append(f'<tr><th scope="row">{escape(name)}</th><td class="bar">{bar}</td><td>{mah}</td><td>{share:.1f} %</td></tr>')
    legend = "".join(
        f'<span class="key {colour[state]}">{escape(state)} {100 * q / whole:.1f} %</span>'
        for state, q in per_state.most_common(_LEGEND_STATES)
        if q / whole >= _LEGEND_SHARE
    )
    return (
        f'<figure class="charge"><figcaption><h4>Where the charge went</h4><span class="legend">{legend}</span></figcaption>'
        '<table><thead><tr><th scope="col">consumer</th><th scope="col" class="bar">by state</th><th scope="col">mAh/day</th>'
        f'<th scope="col">share</th></tr></thead><tbody>{"".join(rows)}</tbody></table></figure>'
    )


def _bar(key: str, name: str, states: dict[str, float], colour: dict[str, str], longest: float, span: Span) -> str:
    """One stacked bar; 1000 units are the longest consumer's charge."""
    x, rects, told = 0.0, [], []
    for state, charge_uas in sorted(states.items(), key=lambda item: -item[1]):
        width = svg.WIDTH * charge_uas / longest
        text = f"{state}: {svg.number(_mah_per_day(charge_uas, span))} mAh/day"
        told.append(text)
        rects.append(
            f'<rect class="fill {colour[state]}" x="{x:.1f}" y="0" width="{width:.1f}" height="100"><title>{escape(text)}</title></rect>'
        )
        x += width
    return svg.drawing(key, name, "; ".join(told), "".join(rects))


def _mah_per_day(charge_uas: float, span: Span) -> float:
    return charge_uas / _UAS_PER_MAH * _DAY_US / span.duration_us


def _colour(index: int) -> str:
    return PALETTE[index] if index < len(PALETTE) else _REST
