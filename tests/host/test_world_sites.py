"""The sites: values are functions of time alone, the stated statistics hold, nothing appears from nowhere."""

import math
import random
import statistics
import time
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kerbstone.emulator.score import integral, step_at
from kerbstone.emulator.world.bay import Bay
from kerbstone.emulator.world.bin import Bin
from kerbstone.emulator.world.constant import Constant
from kerbstone.emulator.world.dipole import Car, add, norm, scale
from kerbstone.emulator.world.noise import SmoothNoise, normal_at, uniform_at
from kerbstone.emulator.world.outdoor import NEVER_US
from kerbstone.emulator.world.pole import Pole
from kerbstone.emulator.world.registry import SITES, build_site
from kerbstone.emulator.world.station import Station
from kerbstone.errors import NodeFileError

START = 1_772_323_200  # 2026-03-01 00:00 UTC
S = 1_000_000
DAY = 86_400 * S
APPS = sorted(SITES)


def site(app, seed=1, **options):
    return build_site(app, START, random.Random(seed), options)


def same(a, b):
    return a == b or (math.isnan(a) and math.isnan(b))


def largest_step(bay, start, end, step_us):
    fields = [bay.field(t) for t in range(start - 20_000, end + 20_000, step_us)]
    return max(norm(add(b, scale(a, -1))) for a, b in pairwise(fields))


def without_drift(bay, t):
    warm = bay.read("temp_c", t) - 20.0
    return add(bay.field(t), scale(bay.drift_ut_per_c, -warm))


# --- every site ---


@pytest.mark.parametrize("app", APPS)
def test_same_seed_same_values_in_whatever_order_they_are_read(app):
    times = [random.Random(3).randrange(0, 5 * DAY) for _ in range(150)]
    forward, shuffled = site(app), site(app)
    calls = [(quantity, t) for quantity in forward.quantities for t in times]
    expected = {call: forward.read(*call) for call in sorted(calls, key=lambda call: call[1])}
    random.Random(4).shuffle(calls)
    assert all(same(shuffled.read(*call), expected[call]) for call in calls)
    assert shuffled.truth(0, 5 * DAY) == forward.truth(0, 5 * DAY) == site(app).truth(0, 5 * DAY)


@pytest.mark.parametrize("app", APPS)
def test_another_seed_makes_another_world(app):
    quantity = {"parking": "bx_ut", "bins": "distance_mm", "air": "pm25_ug", "light": "mains_v"}[app]
    times = range(0, 3 * DAY, 3600 * S)
    assert [site(app, 1).read(quantity, t) for t in times] != [site(app, 2).read(quantity, t) for t in times]


@pytest.mark.parametrize("app", APPS)
def test_looking_for_the_next_change_does_not_change_the_world(app):
    asked, quiet = site(app), site(app)
    t = 0
    for _ in range(200):
        later = asked.next_change(t)
        assert later > t and asked.changing_until(t) >= t
        if later >= NEVER_US:
            break
        t = later
    assert asked.truth(0, 2 * DAY) == quiet.truth(0, 2 * DAY)


@pytest.mark.parametrize("app", APPS)
def test_series_of_the_truth_are_in_order_and_within_the_asked_time(app):
    truth = site(app).truth(DAY, 3 * DAY)
    for points in truth["series"].values():
        times = [t for t, _ in points]
        assert times == sorted(times) and times[0] == DAY and times[-1] <= 3 * DAY
    assert all(DAY <= event["t_us"] < 3 * DAY for event in truth["events"])


@pytest.mark.parametrize("app", APPS)
def test_an_unknown_option_is_named_together_with_those_that_exist(app):
    with pytest.raises(NodeFileError, match=rf"The {app} site has no option 'colour'; it has .*lat"):
        site(app, colour=1)


@pytest.mark.parametrize("app", APPS)
def test_an_unknown_quantity_is_a_key_error(app):
    with pytest.raises(KeyError):
        site(app).read("mood", 0)
    with pytest.raises(KeyError):
        site(app).act("mood", 1.0, 0)


