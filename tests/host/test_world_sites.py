"""Every site: values are functions of time alone, options and quantities are checked, reads are cheap."""

import math
import random
import statistics
import time
from itertools import pairwise

import pytest

from kerbstone.emulator.world.bay import Bay
from kerbstone.emulator.world.bin import Bin
from kerbstone.emulator.world.constant import Constant
from kerbstone.emulator.world.noise import SmoothNoise, normal_at, uniform_at
from kerbstone.emulator.world.outdoor import NEVER_US
from kerbstone.emulator.world.pole import Pole
from kerbstone.emulator.world.registry import SITES, build_site
from kerbstone.emulator.world.station import Station
from kerbstone.emulator.world.works import Works
from kerbstone.errors import NodeFileError

START = 1_772_323_200  # 2026-03-01 00:00 UTC
S = 1_000_000
DAY = 86_400 * S
APPS = sorted(SITES)


def site(app, seed=1, **options):
    return build_site(app, START, random.Random(seed), options)


def same(a, b):
    return a == b or (math.isnan(a) and math.isnan(b))


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
    quantity = {"parking": "bx_ut", "bins": "distance_mm", "air": "pm25_ug", "light": "mains_v", "terminal": "level_m"}[app]
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


def test_the_registry_has_the_five_applications():
    assert {"parking": Bay, "bins": Bin, "air": Station, "light": Pole, "terminal": Works} == SITES
