"""Parking on a recorded trace of six hours: the node sleeps, its comparator wakes it, the radio is asked when the field is unsure."""

import csv
import json
from bisect import bisect_right
from pathlib import Path

import pytest
from app_runs import new_app

from kerb.clock import Instant

DATA = Path(__file__).resolve().parents[1] / "conformance" / "data" / "traces"
BOOT_S, COUNT_UT, MATCH_S = 0.4, 0.15, 60.0
AXES = ("bx_ut", "by_ut", "bz_ut")


class Trace:
    """Rows of the trace; between two of them the older one holds, as the field is recorded whenever it moves."""

    def __init__(self, name: str):
        with (DATA / f"{name}.csv").open() as file:
            self.rows = [{k: float(v) for k, v in row.items()} for row in csv.DictReader(file)]
        self.times = [row["t_s"] for row in self.rows]
        self.stays = json.loads((DATA / f"{name}.truth.json").read_text())["stays"]

    def at(self, t: float):
        return self.rows[max(0, bisect_right(self.times, t) - 1)]


def replay(trace: Trace, with_witness: bool):
    """[(s, state), ...] the application told; the comparator looks at every row."""
    app, told, base, threshold = new_app("parking", {}), [], (0.0, 0.0, 0.0), 5.0

    def step(t, sample):
        nonlocal base, threshold
        again, reported = 0, False
        for effect in app.step(sample, Instant(int(t), None)):
            if effect[0] == "again":
                again = effect[2]
            elif effect[0] == "set" and effect[2] == "baseline":
                base = effect[3]
            elif effect[0] == "set":
                threshold = effect[3]
            elif effect[0] == "report":
                reported = True
                if effect[3]["cause"] != "heartbeat":
                    told.append((t, effect[3]["state"]))
        return again, reported

    t, end = 0.0, trace.times[-1]
    while t < end:
        row = trace.at(t)
        field = {axis: round(row[axis] / COUNT_UT) * COUNT_UT for axis in AXES}
        again, reported = step(t, {**field, "chip_temp_c": round(row["temp_c"] * 8) / 8, "quality": 0})
        while reported and with_witness:
            t += 1.5
            _, reported = step(t, {"rssi_db": trace.at(t)["rssi_db"], "quality": 0})
        if 0 < again < 3000:
            t += again / 1000
            continue
        rest = trace.rows[bisect_right(trace.times, t) :]
        later = (r for r in rest if any(abs(r[a] - b) > threshold for a, b in zip(AXES, base, strict=True)))
        t = min(next(later, {"t_s": end})["t_s"] + BOOT_S, t + (again / 1000 or 21_600))
    return told


def event_f1(trace: Trace, told):
    changes, last = [], "free"
    for t, state in told:
        if state in ("free", "occupied") and state != last:
            changes.append((t, state))
            last = state
    events = [(s[key], state) for s in trace.stays for key, state in (("arrive_s", "occupied"), ("leave_s", "free"))]
    left, hits = list(changes), 0
    for at, state in events:
        match = next((c for c in left if c[1] == state and abs(c[0] - at) <= MATCH_S), None)
        if match:
            left.remove(match)
            hits += 1
    return 2 * hits / (len(events) + len(changes))


@pytest.mark.parametrize("with_witness", [False, True])
def test_every_event_of_the_recorded_trace_is_told(with_witness):
    trace = Trace("parking_sample")
    assert len(trace.stays) == 20
    assert event_f1(trace, replay(trace, with_witness)) >= 0.97