@pytest.mark.parametrize("app", APPS)
def test_a_week_of_reads_is_cheap(app):
    place = site(app)
    place.truth(0, 7 * DAY)
    calls = [(quantity, t) for t in range(0, 7 * DAY, 600 * S) for quantity in place.quantities]
    start = time.process_time()
    for call in calls:
        place.read(*call)
    assert (time.process_time() - start) / len(calls) < 60e-6  # measured 1-10 us; the margin is for a busy machine


# --- randomness ---


def test_hashed_numbers_are_uniform_and_normal():
    flat = [uniform_at(7, i) for i in range(20_000)]
    bell = [normal_at(7, i) for i in range(20_000)]
    assert statistics.mean(flat) == pytest.approx(0.5, abs=0.01) and min(flat) >= 0 and max(flat) < 1
    assert statistics.mean(bell) == pytest.approx(0.0, abs=0.03) and statistics.stdev(bell) == pytest.approx(1.0, abs=0.03)


def test_smooth_noise_does_not_jump():
    noise = SmoothNoise(9, 1000, 1.0)
    values = [noise.at(t) for t in range(0, 50_000, 10)]
    assert max(abs(b - a) for a, b in pairwise(values)) < 6.0 * math.pi / 2 * 10 / 1000
    assert statistics.pstdev(values) > 0.4


# --- parking ---


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


# --- bins ---


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


def test_a_lift_tilts_to_90_degrees_for_20_seconds_gives_no_echo_and_is_announced():
    bin_ = site("bins")
    bin_.truth(0, 10 * DAY)
    lift = bin_.rubbish.lifts[0]
    assert bin_.read("tilt_deg", lift.start_us - 1) <= 2.0 and bin_.read("tilt_deg", lift.end_us) <= 2.0
    assert bin_.read("tilt_deg", lift.tipped_us) == 90.0 and lift.end_us - lift.start_us == 20 * S
    assert all(math.isnan(bin_.read("distance_mm", t)) for t in range(lift.start_us, lift.end_us, S))
    before = max(f.t_us for f in bin_.rubbish.fills if f.t_us < lift.start_us)
    assert bin_.next_change(before) == lift.start_us and bin_.changing_until(lift.start_us) == lift.end_us


# --- air ---


def test_smaller_particles_are_a_part_of_the_larger_ones_and_nothing_is_negative():
    air = site("air")
    for t in range(0, 20 * DAY, 1777 * S):
        masses = [air.read(name, t) for name in ("pm1_ug", "pm25_ug", "pm4_ug", "pm10_ug")]
        assert masses[0] > 0 and masses == sorted(masses)
        assert air.read("voc_ppb", t) > 0 and air.read("nox_ppb", t) > 0


def test_rush_hour_air_is_worse_than_early_morning_air():
    air = site("air", episodes=0)
    days = range(60)
    rush, dawn = ([air.read("nox_ppb", (d * 24 + h) * 3600 * S) for d in days] for h in (13, 8))  # UTC: 08:00 and 03:00 at the station
    assert statistics.mean(rush) > 2 * statistics.mean(dawn)


def test_smoke_comes_about_every_third_day_rises_in_minutes_and_decays():
    air = site("air")
    episodes = air.truth(0, 200 * DAY)["events"]
    assert len(episodes) == pytest.approx(60, abs=25)
    start = episodes[3]["t_us"]
    assert air.next_change(start - 1) == start and air.changing_until(start) == start + 300 * S
    assert air.smoke_ug(start + 300 * S) >= episodes[3]["peak_ug"] - 0.1
    assert air.smoke_ug(start + DAY) < 0.2 * air.smoke_ug(start + 300 * S) or air.next_change(start) < start + DAY


# --- light ---


