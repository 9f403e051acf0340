"""The score: a perfect reporter is perfect, and each kind of mistake shows in its own figure."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kerbstone.emulator.result import NodeResult
from kerbstone.emulator.score import integral, line_at, match, parking_steps, percentile, score_node, step_at
from kerbstone.emulator.world.registry import build_site

S = 1_000_000
DAY = 86_400 * S
START = 1_772_323_200


def site(app):
    return build_site(app, START, random.Random(1), {})


def record(t, **values):
    return {"t_us": t, "sample_us": t, "record": "full", "values": values, "quality": "good", "trust": "live", "repeat": False}


def score(app, truth, records, duration=3 * DAY):
    return score_node(NodeResult("n", app, app, "b", "lorawan", records=records, truth=truth), duration)


def perfect_parking(truth, delay_us=3 * S):
    told = [record(0, state="free", cause="boot")]
    return told + [record(e["t_us"] + delay_us, state={"arrival": "occupied", "departure": "free"}[e["kind"]]) for e in truth["events"]]


@pytest.fixture(scope="module")
def bay_truth():
    return site("parking").truth(0, 3 * DAY)


def test_a_perfect_parking_sensor_scores_one(bay_truth):
    result = score("parking", bay_truth, perfect_parking(bay_truth, 0))
    assert result["precision"] == result["recall"] == result["f1"] == 1.0
    assert result["state_minutes_right_pct"] == 100.0 and result["event_delay_p95_s"] == 0.0
    assert result["reported"] == result["happened"] == len(bay_truth["events"])


def test_a_pair_of_missed_events_costs_recall_and_no_precision(bay_truth):
    told = perfect_parking(bay_truth)
    del told[3:5]
    result = score("parking", bay_truth, told)
    n = len(bay_truth["events"])
    assert result["precision"] == 1.0 and result["recall"] == pytest.approx((n - 2) / n, abs=1e-4)


def test_an_invented_car_costs_precision_and_no_recall(bay_truth):
    last = bay_truth["stays"][0]
    quiet = (last[1] + bay_truth["stays"][1][0]) // 2
    told = [*perfect_parking(bay_truth), record(quiet, state="occupied"), record(quiet + S, state="free")]
    result = score("parking", bay_truth, told)
    assert result["recall"] == 1.0 and result["precision"] < 1.0


def test_an_event_61_seconds_late_does_not_count_and_59_does(bay_truth):
    stays = [stay for stay in bay_truth["stays"] if stay[1] - stay[0] > 300 * S][:1]
    truth = {
        "events": [{"t_us": stays[0][0], "kind": "arrival"}, {"t_us": stays[0][1], "kind": "departure"}],
        "series": {"occupied": [[0, 0], [stays[0][0], 1], [stays[0][1], 0]]},
    }
    assert score("parking", truth, perfect_parking(truth, 59 * S))["recall"] == 1.0
    assert score("parking", truth, perfect_parking(truth, 61 * S))["recall"] == 0.0


def test_an_unsure_bay_is_no_event_but_costs_minutes(bay_truth):
    told = perfect_parking(bay_truth)
    unsure = [*told, record(told[1]["sample_us"] - 120 * S, state="unsure"), record(told[1]["sample_us"] - 30 * S, state="free")]
    result = score("parking", bay_truth, unsure)
    assert result["f1"] == 1.0 and result["state_minutes_unsure_pct"] > 0 and result["state_minutes_right_pct"] < 100


def test_a_second_copy_of_a_record_changes_nothing(bay_truth):
    told = perfect_parking(bay_truth)
    copies = [{**r, "t_us": r["t_us"] + 40 * S, "repeat": True} for r in told]
    assert score("parking", bay_truth, told + copies) == score("parking", bay_truth, told)


def test_nothing_reported_leaves_out_what_cannot_be_formed(bay_truth):
    result = score("parking", bay_truth, [])
    assert result["recall"] == 0.0 and "precision" not in result and "event_delay_p95_s" not in result
    assert result["state_minutes_right_pct"] == 0.0


def test_fill_errors_are_the_distance_to_the_level_at_the_time_of_the_sample():
    bin_ = site("bins")
    truth = bin_.truth(0, 3 * DAY)
    told = [record(t, fill=bin_.fill_pct(t) + (-1) ** i * 2.0, alarms=[]) for i, t in enumerate(range(S, 3 * DAY, 3600 * S))]
    told[4]["values"]["fill"] = None
    result = score("bins", truth, told)
    assert result["fill_error_mean_pct"] == pytest.approx(2.0, abs=0.01) and result["fill_error_p95_pct"] == pytest.approx(2.0, abs=0.01)
    assert result["fill_missing_pct"] == pytest.approx(100 / 72, abs=0.01)


def test_an_emptying_is_found_within_two_hours_and_an_invented_one_costs_precision():
    truth = site("bins").truth(0, 3 * DAY)
    emptied = [e["t_us"] for e in truth["events"]]
    assert emptied
    found = [record(t + 3600 * S, fill=1.0, alarms=["emptied"]) for t in emptied]
    assert score("bins", truth, found)["emptied_f1"] == 1.0
    late = [record(t + 2 * 3600 * S + S, fill=1.0, alarms=["emptied"]) for t in emptied]
    assert score("bins", truth, late)["emptied_recall"] == 0.0
    invented = [*found, record(emptied[0] - 3600 * S, fill=30.0, alarms=["emptied"])]
    assert score("bins", truth, invented)["emptied_precision"] == pytest.approx(len(emptied) / (len(emptied) + 1), abs=1e-4)


def test_air_errors_are_mean_absolute():
    air = site("air")
    truth = air.truth(0, DAY)
    told = [record(t, pm2_5=air.read("pm25_ug", t) + 1.5, air_temperature=air.read("temp_c", t) - 0.25) for t in range(0, DAY, 600 * S)]
    result = score("air", truth, told, DAY)
    assert result["pm2_5_error_mean_ug_m3"] == pytest.approx(1.5, abs=0.001)
    assert result["temperature_error_mean_c"] == pytest.approx(0.25, abs=0.001)
    assert "humidity_error_mean_pct" not in result


def test_a_lamp_that_follows_the_sun_is_right_and_its_meter_is_checked():
    pole = site("light")
    for t, dark in pole.truth(0, 3 * DAY)["series"]["dark"]:
        pole.act("dim_level", dark, t)
    truth = pole.truth(0, 3 * DAY)
    times = range(0, 3 * DAY, 900 * S)
    told = [record(t, power_w=pole.read("lamp_power_w", t), energy_kwh=5 + 1.02 * pole.energy_kwh(0, t)) for t in times]
    result = score("light", truth, told)
    assert result["lit_as_should_pct"] == 100.0 and result["dark_minutes_unlit"] == result["day_minutes_lit"] == 0
    assert result["power_error_mean_w"] == pytest.approx(0.0, abs=0.01)
    assert result["energy_error_pct"] == pytest.approx(2.0, abs=0.05)


def test_a_lamp_that_burns_all_day_is_wrong_by_day():
    result = score("light", site("light").truth(0, 2 * DAY), [], 2 * DAY)
    assert result["dark_minutes_unlit"] == 0 and 1200 < result["day_minutes_lit"] < 1440


def test_an_application_without_a_rule_has_no_score():
    assert score("tide", {}, [record(0, level=1)]) == {}


@pytest.mark.parametrize("app", ["parking", "bins", "air", "light"])
def test_every_figure_is_a_finite_number_even_for_an_empty_run(app):
    for duration in (0, 30 * S):
        result = score(app, site(app).truth(0, duration), [], duration)
        assert all(isinstance(v, int | float) and math.isfinite(v) for v in result.values())


def test_values_between_points_of_a_series():
    series = [[10, 1.0], [20, 3.0], [40, 7.0]]
    assert math.isnan(step_at(series, 9)) and [step_at(series, t) for t in (10, 19, 20, 99)] == [1.0, 1.0, 3.0, 7.0]
    assert [line_at(series, t) for t in (5, 15, 30, 50)] == [1.0, 2.0, 5.0, 7.0]
    assert integral([[0, 2.0], [3 * S, 4.0]], S, 5 * S) == pytest.approx(2 * 2 + 4 * 2)
    assert parking_steps([record(5, state="fault"), record(6, battery_v=3.0)])[0][0] == 5


def test_nearest_rank_percentiles():
    assert [percentile([1, 2, 3, 4], p) for p in (0, 50, 75, 95, 100)] == [1, 2, 3, 4, 4]


@given(st.lists(st.integers(0, 500), max_size=12), st.lists(st.integers(0, 500), max_size=12), st.integers(0, 30), st.integers(0, 30))
def test_matching_is_one_to_one_in_the_window_and_as_large_as_possible(reported, true, before, after):
    reported, true = sorted(reported), sorted(true)
    pairs = match(reported, true, before, after)
    assert all(t - before <= r <= t + after for r, t in pairs)
    for side, used in ((reported, [r for r, _ in pairs]), (true, [t for _, t in pairs])):
        assert all(used.count(value) <= side.count(value) for value in used)
    assert len(pairs) == largest_matching(reported, true, before, after)


def largest_matching(reported, true, before, after):
    """Augmenting paths (Kuhn): the textbook maximum, slow and independent of any order."""
    partner = {}

    def place(i, seen):
        for j, t in enumerate(true):
            if t - before <= reported[i] <= t + after and j not in seen:
                seen.add(j)
                if j not in partner or place(partner[j], seen):
                    partner[j] = i
                    return True
        return False

    return sum(place(i, set()) for i in range(len(reported)))
