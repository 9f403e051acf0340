"""How good the reports of a node were, measured against what really happened.

Every score is a flat dict {name: number}; the unit stands in the name. A figure that cannot be formed (nothing reported,
nothing happened) is left out. Times are those of the sample, not of its arrival.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

from kerbstone.emulator.result import NodeResult

Series = Sequence[Sequence[float]]
Score = dict[str, float]

MINUTE_US = 60_000_000
MATCH_US = 60_000_000  # a parking event counts when it was sampled within a minute of the true one
EMPTIED_US = 2 * 3600 * 1_000_000  # an emptying counts when it is reported within two hours after it
EMPTY_PCT, NOT_EMPTY_PCT = 10, 25  # % of the volume: a report of at most the one while there is more than the other is a false "empty"
FIRE_US = 1200 * 1_000_000  # a fire counts when its alarm was sampled within two of the ten-minute periods
STAMP_US = 2_000_000  # stamps are whole seconds: two copies of a record may differ by this, and a sample may seem too early
_PARKING_STATES = {"free": 0.0, "occupied": 1.0}


def score_node(node: NodeResult, duration_us: int) -> Score:
    """The score of a node's decoded records against its truth; {} for an application without a rule, or a recording without a truth."""
    rule = RULES.get(node.app)
    if any(name not in node.truth.get("series", {}) for name in NEEDED.get(node.app, ())):
        return {}
    return {name: round(value, 4) for name, value in rule(_by_sample(node.records), node.truth, duration_us).items()} if rule else {}


def step_at(series: Series, t_us: float) -> float:
    """The value in force at t_us of a series of steps; nan before its first point."""
    index = bisect_right(series, t_us, key=lambda point: point[0]) - 1
    return series[index][1] if index >= 0 else math.nan


def line_at(series: Series, t_us: float) -> float:
    """The value at t_us on straight lines between the points; the ends hold, nan without points."""
    index = bisect_right(series, t_us, key=lambda point: point[0])
    if index == 0 or index == len(series):
        return series[min(index, len(series) - 1)][1] if series else math.nan
    (t0, left), (t1, right) = series[index - 1], series[index]
    return left + (right - left) * (t_us - t0) / (t1 - t0)


def match(reported: Sequence[int], true: Sequence[int], before_us: int, after_us: int) -> list[tuple[int, int]]:
    """Pairs (reported, true), in order of time, each used once, with true - before_us <= reported <= true + after_us."""
    pairs, i = [], 0
    for t in true:
        while i < len(reported) and reported[i] < t - before_us:
            i += 1
        if i < len(reported) and reported[i] <= t + after_us:
            pairs.append((reported[i], t))
            i += 1
    return pairs


def parking_steps(records: Sequence[dict[str, Any]]) -> list[list[float]]:
    """The reported occupancy as steps [[sample_us, 1 occupied, 0 free, nan otherwise], ...]."""
    steps: list[list[float]] = []
    for record in records:
        if (state := record["values"].get("state")) is not None:
            steps.append([record["sample_us"], _PARKING_STATES.get(state, math.nan)])
    return steps


def _parking(records: Sequence[dict[str, Any]], truth: dict[str, Any], duration_us: int) -> Score:
    steps = parking_steps(records)
    known = [step for step in steps if not math.isnan(step[1])]
    changes = [(int(b[0]), b[1]) for a, b in pairwise(known) if a[1] != b[1]]
    pairs: list[tuple[int, int]] = []
    arrivals: list[tuple[int, int]] = []
    for kind, value in (("arrival", 1.0), ("departure", 0.0)):
        happened = [event["t_us"] for event in truth["events"] if event["kind"] == kind]
        pairs += match([t for t, to in changes if to == value], happened, MATCH_US, MATCH_US)
        arrivals = arrivals or list(pairs)
    score = _found(len(pairs), len(changes), len(truth["events"]))
    if pairs:
        delays = sorted(abs(reported - true) / 1e6 for reported, true in pairs)
        score |= {"event_delay_median_s": percentile(delays, 50), "event_delay_p95_s": percentile(delays, 95)}
    if arrivals:  # after the stop; a departure is told when the car has gone, but happened when it began to roll
        score["arrival_delay_median_s"] = percentile(sorted(abs(reported - true) / 1e6 for reported, true in arrivals), 50)
    minutes = range(0, duration_us, MINUTE_US)
    told = [step_at(steps, t) for t in minutes]
    right = sum(value == step_at(truth["series"]["occupied"], t) for t, value in zip(minutes, told, strict=True))
    if told:
        score["state_minutes_right_pct"] = 100 * right / len(told)
        score["state_minutes_unsure_pct"] = 100 * sum(map(math.isnan, told)) / len(told)
    return score


def score_bins(records: Sequence[dict[str, Any]], truth: dict[str, Any], duration_us: int) -> Score:
    """Errors of the level in % of the volume, emptyings found, reports of an empty bin that was not, fires told."""
    score = _errors("fill_error", "pct", records, "fill", lambda t: step_at(truth["series"]["fill_pct"], t))
    if records:
        score["fill_missing_pct"] = 100 * sum(record["values"].get("fill") is None for record in records) / len(records)
    reported = [record["sample_us"] for record in records if "emptied" in (record["values"].get("alarms") or ())]
    happened = [event["t_us"] for event in truth["events"] if event["kind"] == "emptied"]
    found = _found(len(match(reported, happened, STAMP_US, EMPTIED_US)), len(reported), len(happened))
    score |= {f"emptied_{name}": value for name, value in found.items()}
    told = [(record["sample_us"], record["values"]["fill"]) for record in records if record["values"].get("fill") is not None]
    series = truth["series"]["fill_pct"]
    score["false_empty"] = float(sum(pct <= EMPTY_PCT and step_at(series, t) > NOT_EMPTY_PCT for t, pct in told))
    fires = [event["t_us"] for event in truth["events"] if event["kind"] == "fire"]
    if fires:
        alarms = [record["sample_us"] for record in records if "fire" in (record["values"].get("alarms") or ())]
        score["fires"] = float(len(fires))
        score["fires_told"] = float(len(match(alarms, fires, STAMP_US, FIRE_US)))
    return score


