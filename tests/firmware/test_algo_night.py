"""Local clocks, nights and dimming schedules."""

import random
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import app_runs  # noqa: F401 (lets CPython import the firmware)
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kerb.apps.algo import localtime, sun
from kerb.apps.algo.persist import Persistence
from kerb.apps.algo.schedule import Nights, Schedule
from kerb.errors import ConfigError
from kerbstone.emulator.world.sun import elevation_deg

DAY = 86_400
BERLIN = (52.52, 13.4)


@pytest.mark.parametrize(
    ("zone", "standard_min", "rule"),
    [
        ("Europe/Berlin", 60, "eu"), ("Europe/Lisbon", 0, "eu"), ("Europe/Helsinki", 120, "eu"),
        ("America/New_York", -300, "us"), ("America/Los_Angeles", -480, "us"), ("Asia/Kolkata", 330, "none"),
    ],
)  # fmt: skip
def test_local_time_equals_the_time_zone_database(zone, standard_min, rule):
    rng, tz = random.Random(zone), ZoneInfo(zone)
    moments = [rng.randrange(1_704_067_200, 2_145_916_800) for _ in range(2_000)]
    for year in range(2024, 2038):  # and every hour around the days of change
        for month, day in ((3, 8), (3, 28), (10, 28), (11, 4)):
            first = int(datetime(year, month, day, tzinfo=UTC).timestamp()) - 4 * DAY
            moments += range(first, first + 8 * DAY, 3_600)
    for utc in moments:
        expected = datetime.fromtimestamp(utc, tz).utcoffset()
        assert timedelta(seconds=localtime.offset_s(utc, standard_min, rule)) == expected, utc


@given(st.integers(min_value=-100_000, max_value=200_000))
def test_a_date_and_its_day_number_lead_to_each_other(day):
    expected = datetime(1970, 1, 1) + timedelta(days=day)
    assert localtime.civil(day) == (expected.year, expected.month, expected.day)
    assert localtime.days(*localtime.civil(day)) == day


@settings(max_examples=200, deadline=None)
@given(st.integers(1_704_067_200, 2_145_916_800), st.floats(-66, 66), st.floats(-180, 180))
def test_it_is_night_exactly_while_the_sun_is_down(utc, lat, lon):
    """Against the position of the sun by other formulas; within 0.1 degree of the horizon either may be right."""
    height = elevation_deg(utc, lat, lon) - sun.SUNRISE
    night = Nights(lat, lon, sun.SUNRISE, 0, 0).at(utc)
    if abs(height) > 0.1:
        assert (night is not None) == (height < 0)
    if night:
        assert night[0] <= utc < night[1]


@pytest.mark.parametrize(("day", "nights"), [(20_625, 0), (20_808, 24)])
def test_the_polar_day_has_no_night_and_the_polar_night_no_day(day, nights):
    svalbard = Nights(78.2, 15.6, sun.SUNRISE, -600, 600)
    assert sum(svalbard.at(day * DAY + hour * 3_600) is not None for hour in range(24)) == nights


def test_offsets_move_dusk_and_dawn():
    noon = 20_440 * DAY + 12 * 3_600
    midnight = noon + DAY // 2
    plain, moved = (Nights(*BERLIN, sun.SUNRISE, *offsets).at(midnight) for offsets in ((0, 0), (-600, 900)))
    assert (moved[0] - plain[0], moved[1] - plain[1]) == (-600, 900)


def local(text: str, offset_s: int) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) - offset_s


@pytest.mark.parametrize(
    ("at", "percent"),
    [
        ("2025-11-03T16:40", 90), ("2025-11-03T22:29", 90), ("2025-11-03T22:30", 50), ("2025-11-03T23:59", 50),
        ("2025-11-04T00:00", 50), ("2025-11-04T01:00", 20), ("2025-11-04T04:59", 20), ("2025-11-04T05:00", 100), ("2025-11-04T06:59", 100),
    ],
)  # fmt: skip
def test_clock_steps_hold_from_their_minute_until_the_next_also_over_midnight(at, percent):
    steps = Schedule([["05:00", 100], ["22:30", 50], ["01:00", 20]], 90)
    night = (local("2025-11-03T16:30", 3_600), local("2025-11-04T07:00", 3_600))
    assert steps.level(local(at, 3_600), night, 3_600) == percent


def test_steps_relative_to_the_middle_of_the_night_need_no_clock():
    steps = Schedule([[-120, 50], [180, 80]], 100)
    night = (1_762_190_000, 1_762_190_000 + 14 * 3_600)
    middle = (night[0] + night[1]) // 2
    for offset_s in (0, 3_600, -18_000):
        seen = [steps.level(middle + minutes * 60, night, offset_s) for minutes in (-400, -122, -118, 0, 178, 182, 400)]
        assert seen == [100, 100, 50, 50, 50, 80, 80]


@pytest.mark.parametrize("row", [["25:00", 50], ["x", 50], ["22", 50], ["22:30", 101], ["22:30"]])
def test_a_step_that_makes_no_sense_is_refused(row):
    with pytest.raises(ConfigError, match="dimming step"):
        Schedule([row], 100)


def test_a_summer_time_rule_nobody_knows_is_refused_by_name():
    with pytest.raises(ConfigError, match="mars"):
        localtime.check("mars")


@given(st.lists(st.tuples(st.sampled_from([True, False, None]), st.integers(0, 200)), max_size=40))
def test_a_flag_rises_only_after_its_condition_outweighed_its_absence_for_the_hold_time(updates):
    watch, balance, expected = Persistence(("a", "b"), 300), 0, False
    for holds, elapsed in updates:
        watch.update("b", holds, elapsed)
        if holds is not None:
            balance = min(max(balance + (elapsed if holds else -elapsed), 0), 300)
            expected = balance == 300 or (expected and balance > 0)
        assert watch.raised() == (["b"] if expected else [])
        buf = bytearray(5)
        watch.pack_into(buf, 0)
        watch = Persistence(("a", "b"), 300)
        watch.unpack_from(buf, 0)
