"""The account as one SVG that needs no style sheet: where the charge of a day goes, by consumer and by wake."""

from __future__ import annotations

from html import escape
from itertools import groupby

from kerbstone.energy.account import Account
from kerbstone.report.svg import number

_WIDTH, _LEFT, _RIGHT, _ROW = 900, 170, 120, 26
# Okabe and Ito's colours: told apart by nearly every eye.
_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#56B4E9", "#CC79A7", "#F0E442", "#999999")

_Row = tuple[str, list[tuple[str, float]], str]  # label, (part, mAh/day), text at the end


def drawing(account: Account) -> str:
    """A standalone SVG document."""
    by_consumer = sorted(account.draws, key=lambda d: d.consumer)
    consumers: list[_Row] = []
    for name, draws in groupby(by_consumer, key=lambda d: d.consumer):
        parts = [(d.state, d.mah_per_day) for d in draws]
        total = sum(mah for _, mah in parts)
        consumers.append((name, parts, f"{number(total)} mAh"))
    consumers.sort(key=lambda row: -sum(mah for _, mah in row[1]))
    wakes: list[_Row] = [
        (f"{w.count} × {w.label}", [(w.label, w.mah_per_day)], f"{number(w.mc_each)} mC each") for w in account.wakes
    ]
    body, y = "", 56
    for title, rows in (("By consumer and state, mAh a day", consumers), ("By wake, mAh a day", wakes)):
        body += f'<text x="12" y="{y}" font-weight="bold">{title}</text>'
        body += _bars(rows, y + 12)
        y += 12 + _ROW * len(rows) + 40
    life = f", {account.life_years:.1f} years on {account.battery}" if account.life_years is not None else ""
    head = f"{account.name}: {number(account.mah_per_day)} mAh a day{life}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {y}" font-family="sans-serif" font-size="13">'
        f'<title>{escape(head)}</title><rect width="{_WIDTH}" height="{y}" fill="#fff"/>'
        f'<text x="12" y="26" font-size="17" font-weight="bold">{escape(head)}</text>{body}</svg>\n'
    )


def _bars(rows: list[_Row], top: int) -> str:
    longest = max((sum(mah for _, mah in parts) for _, parts, _ in rows), default=0.0) or 1.0
    room = _WIDTH - _LEFT - _RIGHT
    out = ""
    for i, (label, parts, text) in enumerate(rows):
        y, x = top + i * _ROW, float(_LEFT)
        out += f'<text x="{_LEFT - 8}" y="{y + 16}" text-anchor="end">{escape(label)}</text>'
        for j, (name, mah) in enumerate(sorted(parts, key=lambda p: -p[1])):
            width = room * mah / longest
            hint = f"{name}: {number(mah)} mAh a day"
            out += (
                f'<rect x="{x:.1f}" y="{y + 2}" width="{width:.1f}" height="{_ROW - 6}" fill="{_COLOURS[min(j, len(_COLOURS) - 1)]}">'
                f"<title>{escape(hint)}</title></rect>"
            )
            if len(parts) > 1 and width > 8 * len(name):
                out += f'<text x="{x + 5:.1f}" y="{y + 16}" fill="#fff">{escape(name)}</text>'
            x += width
        out += f'<text x="{x + 6:.1f}" y="{y + 16}">{escape(text)}</text>'
    return out