def test_energy_is_the_integral_of_power_whatever_was_commanded():
    pole, rng, t = site("light"), random.Random(5), 0
    for _ in range(300):
        t += rng.randrange(1, 3600 * S)
        pole.act(*rng.choice((("dim_level", rng.random()), ("dim_level", 0.0), ("relay", rng.randrange(2)))), t)
    truth = pole.truth(0, t)
    assert truth["energy_kwh"] == pytest.approx(integral(truth["series"]["power_w"], 0, t) / 3.6e6, rel=1e-3)
    middle = t // 2
    assert pole.energy_kwh(0, middle) + pole.energy_kwh(middle, t) == pytest.approx(pole.energy_kwh(0, t))


def test_without_a_controller_the_lamp_burns_at_full_power():
    pole = site("light")
    assert pole.lit(DAY) and pole.read("lamp_power_w", DAY) == 50.0


def test_power_falls_with_the_level_down_to_standby_and_the_relay_takes_all():
    pole = site("light")
    powers = []
    for i, level in enumerate((1.0, 0.8, 0.5, 0.3, 0.1, 0.0)):
        pole.act("dim_level", level, (i + 1) * S)
        powers.append(pole.read("lamp_power_w", (i + 1) * S))
        assert 0 < pole.read("lamp_pf", (i + 1) * S) <= 1
    assert powers == sorted(powers, reverse=True) and powers[-1] == 0.5 and not pole.lit(6 * S)
    pole.act("relay", 0, 10 * S)
    assert pole.read("lamp_power_w", 10 * S) == 0.0


def test_the_past_of_an_actuator_can_still_be_read():
    pole = site("light")
    pole.act("dim_level", 0.5, 100 * S)
    pole.act("dim_level", 0.2, 200 * S)
    assert [round(pole.read("lamp_power_w", t * S), 2) for t in (99, 100, 199, 200)] == [50.0, 26.25, 26.25, 11.75]


def test_darkness_changes_twice_a_day_at_the_tabled_angle():
    pole = site("light")
    dark = pole.truth(0, 10 * DAY)["series"]["dark"]
    assert len(dark) == 21
    for t, _ in dark[1:]:
        assert pole.sun_elevation_deg(t) == pytest.approx(-0.8333, abs=0.005)


def test_the_luminaire_warms_slowly_and_never_jumps():
    pole = site("light")
    pole.act("dim_level", 0.0, 6 * 3600 * S)
    before, at, later = (pole.read("temp_c", 6 * 3600 * S + dt) for dt in (-1, 0, 3600 * S))
    assert at == pytest.approx(before, abs=0.01) and later < at - 10


def test_mains_stays_within_the_tolerance_of_the_standard():
    volts = [site("light").read("mains_v", t) for t in range(0, 7 * DAY, 3600 * S)]
    assert min(volts) > 207 and max(volts) < 253 and statistics.pstdev(volts) > 0.5


# --- other applications ---


def test_a_users_own_application_reads_the_constants_of_its_node_file():
    place = build_site("tide", START, random.Random(1), {"level_mm": 1200, "volt_v": 3.3})
    assert isinstance(place, Constant) and place.read("level_mm", DAY) == 1200.0
    place.act("valve", 1, 50 * S)
    place.act("valve", 0, 70 * S)
    assert place.read("valve", 60 * S) == 1.0
    with pytest.raises(KeyError):
        place.read("valve", 49 * S)
    assert place.truth(0, DAY)["series"] == {"level_mm": [[0, 1200.0]], "volt_v": [[0, 3.3]], "valve": [[50 * S, 1.0], [70 * S, 0.0]]}
    assert place.truth(60 * S, DAY)["series"]["valve"] == [[60 * S, 1.0], [70 * S, 0.0]]


def test_a_constant_that_is_no_number_is_refused_by_name():
    with pytest.raises(NodeFileError, match="'level_mm' is 'high'; give a number"):
        build_site("tide", START, random.Random(1), {"level_mm": "high"})


def test_the_registry_has_the_four_applications():
    assert {"parking": Bay, "bins": Bin, "air": Station, "light": Pole} == SITES
