"""The table of a node's wakes: what each kind cost, and the sleep between them."""

from __future__ import annotations

from html import escape

from kerbstone.emulator.result import NodeResult
from kerbstone.emulator.wakes import WakeSum
from kerbstone.report import svg
from kerbstone.report.svg import Span

_UAS_PER_MAH = 3.6e6
_DAY_US = 86_400_000_000


def wakes(node: NodeResult, span: Span) -> str:
    """A row a cause; nothing for a node that woke once and stayed up."""
    sums = [WakeSum(**row) for row in node.wake_sums]
    if len(sums) < 2 or span.duration_us <= 0:
        return ""
    rows = []
    for s in sums:
        cells = (svg.number(s.count), svg.number(s.charge_uas / s.count / 1e3), svg.number(s.time_us / s.count / 1e6),
                 svg.number(s.charge_uas / _UAS_PER_MAH * _DAY_US / span.duration_us))  # fmt: skip
        rows.append(f'<tr><th scope="row">{escape(s.label)}</th>{"".join(f"<td>{cell}</td>" for cell in cells)}</tr>')
    heads = "".join(f'<th scope="col">{title}</th>' for title in ("wake", "count", "mC each", "s each", "mAh/day"))
    return (
        '<figure class="score"><figcaption><h4>Charge per wake</h4></figcaption>'
        f"<table><thead><tr>{heads}</tr></thead><tbody>{''.join(rows)}</tbody></table></figure>"
    )
