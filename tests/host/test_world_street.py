"""The air station and the light point."""

import random
import statistics

import pytest

from kerbstone.emulator.score import integral
from kerbstone.emulator.world.registry import build_site

START = 1_772_323_200  # 2026-03-01 00:00 UTC
S = 1_000_000
DAY = 86_400 * S


def site(app, seed=1, **options):
    return build_site(app, START, random.Random(seed), options)


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
