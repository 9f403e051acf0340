"""A roll-out as a table and as JSON."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import Any

from rich.progress_bar import ProgressBar
from rich.table import Table

from kerbstone.update.rollout.gate import LATE, SILENT, UNWELL, Gate, Verdict, judge, standing
from kerbstone.update.rollout.model import (
    CONFIRMED,
    OFFERED,
    PROBATION,
    RECEIVING,
    REFUSED,
    REVERTED,
    RUNNING,
    TRIAL,
    WAITING,
    Rollout,
)

_FAILED = (REFUSED, REVERTED, SILENT, LATE, UNWELL)
_BAR = 20  # columns
_ALONE_S = 300  # a run says each minute that it is there


def verdict(rollout: Rollout, ring: int | None = None) -> Verdict:
    """Of a ring, the present one unless told, as the latest run saw it: nobody's silence counts while nobody listens."""
    devices = rollout.of_ring(rollout.ring if ring is None else ring)
    return judge(devices, Gate(**rollout.gate), rollout.beat_s, rollout.listening_s)


def as_json(rollout: Rollout) -> dict[str, Any]:
    """Everything `kerbstone update status` knows; `devices` with what the gate sees of each."""
    gate = Gate(**rollout.gate)
    rings = []
    for number, label in enumerate(rollout.rings):
        devices = rollout.of_ring(number)
        found = [standing(device, gate, rollout.beat_s, rollout.listening_s) for device in devices]
        row: dict[str, Any] = {"ring": number + 1, "label": label, "devices": len(devices), "states": dict(Counter(s for s, _ in found))}
        if number <= rollout.ring:
            judged = verdict(rollout, number)
            row |= {"gate": judged.state, "why": judged.why}
        rings.append(row)
    told = []
    for device in rollout.devices:
        state, why = standing(device, gate, rollout.beat_s, rollout.listening_s)
        told.append({"device": device.name, "ring": device.ring + 1, "state": state, "reason": why, "fragments": device.fragments,
                     "before": device.before, "after": device.after})
    return {
        "rollout": rollout.name, "state": rollout.state, "reason": rollout.reason, "sequence": rollout.sequence, "sha256": rollout.sha256,
        "ring": rollout.ring + 1, "gate": rollout.gate, "rings": rings, "devices": told,
    }  # fmt: skip


def table(rollout: Rollout) -> Table:
    """A line a ring: how far it is, how many are where, and what its gate says."""
    told = as_json(rollout)
    found = Table(title=f"{rollout.name}: update {rollout.sequence}, {rollout.state}", title_justify="left", box=None, pad_edge=False)
    for name in ("ring", "devices", "confirmed", "", "under way", "failed", "waiting", "gate"):
        found.add_column(name, justify="left" if name in ("ring", "confirmed", "gate") else "right", no_wrap=name != "gate")
    for ring in told["rings"]:
        states, size = ring["states"], ring["devices"]
        good = states.get(CONFIRMED, 0)
        under_way = sum(states.get(state, 0) for state in (OFFERED, RECEIVING, TRIAL, PROBATION))
        found.add_row(
            f"{ring['ring']} {ring['label']}", str(size), ProgressBar(total=size, completed=good, width=_BAR), f"{good / size:.0%}",
            str(under_way), str(sum(states.get(state, 0) for state in _FAILED)), str(states.get(WAITING, 0)), ring.get("gate", "-"),
        )  # fmt: skip
    return found


def sentence(rollout: Rollout, now_s: int | None = None) -> str:
    """How it stands, in a line. `now_s`: the time of day, to say when nobody works on it."""
    if rollout.state != RUNNING:
        return f"{rollout.state.capitalize()}{': ' + rollout.reason if rollout.reason else ''}."
    if now_s is not None and now_s - rollout.beat_s > _ALONE_S:
        since = f" since {datetime.fromtimestamp(rollout.beat_s, UTC):%Y-%m-%d %H:%M} UTC" if rollout.beat_s else " yet"
        return f"Nobody works on it{since}: `kerbstone update run {rollout.name}` does."
    return f"Ring {rollout.ring + 1}: {verdict(rollout).why}."
