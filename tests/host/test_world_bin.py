"""The waste container: nothing appears from nowhere, the lorry keeps its days, echoes are honest."""

import math
import random
import statistics

import pytest

from kerbstone.emulator.world.registry import build_site

START = 1_772_323_200  # 2026-03-01 00:00 UTC
S = 1_000_000
DAY = 86_400 * S


def site(app, seed=1, **options):
    return build_site(app, START, random.Random(seed), options)


@pytest.mark.parametrize("seed", range(3))
def test_what_is_thrown_in_is_either_in_the_bin_or_was_taken_away(seed):
    bin_ = site("bins", seed)
    bin_.truth(0, 40 * DAY)
    rubbish, thrown = bin_.rubbish, 0.0
    for fill in rubbish.fills:
        thrown += fill.added_mm
        taken = sum(lift.from_mm - lift.to_mm for lift in rubbish.lifts if lift.tipped_us <= fill.t_us)
        assert thrown - taken == pytest.approx(fill.level_mm, abs=1e-6)
        assert 0 <= fill.level_mm <= bin_.height_mm


def test_deposits_a_day_follow_the_option():
    bin_ = site("bins", deposits_per_day=25, deposit_mm=3.0)
    bin_.truth(0, 60 * DAY)
    assert sum(f.added_mm > 0 and f.t_us < 60 * DAY for f in bin_.rubbish.fills) / 60 == pytest.approx(25, rel=0.1)


def test_the_lorry_comes_on_its_weekdays_between_six_and_eight():
    bin_ = site("bins", deposit_mm=2.0)
    events = bin_.truth(0, 28 * DAY)["events"]
    assert len(events) == 12
    assert {bin_.clock.weekday(e["t_us"]) for e in events} == {0, 2, 4}
    assert all(6 <= bin_.clock.hour(e["t_us"]) <= 8.01 and e["to_pct"] <= 2.0 for e in events)


def test_a_full_bin_calls_a_lorry_within_hours():
    bin_ = site("bins", deposit_mm=40.0, weekdays=(0,))
    series = bin_.truth(0, 30 * DAY)["series"]["fill_pct"]
    full_since = None
    for t, pct in series:
        if pct > 98.0:
            full_since = full_since or t
            assert t - full_since < 9 * 3600 * S
        else:
            full_since = None
    assert len(bin_.truth(0, 30 * DAY)["events"]) > 8


def test_an_echo_is_height_plus_headroom_less_the_surface_or_nothing():
    bin_ = site("bins")
    times = range(0, 5 * DAY, 61 * S)
    echoes = [(t, bin_.read("distance_mm", t)) for t in times]
    heard = [(t, d) for t, d in echoes if not math.isnan(d)]
    assert all(250 <= d <= 1450 for _, d in heard)
    errors = [(1450 - d) - 12.0 * bin_.fill_pct(t) for t, d in heard]
    assert abs(statistics.mean(errors)) < 4 and statistics.stdev(errors) == pytest.approx(15, rel=0.3)
    assert 0.005 < 1 - len(heard) / len(echoes) < 0.1


def test_a_lift_tilts_to_125_degrees_for_20_seconds_gives_no_echo_and_is_announced():
    bin_ = site("bins")
    bin_.truth(0, 10 * DAY)
    lift = bin_.rubbish.lifts[0]
    assert bin_.read("tilt_deg", lift.start_us - 1) <= 2.0 and bin_.read("tilt_deg", lift.end_us) <= 2.0
    assert bin_.read("tilt_deg", lift.tipped_us) == 125.0 and lift.end_us - lift.start_us == 20 * S
    assert all(math.isnan(bin_.read("distance_mm", t)) for t in range(lift.start_us, lift.end_us, S))
    before = max(f.t_us for f in bin_.rubbish.fills if f.t_us < lift.start_us)
    assert bin_.next_change(before) == lift.start_us and bin_.changing_until(lift.start_us) == lift.end_us
