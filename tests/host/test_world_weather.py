"""The weather table and the sun, against their sources."""

import csv
import datetime
import importlib.util
import random
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from kerbstone.emulator.world import weather
from kerbstone.emulator.world.calendar import LocalClock, profile_at
from kerbstone.emulator.world.sun import SUNSET_DEG, elevation_deg
from kerbstone.emulator.world.weather import Weather

pvlib = pytest.importorskip("pvlib")
ROOT = Path(__file__).parents[2]
HOUR_US = 3_600_000_000
YEAR_START = 1_767_243_600  # 2026-01-01 00:00 local standard time of the station
TMY3 = Path(pvlib.__file__).parent / "data" / "723170TYA.CSV"


@pytest.fixture(scope="module")
def tmy3():
    frame, meta = pvlib.iotools.read_tmy3(TMY3, map_variables=True)
    return frame, meta


NAMES = [("temp_c", "temp_air"), ("rh_pct", "relative_humidity"), ("pressure_hpa", "pressure"), ("ghi_w_m2", "ghi")]


@pytest.mark.parametrize("ours, theirs", NAMES)
def test_every_hour_of_the_table_is_the_value_pvlib_reads_from_the_tmy3_file(tmy3, ours, theirs):
    assert np.allclose(np.array(weather._table()[ours]), tmy3[0][theirs].to_numpy(), atol=1e-9)


def test_the_station_is_the_one_of_the_file(tmy3):
    meta = tmy3[1]
    assert (meta["latitude"], meta["longitude"], meta["TZ"]) == (weather.LAT, weather.LON, weather.UTC_OFFSET_H)


def test_the_script_makes_the_rows_of_the_table_again():
    spec = importlib.util.spec_from_file_location("make_weather", ROOT / "scripts" / "make_weather.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    lines = [line for line in script.TARGET.read_text().splitlines() if line[:1].isdigit()]
    assert [",".join(map(str, row)) for row in script.rows()] == lines


def test_the_curve_passes_through_the_observation_at_the_end_of_each_hour(tmy3):
    sky = Weather(YEAR_START)
    for hour in random.Random(1).sample(range(8759), 400):
        row = tmy3[0].iloc[hour]
        t = (hour + 1) * HOUR_US
        assert sky.temp_c(t) == pytest.approx(row["temp_air"])
        assert sky.rh_pct(t) == pytest.approx(row["relative_humidity"])
        assert sky.pressure_hpa(t) == pytest.approx(row["pressure"])


def test_the_sunlight_of_a_day_is_the_sum_of_its_hours(tmy3):
    sky = Weather(YEAR_START)
    for day in (0, 79, 172, 300):
        minutes = [sky.sun_w_m2(day * 24 * HOUR_US + minute * HOUR_US // 60) for minute in range(1440)]
        assert sum(minutes) / 60 == pytest.approx(tmy3[0]["ghi"].to_numpy()[day * 24 : day * 24 + 24].sum(), rel=1e-3)


@pytest.mark.parametrize("name", ["temp_c", "rh_pct", "pressure_hpa", "sun_w_m2"])
def test_no_curve_is_steeper_than_a_cubic_through_the_hourly_values_can_be(name):
    column = weather._table()["ghi_w_m2" if name == "sun_w_m2" else name]
    steepest = max(abs(b - a) for a, b in pairwise(column)) / 60  # a minute
    curve = getattr(Weather(YEAR_START), name)
    values = [curve(minute * HOUR_US // 60) for minute in range(60 * 24 * 60)]
    assert max(abs(b - a) for a, b in pairwise(values)) <= 2 * steepest  # Catmull-Rom: at most (3 * 1 + 1) / 2 of the chords around


def test_29_february_repeats_the_28th_and_march_is_in_its_place():
    noon_28 = int(datetime.datetime(2028, 2, 28, 17, tzinfo=datetime.UTC).timestamp())
    sky = Weather(noon_28)
    assert sky.temp_c(24 * HOUR_US) == sky.temp_c(0)
    common = Weather(int(datetime.datetime(2026, 3, 1, 17, tzinfo=datetime.UTC).timestamp()))
    assert sky.temp_c(48 * HOUR_US) == common.temp_c(0)


def test_sun_elevation_agrees_with_pvlib_within_two_hundredths_of_a_degree():
    rng = random.Random(2)
    for _ in range(40):
        lat, lon = rng.uniform(-75, 75), rng.uniform(-180, 180)
        times = [rng.randrange(1_704_067_200, 1_893_456_000) for _ in range(5)]
        index = np.array(times, dtype="datetime64[s]")
        theirs = pvlib.solarposition.spa_python(pd.DatetimeIndex(index, tz="UTC"), lat, lon)["elevation"]
        for t, elevation in zip(times, theirs, strict=True):
            assert elevation_deg(t, lat, lon) == pytest.approx(elevation, abs=0.02)


def test_the_sun_stands_at_the_sunset_angle_at_every_tabled_sunrise_and_sunset():
    rows = list(csv.DictReader((ROOT / "tests" / "conformance" / "data" / "sun_cases.csv").open()))
    events = [row for row in rows if row["state"] == "event" and row["event"] in ("sunrise", "sunset")]
    assert len(events) > 100
    for row in events:
        t = datetime.datetime.fromisoformat(row["nrel_spa_rootfind_utc"].replace("Z", "+00:00")).replace(tzinfo=datetime.UTC).timestamp()
        assert elevation_deg(t, float(row["lat"]), float(row["lon"])) == pytest.approx(SUNSET_DEG, abs=0.03)


def test_local_clock_knows_hour_weekday_and_midnight():
    clock = LocalClock(1_772_323_200, -5)  # Sunday 2026-03-01 00:00 UTC = Saturday 19:00 local
    assert clock.hour(0) == 19.0 and clock.weekday(0) == 5
    assert clock.next_day(0) == 5 * HOUR_US and clock.weekday(5 * HOUR_US) == 6
    assert clock.next_day(5 * HOUR_US) == 29 * HOUR_US


def test_a_day_profile_holds_its_entries_at_half_past_and_wraps_at_midnight():
    profile = list(range(24))
    assert [profile_at(profile, hour + 0.5) for hour in range(24)] == profile
    assert profile_at(profile, 0.0) == pytest.approx(11.5) and profile_at(profile, 23.9999999) == pytest.approx(11.5, abs=1e-3)
