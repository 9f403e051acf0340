"""The parking bay: the stated statistics hold, the field is that of dipoles, every change is announced exactly."""

import math
import random
import statistics
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kerbstone.emulator.score import step_at
from kerbstone.emulator.world.dipole import Car, add, norm, scale
from kerbstone.emulator.world.registry import build_site

START = 1_772_323_200  # 2026-03-01 00:00 UTC
S = 1_000_000
DAY = 86_400 * S


def site(app, seed=1, **options):
    return build_site(app, START, random.Random(seed), options)


def largest_step(bay, start, end, step_us):
    fields = [bay.field(t) for t in range(start - 20_000, end + 20_000, step_us)]
    return max(norm(add(b, scale(a, -1))) for a, b in pairwise(fields))


def without_drift(bay, t):
    warm = bay.read("temp_c", t) - 20.0
    return add(bay.field(t), scale(bay.drift_ut_per_c, -warm))


@pytest.mark.parametrize("seed", range(4))
def test_a_bay_sees_ten_to_fifteen_arrivals_a_day_mostly_by_day(seed):
    bay = site("parking", seed)
    arrivals = [e["t_us"] for e in bay.truth(0, 60 * DAY)["events"] if e["kind"] == "arrival"]
    assert 10 <= len(arrivals) / 60 <= 15
    by_day = sum(7 <= bay.clock.hour(t) < 21 for t in arrivals)
    assert by_day / len(arrivals) > 0.8


def test_stays_are_log_normal_around_35_minutes():
    stays = site("parking").stays.between(0, 120 * DAY)
    minutes = [(s.roll_out_us - s.parked_us) / 60 / S for s in stays]
    assert statistics.median(minutes) == pytest.approx(35, rel=0.1)
    assert statistics.stdev(math.log(m) for m in minutes) == pytest.approx(0.9, abs=0.08)


def test_cars_follow_one_another_and_roll_for_two_to_five_seconds():
    stays = site("parking").stays.between(0, 60 * DAY)
    for stay in stays:
        assert 2 * S <= stay.parked_us - stay.roll_in_us <= 5 * S
        assert 2 * S <= stay.gone_us - stay.roll_out_us <= 5 * S
    assert all(b.roll_in_us >= a.gone_us + 20 * S for a, b in pairwise(stays))


def test_a_parked_car_shifts_the_field_by_10_to_80_microtesla():
    shifts = [norm(stay.parked_ut) for stay in site("parking").stays.between(0, 90 * DAY)]
    assert min(shifts) >= 9.999 and max(shifts) <= 80.001
    assert statistics.median(shifts) == pytest.approx(30, rel=0.1)


def test_the_moment_of_a_car_stays_within_a_factor_two_of_100_to_300_a_m2():
    for stay in site("parking").stays.between(0, 60 * DAY):
        assert 35 <= sum(norm(moment) for _, moment in stay.car.dipoles) <= 900  # permanent part: +-50 % beside the factor two


def test_a_dipole_of_100_a_m2_gives_20_microtesla_on_its_axis_and_10_beside_it_at_one_metre():
    upright = Car((((0.0, 0.0, 1.0), (0.0, 0.0, 100.0)),))
    assert upright.field(0.0, 0.0) == pytest.approx((0.0, 0.0, 20.0))
    along = Car((((0.0, 0.0, 1.0), (100.0, 0.0, 0.0)),))
    assert along.field(0.0, 0.0) == pytest.approx((-10.0, 0.0, 0.0))


def test_the_next_bay_is_felt_eight_times_less_at_twice_the_distance():
    car = site("parking").stays.first_after(0).car
    assert norm(car.field(0.0, 20.0)) / norm(car.field(0.0, 40.0)) == pytest.approx(8.0, rel=0.1)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 20 * DAY), st.integers(0, 5))
def test_between_the_announced_changes_only_temperature_moves_the_field(t, seed):
    bay = site("parking", seed)
    t = max(t, bay.changing_until(t))
    end = bay.next_change(t)
    before = without_drift(bay, t)
    for share in (0.3, 0.7, 1.0):
        assert without_drift(bay, t + round((end - t) * share)) == pytest.approx(before, abs=1e-6)


def test_a_change_is_announced_at_its_first_microsecond_and_ends_at_its_last():
    bay = site("parking")
    t = 0
    for _ in range(60):
        start = bay.next_change(t)
        end = bay.changing_until(start)
        assert bay.changing_until(start - 1) == start - 1 and 2 * S <= end - start <= 5 * S
        assert bay.changing_until(end) == end and bay.changing_until(end - 1) == end
        assert norm(add(without_drift(bay, end), scale(without_drift(bay, start), -1))) > 5
        t = start


def test_the_field_does_not_jump_while_a_car_rolls():
    bay = site("parking")
    for stay in bay.stays.between(0, 3 * DAY):
        for start, end in ((stay.roll_in_us, stay.parked_us), (stay.roll_out_us, stay.gone_us)):
            coarse, fine = (largest_step(bay, start, end, step_us) for step_us in (1000, 250))
            assert fine < 0.35 * coarse  # a jump would stay as large however closely one looks


def test_temperature_drifts_each_axis_by_a_tenth_to_three_tenths_of_a_microtesla_a_degree():
    for seed in range(10):
        assert all(0.1 <= abs(k) <= 0.3 for k in site("parking", seed).drift_ut_per_c)


def test_a_car_on_top_costs_12_db_and_only_then():
    bay = site("parking")
    (parked, left) = bay.truth(0, 2 * DAY)["stays"][0]
    assert [bay.extra_loss_db(t) for t in (parked - 1, parked, left - 1, left)] == [0.0, 12.0, 12.0, 0.0]


def test_truth_of_two_halves_is_the_truth_of_the_whole():
    bay, cut = site("parking"), 3 * DAY + 12345
    whole, first, second = bay.truth(0, 6 * DAY), bay.truth(0, cut), bay.truth(cut, 6 * DAY)
    assert whole["events"] == first["events"] + second["events"]
    assert step_at(whole["series"]["occupied"], cut) == second["series"]["occupied"][0][1]


def test_nobody_parks_before_the_first_arrival_and_turnover_scales_arrivals():
    assert site("parking", first_arrival_s=86_400).truth(0, DAY)["events"] == []
    calm, busy = (len(site("parking", turnover=k).truth(0, 40 * DAY)["events"]) for k in (0.3, 1.0))
    assert calm < 0.6 * busy


def test_another_disturbance_is_felt_announced_and_over():
    class Tram:
        start_us, end_us = 5 * S, 30 * S

        def field(self, t_us):
            return (3.0, 0.0, 0.0)

    bay, quiet = site("parking"), site("parking")
    bay.disturbances.append(Tram())
    assert bay.next_change(0) == 5 * S and bay.changing_until(5 * S) == 30 * S and bay.changing_until(30 * S) == 30 * S
    assert bay.read("bx_ut", 10 * S) - quiet.read("bx_ut", 10 * S) == pytest.approx(3.0)
    assert bay.read("bx_ut", 31 * S) == quiet.read("bx_ut", 31 * S)