def _air(records: Sequence[dict[str, Any]], truth: dict[str, Any], duration_us: int) -> Score:
    score: Score = {}
    for prefix, unit, channel, name in AIR_CHANNELS:
        score |= _errors(f"{prefix}_error", unit, records, channel, lambda t, name=name: line_at(truth["series"][name], t))  # type: ignore[misc]
    return score


def _light(records: Sequence[dict[str, Any]], truth: dict[str, Any], duration_us: int) -> Score:
    lit, dark = truth["series"]["lit"], truth["series"]["dark"]
    minutes = range(0, duration_us, MINUTE_US)
    score: Score = {}
    if minutes:
        score["lit_as_should_pct"] = 100 * sum(step_at(lit, t) == step_at(dark, t) for t in minutes) / len(minutes)
        score["dark_minutes_unlit"] = float(sum(step_at(dark, t) > step_at(lit, t) for t in minutes))
        score["day_minutes_lit"] = float(sum(step_at(dark, t) < step_at(lit, t) for t in minutes))
    power = truth["series"]["power_w"]
    score |= _errors("power_error", "w", records, "power_w", lambda t: step_at(power, t))
    meter = [(r["sample_us"], r["values"]["energy_kwh"]) for r in records if r["values"].get("energy_kwh") is not None]
    if meter and (used := integral(power, meter[0][0], meter[-1][0]) / 3.6e6) > 0:
        score["energy_error_pct"] = 100 * abs(meter[-1][1] - meter[0][1] - used) / used
    return score


def _terminal(records: Sequence[dict[str, Any]], truth: dict[str, Any], duration_us: int) -> Score:
    """Channels that bear the name of a true series are compared with it."""
    score: Score = {}
    for name in sorted(truth["series"]):
        true = truth["series"][name]
        told = [r for r in records if name in r["values"]]
        what, _, unit = name.rpartition("_")  # power_w: power in W; door: a share of the reports
        errors = _errors(f"{what or name}_error", unit if what else "share", told, name, lambda t, true=true: line_at(true, t))  # type: ignore[misc]
        score |= errors
        if told:
            score[f"{name}_missing_pct"] = 100 * sum(r["values"][name] is None for r in told) / len(told)
    return score


RULES: dict[str, Callable[[Sequence[dict[str, Any]], dict[str, Any], int], Score]] = {
    "parking": _parking,
    "bins": score_bins,
    "air": _air,
    "light": _light,
    "terminal": _terminal,
}
NEEDED = {  # series of the truth without which a rule says nothing
    "parking": ("occupied",),
    "bins": ("fill_pct",),
    "air": ("pm25_ug", "pm10_ug", "temp_c", "rh_pct", "pressure_hpa"),
    "light": ("lit", "dark", "power_w"),
}
AIR_CHANNELS = (  # name and unit in the score, channel of the message, series of the truth
    ("pm2_5", "ug_m3", "pm2_5", "pm25_ug"),
    ("pm10", "ug_m3", "pm10", "pm10_ug"),
    ("temperature", "c", "air_temperature", "temp_c"),
    ("humidity", "pct", "humidity", "rh_pct"),
    ("pressure", "hpa", "pressure", "pressure_hpa"),
)


def integral(series: Series, t0_us: float, t1_us: float) -> float:
    """The integral of a series of steps over t0..t1, in value times seconds."""
    edges = [t0_us, *(t for t, _ in series if t0_us < t < t1_us), t1_us]
    return sum(step_at(series, a) * (b - a) / 1e6 for a, b in pairwise(edges))


def percentile(ordered: Sequence[float], pct: float) -> float:
    """The nearest-rank percentile of an ascending, non-empty sequence."""
    return ordered[max(0, math.ceil(len(ordered) * pct / 100) - 1)]


def _by_sample(records: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Records in the order they were sampled, each once: a second copy has the same values and nearly the same time."""
    once: list[dict[str, Any]] = []
    for record in sorted((r for r in records if r.get("sample_us") is not None), key=lambda r: r["sample_us"]):
        last = once[-1] if once else None
        if last is None or record["values"] != last["values"] or record["sample_us"] - last["sample_us"] > STAMP_US:
            once.append(record)
    return once


def _found(hits: int, reported: int, happened: int) -> Score:
    """Precision, recall and their harmonic mean, as far as they exist."""
    score: Score = {"reported": float(reported), "happened": float(happened)}
    if reported:
        score["precision"] = hits / reported
    if happened:
        score["recall"] = hits / happened
    if reported and happened:
        score["f1"] = 2 * hits / (reported + happened)
    return score


def _errors(name: str, unit: str, records: Sequence[dict[str, Any]], channel: str, true_at: Callable[[int], float]) -> Score:
    """Mean and 95th percentile of |reported - true| of a channel."""
    values = [(record["sample_us"], record["values"].get(channel)) for record in records]
    errors = sorted(abs(value - true_at(t)) for t, value in values if value is not None)
    if not errors:
        return {}
    return {f"{name}_mean_{unit}": sum(errors) / len(errors), f"{name}_p95_{unit}": percentile(errors, 95)}
