"""Adversaries of a bay: each by name, of the size its source gives, and a function of seed and time alone."""

import random

import pytest

from kerbstone.emulator.world.bay import Bay
from kerbstone.emulator.world.bay_adversaries import NAMES
from kerbstone.emulator.world.dipole import norm
from kerbstone.errors import NodeFileError

SUMMER, SECOND = 1_752_000_000, 1_000_000
DAY = 86_400 * SECOND


def bay(*names, seed=3, **options):
    return Bay(SUMMER, random.Random(seed), {"adversaries": names, **options})


def strongest(source, step_us=SECOND):
    return max(norm(source.field(t)) for t in range(0, DAY, step_us))


def test_an_adversary_nobody_knows_is_refused_by_name():
    with pytest.raises(NodeFileError, match="meteor"):
        bay("meteor")


@pytest.mark.parametrize("name", [*NAMES, "all"])
def test_the_same_seed_makes_the_same_day_whatever_was_read_before(name):
    a, b = bay(name), bay(name)
    b.field(DAY // 2)
    for t in range(0, DAY, 1_234 * SECOND):
        assert a.field(t) == b.field(t)
        assert a.extra_loss_db(t) == b.extra_loss_db(t)


@pytest.mark.parametrize(("name", "low", "high"), [("lorries", 2, 13), ("tram", 0.5, 5), ("neighbours", 0.3, 8)])
def test_sources_are_as_strong_as_measured_ones(name, low, high):
    for source in bay(name).sources:
        assert low <= strongest(source) <= high


@pytest.mark.parametrize("name", ["lorries", "tram", "neighbours"])
def test_a_source_says_when_it_moves(name):
    """Outside of the spans it names, a source stands still: parts rely on it."""
    for source in bay(name).sources:
        t = 0
        for _ in range(20):
            t = source.next_change(t)
            end = source.changing_until(t)
            assert end > t
            rest = source.field(end)
            quiet_until = source.next_change(end)
            assert source.field((end + quiet_until) // 2) == pytest.approx(rest, abs=0.01)
            t = end


def test_3_to_8_of_100_cars_hide_and_are_felt_while_they_roll():
    weak = total = felt = 0
    for seed in range(4):
        stays = bay("weak_cars", seed=seed).stays.between(0, 60 * DAY)
        total += len(stays)
        for stay in stays:
            if norm(stay.parked_ut) < 5:
                weak += 1
                span = stay.parked_us - stay.roll_in_us
                felt += max(norm(stay.field(stay.roll_in_us + span * k // 40)) for k in range(40)) > 12
    assert 0.02 * total < weak < 0.1 * total
    assert felt > weak / 2


def test_remanence_is_1_to_3_ut_after_a_car_and_does_not_run_away():
    sizes = [norm(stay.after_ut) for stay in bay("remanence").stays.between(0, 60 * DAY)]
    assert 0.5 < sum(sizes) / len(sizes) < 3
    assert max(sizes) < 4.5


def test_drift_swings_by_forty_kelvin_a_day():
    temps = [bay("drift").read("temp_c", t) for t in range(0, DAY, 1_800 * SECOND)]
    assert 35 < max(temps) - min(temps) < 50


def test_the_mount_turns_by_half_a_degree_and_keeps_the_size_of_the_field():
    turning = bay("mount", "drift")._mount
    at = turning.next_change(0)
    before, after = turning.earth_ut(at - 1), turning.earth_ut(at)
    assert norm(after) == pytest.approx(norm(before))
    assert norm(tuple(a - b for a, b in zip(before, after, strict=True))) == pytest.approx(0.0087 * norm(before), rel=0.01)


def test_one_car_stays_for_fourteen_days():
    longest = max(stay.roll_out_us - stay.parked_us for stay in bay("long_stay").stays.between(0, 20 * DAY))
    assert longest == 14 * DAY


def test_a_car_takes_10_to_15_db_and_the_link_wavers():
    hard = bay("fading")
    stays = hard.stays.between(0, 10 * DAY)
    taken = [hard.extra_loss_db((stay.parked_us + stay.roll_out_us) // 2) for stay in stays]
    assert 11 < sum(taken) / len(taken) < 14
    assert min(taken) >= 4 and max(taken) <= 21
    assert len({round(v, 2) for v in taken}) > len(taken) // 2
