"""Sunrise, sunset and twilight against an independent solution (NREL SPA, root-found), in 64 and in 32 bits and under MicroPython."""

import csv
import json
from datetime import UTC, datetime
from pathlib import Path

import float32
import pytest
from app_runs import micropython
from hypothesis import given, settings
from hypothesis import strategies as st

from kerb.apps.algo import sun

CASES = Path(__file__).resolve().parents[1] / "conformance" / "data" / "sun_cases.csv"
EVENTS = {"sunrise": (sun.SUNRISE, True), "sunset": (sun.SUNRISE, False), "civil_dawn": (sun.CIVIL, True), "civil_dusk": (sun.CIVIL, False)}
DAY = 86_400
TARGET_S = 10  # on events that are not grazing
STATES = {"always_above": {sun.ABOVE}, "none_in_window": {sun.CROSSES}}


def unix(text: str) -> int:
    return int(datetime.fromisoformat(text.removesuffix("Z")).replace(tzinfo=UTC).timestamp())


def rows() -> list[dict[str, str]]:
    with CASES.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def found(row: dict[str, str], number: type = float) -> tuple[list[int], set[int]]:
    """The events in the row's window of local time, and the states of the solar days that lie in it."""
    start, end = unix(row["window_start_utc"]), unix(row["window_end_utc"])
    altitude, rising = EVENTS[row["event"]]
    hits, states = [], set()
    for day in range(start // DAY - 1, end // DAY + 2):
        state, seconds = sun.crossing(day, number(row["lat"]), number(row["lon"]), number(altitude), rising)
        at = day * DAY + round(float(seconds))
        if state == sun.CROSSES and start <= at < end:
            hits.append(at)
        if start - DAY // 2 <= at < end + DAY // 2:
            states.add(state)
    return hits, states


@pytest.mark.parametrize("bits", [64, 32])
def test_every_ordinary_event_is_within_ten_seconds_and_every_grazing_one_within_its_tolerance(bits, monkeypatch):
    if bits == 32:
        float32.patch(monkeypatch, sun)
    count = 0
    for row in rows():
        if row["state"] != "event":
            continue
        hits, _ = found(row, float if bits == 64 else float32.F32)
        true, tolerance = unix(row["nrel_spa_rootfind_utc"]), int(row["tolerance_s"])
        assert hits, row
        # A window can hold two dusks when they move over midnight; the row names one.
        assert min(abs(hit - true) for hit in hits) <= (TARGET_S if tolerance == 60 else tolerance), row
        count += 1
    assert count == 265


@pytest.mark.parametrize("bits", [64, 32])
def test_a_day_without_the_event_is_known_as_one_and_its_state_is_right(bits, monkeypatch):
    if bits == 32:
        float32.patch(monkeypatch, sun)
    others = [row for row in rows() if row["state"] != "event"]
    assert len(others) == 7
    for row in others:
        hits, states = found(row, float if bits == 64 else float32.F32)
        assert not hits, row
        assert states == STATES[row["state"]], row


def test_the_polar_night_is_below_and_the_polar_day_above():
    summer, winter = 20_625, 20_808  # 2026-06-21 and 2026-12-21
    for lat, in_summer, in_winter in ((78.2, sun.ABOVE, sun.BELOW), (-78.2, sun.BELOW, sun.ABOVE)):
        for rising in (True, False):
            assert sun.crossing(summer, lat, 15.6, sun.SUNRISE, rising)[0] == in_summer
            assert sun.crossing(winter, lat, 15.6, sun.SUNRISE, rising)[0] == in_winter


@settings(max_examples=300, deadline=None)
@given(
    st.integers(min_value=10_957, max_value=47_481),  # 2000..2099
    st.floats(min_value=-90, max_value=90),
    st.floats(min_value=-180, max_value=180),
    st.sampled_from([sun.SUNRISE, sun.CIVIL, sun.NAUTICAL]),
)
def test_anywhere_and_at_any_time_the_sun_rises_before_the_noon_after_which_it_sets(day, lat, lon, altitude):
    _, rise = sun.crossing(day, lat, lon, altitude, True)
    _, sets = sun.crossing(day, lat, lon, altitude, False)
    noon = 43_200 - 240 * lon
    assert noon - 43_200 - 1_200 <= rise <= noon + 1_200
    assert noon - 1_200 <= sets <= noon + 43_200 + 1_200


def test_micropython_gives_the_same_seconds():
    queries = [[day, lat, lon, alt, up] for day in range(20_000, 20_400, 7) for lat, lon in ((52.5, 13.4), (-33.9, 151.2), (69.6, 18.9))
               for alt, up in EVENTS.values()]  # fmt: skip
    script = (
        "import json, sys\nfrom kerb.apps.algo.sun import crossing\n"
        "for line in sys.stdin:\n    print(json.dumps(crossing(*json.loads(line))))"
    )
    theirs = [json.loads(line) for line in micropython(script, "".join(json.dumps(q) + "\n" for q in queries))]
    for query, (state, seconds) in zip(queries, theirs, strict=True):
        ours = sun.crossing(*query)
        assert state == ours[0]
        assert seconds == pytest.approx(ours[1], abs=1e-3)
