"""Air quality indices, NowCast and humidity corrections: known answers in both interpreters and in 32 bits, and properties."""

import importlib.util
import json
import math
import random
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from app_runs import FIRMWARE, micropython, play, play_on_micropython, reports
from hypothesis import given
from hypothesis import strategies as st

from kerb.apps.algo import aqi, aqi_cn_2012, aqi_cn_2026, aqi_eu_2025, aqi_eu_legacy, aqi_in_2014, aqi_us_2024, humidity
from kerb.apps.algo.hourly import Hourly
from kerb.apps.algo.nowcast import nowcast
from kerb.errors import ConfigError

ROOT = Path(__file__).parents[2]
KINDS_FOLDER = ROOT / "tests/conformance/kinds"
CASES = json.loads((ROOT / "tests/conformance/data/sensor_cases.json").read_text())
TABLES = (aqi_us_2024, aqi_eu_2025, aqi_eu_legacy, aqi_in_2014, aqi_cn_2012, aqi_cn_2026)
ROWS = [(table, pollutant) for table in TABLES for pollutant in table.POLLUTANTS]

SCRIPT = """
import json, sys
sys.path.append(%r)
kinds = __import__(%r).KINDS
for line in sys.stdin:
    kind, inputs = json.loads(line)
    print(json.dumps(kinds[kind](inputs)))
"""


def kinds_of(name: str) -> dict:
    spec = importlib.util.spec_from_file_location(name, KINDS_FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.KINDS


def close(got, expected, tolerance, key: str = "") -> bool:
    if isinstance(expected, dict):
        # int, int32, int64: the vendor's integer paths, which the firmware does not take
        return all(close(got[k], v, tolerance, k) for k, v in expected.items() if not k.startswith("int"))
    if isinstance(expected, list):
        return len(got) == len(expected) and all(close(g, e, tolerance) for g, e in zip(got, expected, strict=True))
    if isinstance(tolerance, dict):
        if key.startswith("gas_ohm"):
            return abs(got - expected) <= tolerance["gas_rel"] * expected
        tolerance = tolerance.get(key, 0)
    if isinstance(expected, bool | str) or expected is None or got is None:
        return got == expected
    return abs(got - expected) <= tolerance + 1e-9 * abs(expected)


@pytest.mark.parametrize("name", ["air", "air_index"])
def test_known_answers_under_micropython_and_cpython(name):
    kinds = kinds_of(name)
    cases = [case for case in CASES if case["kind"] in kinds]
    assert len(cases) >= 50
    text = "".join(json.dumps([c["kind"], c["inputs"]]) + "\n" for c in cases)
    lines = micropython(SCRIPT % (str(KINDS_FOLDER), name), text)
    assert len(lines) == len(cases)
    for case, line in zip(cases, lines, strict=True):
        assert close(json.loads(line), case["expected"], case["tolerance"]), (case["id"], line)
        assert close(kinds[case["kind"]](case["inputs"]), case["expected"], case["tolerance"]), case["id"]


@pytest.mark.parametrize("case", [c for c in CASES if "conc" in c["inputs"] or "ug_m3" in c["inputs"]], ids=lambda c: c["id"])
def test_known_indices_of_concentrations_that_are_32_bit_floats(case):
    key = "conc" if "conc" in case["inputs"] else "ug_m3"
    got = kinds_of("air_index")[case["kind"]](case["inputs"] | {key: np.float32(case["inputs"][key])})
    assert close(got, case["expected"], case["tolerance"])


def exact_us(pollutant: str, value: Fraction) -> int | None:
    """The rule in rational arithmetic, straight from the regulation's wording."""
    per, low, i_low, uppers, indices, unlimited = aqi_us_2024.POLLUTANTS[pollutant]
    c = Fraction(math.floor(value * per), per)
    ranges, start, index = [], Fraction(low, per), i_low
    for upper, i_high in zip(uppers, indices, strict=True):
        ranges.append((start, Fraction(upper, per), index, i_high))
        start, index = Fraction(upper + 1, per), i_high + 1
    if c < ranges[0][0] or (c > ranges[-1][1] and not unlimited):
        return None
    lo, hi, i_lo, i_hi = next((r for r in ranges if c <= r[1]), ranges[-1])
    return math.floor((i_hi - i_lo) / (hi - lo) * (c - lo) + i_lo + Fraction(1, 2))


@pytest.mark.parametrize("pollutant", aqi_us_2024.POLLUTANTS)
@pytest.mark.parametrize("wide", [float, np.float32])
def test_every_step_of_the_us_table_is_what_rational_arithmetic_gives_in_64_and_32_bits(pollutant, wide):
    row = aqi_us_2024.POLLUTANTS[pollutant]
    for step in range(row[3][-1] + 200):
        exact = Fraction(step, row[0])
        assert aqi_us_2024.index(pollutant, wide(step / row[0])) == exact_us(pollutant, exact), step
        # just below the next unit is cut, not rounded
        assert aqi_us_2024.index(pollutant, wide((step + 0.99) / row[0])) == exact_us(pollutant, exact), step


def exact_line(table, pollutant: str, value: Fraction) -> int | None:
    points, indices, above = table.POLLUTANTS[pollutant]
    for i in range(1, len(points)):
        if value * 1000 <= points[i]:
            line = (indices[i] - indices[i - 1]) * (value * 1000 - points[i - 1]) / (points[i] - points[i - 1]) + indices[i - 1]
            return math.ceil(line) if table.NAME.startswith("cn") else math.floor(line + Fraction(1, 2))
    return above


@pytest.mark.parametrize(("table", "pollutant"), [row for row in ROWS if len(row[0].POLLUTANTS[row[1]]) == 3])
def test_lines_equal_rational_arithmetic_at_and_around_every_point(table, pollutant):
    rng = random.Random(pollutant)
    points = table.POLLUTANTS[pollutant][0]
    tenths = [p // 100 + d for p in points for d in range(-3, 4)] + [rng.randrange(points[-1] // 100) for _ in range(200)]
    for c in tenths:
        if c >= 0:
            for wide in (float, np.float32):
                assert table.index(pollutant, wide(c / 10)) == exact_line(table, pollutant, Fraction(c, 10)), c


@pytest.mark.parametrize(("table", "pollutant"), ROWS, ids=lambda x: getattr(x, "NAME", x))
def test_indices_never_fall_as_the_air_gets_worse(table, pollutant):
    row = table.POLLUTANTS[pollutant]
    top = (row[3][-1] / row[0] if len(row) == 6 else row[0][-1] / 1000 if len(row) == 3 else row[-1]) * 1.5
    seen = [table.index(pollutant, top * i / 2000) for i in range(2001)]
    known = [i for i in seen if i is not None]
    assert known == sorted(known) and known


@pytest.mark.parametrize(("table", "pollutant"), ROWS, ids=lambda x: getattr(x, "NAME", x))
def test_nothing_and_nonsense_have_no_index_and_noise_below_zero_is_clean_air(table, pollutant):
    assert table.index(pollutant, None) is None
    assert table.index(pollutant, float("nan")) is None
    assert table.index(pollutant, -3.2) == table.index(pollutant, 0.0)


@pytest.mark.parametrize(
    ("table", "pollutant", "value", "index"),
    [
        (aqi_us_2024, "PM25", 400.0, 649),  # the last line goes on: 301 + 199 / 99.9 * 174.5
        (aqi_us_2024, "PM25", 325.4, 500),
        (aqi_us_2024, "O3_8h", 0.201, None),  # take the 1 h value
        (aqi_us_2024, "O3_1h", 0.124, None),  # take the 8 h value
        (aqi_us_2024, "O3_1h", 0.125, 101),
        (aqi_us_2024, "SO2_1h", 305.0, None),  # take the 24 h value
        (aqi_us_2024, "SO2_24h", 305.0, 201),
        (aqi_us_2024, "NO2_1h", 1249.0, 300),  # public code jumps to 500 here
        (aqi_us_2024, "O3_8h", 0.055, 51),
        (aqi_us_2024, "PM25", 150.5, 226),
        (aqi_eu_2025, "PM25", 5000.0, 6),
        (aqi_eu_2025, "PM25", 5.0, 1),
        (aqi_eu_2025, "PM25", 5.1, 2),
        (aqi_in_2014, "PM25", 900.0, 500),
        (aqi_cn_2012, "O3_8h", 801.0, None),
        (aqi_cn_2026, "O3_8h", 801.0, 300),
        (aqi_cn_2012, "PM25", 501.0, 500),
        (aqi_cn_2012, "PM25", 35.1, 51),
    ],
)
def test_ends_of_the_tables(table, pollutant, value, index):
    assert table.index(pollutant, value) == index


@given(st.integers(0, 400_000), st.sampled_from((1, 10, 1000)))
def test_cutting_a_32_bit_float_gives_the_unit_it_was_written_with(unit, per):
    if unit < 2**21:
        assert aqi.units(np.float32(unit / per), per) == unit


# -- NowCast ----------------------------------------------------------------------------------------------

hours = st.lists(st.one_of(st.none(), st.integers(0, 8_000).map(lambda n: n / 8)), min_size=1, max_size=12)


def exact_nowcast(hourly: list[float | None]) -> int | None:
    known = [Fraction(c) for c in hourly if c is not None]
    if sum(c is not None for c in hourly[:3]) < 2:
        return None
    w = Fraction(1) if max(known) <= 0 else max(Fraction(1, 2), min(known) / max(known))
    top = sum(w**i * Fraction(c) for i, c in enumerate(hourly) if c is not None)
    bottom = sum(w**i for i, c in enumerate(hourly) if c is not None)
    return math.floor(abs(top / bottom) * 10) * (1 if top >= 0 else -1)


@given(hours)
def test_nowcast_is_exact(hourly):
    assert nowcast(hourly) == exact_nowcast(hourly)


def test_nowcast_under_micropython_is_that_of_cpython():
    rng = random.Random(3)
    rows = [[rng.choice((None, rng.randint(0, 8_000) / 8, -1.5)) for _ in range(12)] for _ in range(400)]
    script = "import json, sys\nfrom kerb.apps.algo.nowcast import nowcast\nfor l in sys.stdin: print(json.dumps(nowcast(json.loads(l))))"
    lines = micropython(script, "".join(json.dumps(row) + "\n" for row in rows))
    assert [json.loads(line) for line in lines] == [nowcast(row) for row in rows] == [exact_nowcast(row) for row in rows]


@pytest.mark.parametrize(
    ("hourly", "tenths"),
    [
        ([0.0] * 12, 0),
        ([5.0, None, 5.0], 50),  # two of the latest three
        ([5.0, None, None, 5.0], None),
        ([None, 5.0, 5.0], 50),
        ([], None),
        ([-2.0, -2.0, -2.0], -20),
        ([-1.0, 20.0], 60),  # a negative hour counts as it is, the weight stays at 1/2: (-1 + 10) / 1.5
    ],
)
def test_nowcast_of_missing_and_negative_hours(hourly, tenths):
    assert nowcast(hourly) == tenths


# -- humidity correction ----------------------------------------------------------------------------------


@given(st.floats(0, 1_000), st.floats(0, 100))
def test_corrections_in_32_bits_are_those_of_64_to_a_hundredth_of_a_microgram(dust, rh):
    for formula in (humidity.epa_2021, humidity.fasm_2021):
        wide, narrow = formula(dust, rh), formula(np.float32(dust), np.float32(rh))
        if abs(dust - 343) > 0.01:
            assert float(narrow) == pytest.approx(wide, abs=0.01)


# -- hours, and the application ---------------------------------------------------------------------------


def test_an_hour_counts_with_samples_in_three_of_its_quarters():
    h = Hourly(3)
    for minute in (0, 20, 40):
        h.add(minute * 60, 10.0 + minute, None)
    for minute in (0, 1, 2, 20):
        h.add(3600 + minute * 60, 50.0, 60.0)
    h.close(7_300)
    assert h.hours(0) == [None, 30.0, None] and h.hours(1) == [None, None, None]
    h.close(7_200 + 3 * 3_600)
    assert h.hours(0) == [None] * 3


def dust_day(hourly: list[float], **more: float) -> list:
    """A sample every ten minutes: PM2.5 of each hour, twice as much PM10."""
    return [
        ({"pm25_ug": ug, "pm10_ug": 2 * ug, "quality": 0} | more, hour * 3_600 + minute * 60, None)
        for hour, ug in enumerate(hourly) for minute in range(0, 60, 10)
    ]  # fmt: skip


SETTINGS = {"index": "us_2024", "report_s": 3_600}


def indices(settings: dict, steps: list, repack: bool = False) -> list:
    return [r[3]["air_index"] for r in reports(play("air", settings, steps, repack))]


def test_the_us_index_is_that_of_the_nowcast_of_the_hours_before():
    hourly = [50, 80, 75, 90, 82, 53, 64, 74, 21, 10, 16, 13, 13]
    told = reports(play("air", SETTINGS, dust_day(hourly)))
    assert told[-1][1] == "index" and told[-1][3]["air_index_rule"] == "us_2024"
    assert told[-1][3]["air_index"] == 66  # the worked example: 17.4 ug/m3
    assert told[0][3]["air_index"] is None  # one hour is too little


@pytest.mark.parametrize("rule", ["eu_2025", "eu_legacy", "in_2014", "cn_2012", "cn_2026"])
def test_other_regions_take_their_own_hours_and_tables(rule):
    got = indices(SETTINGS | {"index": rule}, dust_day([20.0] * 26))
    table = importlib.import_module(f"kerb.apps.algo.aqi_{rule}")
    assert got[-1] == max(table.index("PM25", 20.0), table.index("PM10", 40.0))
    assert got[table.HOURS - 1 if table.HOURS == 1 else table.NEEDED - 1] is not None
    if table.NEEDED > 1:
        assert got[table.NEEDED - 2] is None


@pytest.mark.parametrize("rule", ["us_2024", "eu_2025", "in_2014"])
def test_hours_survive_deep_sleep_at_any_step_and_micropython_agrees(rule):
    rng = random.Random(5)
    steps = dust_day([rng.uniform(0, 300) for _ in range(30)])
    settings = SETTINGS | {"index": rule}
    whole = indices(settings, steps)
    assert sum(i is not None for i in whole) > 5
    assert indices(settings, steps, repack=True) == whole
    told = reports(play_on_micropython("air", settings, steps, repack=True))
    assert [r[3]["air_index"] for r in told] == whole


def test_a_power_cut_begins_the_hours_anew():
    steps = dust_day([30.0] * 6) + dust_day([30.0] * 3)
    told = indices(SETTINGS, steps)
    assert told[4] is not None and told[5] is None


@pytest.mark.parametrize(("name", "pm25"), [("epa_2021", 0.524 * 40 - 0.0862 * 70 + 5.75), ("fasm_2021", 0.52 * 40 - 0.086 * 70 + 5.75)])
def test_equations_for_plantower_sensors_take_the_cf1_value_and_the_nodes_humidity(name, pm25):
    steps = dust_day([30.0] * 2, rh_pct=70.0, pm25_cf1_ug=40.0)
    told = reports(play("air", {"correction": name}, steps))
    assert told[-1][3]["pm2_5"] == pytest.approx(pm25, rel=1e-5)
    assert told[-1][3]["pm10"] == 60 and told[-1][3]["quality"] == 0
    clean = reports(play("air", {"correction": name}, dust_day([0.0] * 2, rh_pct=99.0, pm25_cf1_ug=0.0)))
    assert clean[-1][3]["pm2_5"] == 0  # the equation gives -2.8


def test_without_any_humidity_an_equation_leaves_dust_raw_and_suspect():
    told = reports(play("air", {"correction": "epa_2021"}, dust_day([30.0] * 2)))
    assert told[-1][3]["pm2_5"] == 30 and told[-1][3]["quality"] == 1


def test_a_node_without_a_gas_sensor_is_not_warming_for_ever():
    assert {r[3]["quality"] for r in reports(play("air", {}, dust_day([30.0] * 2)))} == {0}


def test_indices_a_sensor_made_itself_are_handed_on():
    told = reports(play("air", {}, dust_day([30.0] * 2, voc_index=123.0, nox_index=4.0)))
    assert told[-1][3]["voc_index"] == 123 and told[-1][3]["nox_index"] == 4


@pytest.mark.parametrize("wrong", [{"index": "mars_2030"}, {"correction": "guess"}])
def test_a_wrong_setting_is_named_with_those_there_are(wrong):
    ((key, value),) = wrong.items()
    with pytest.raises(ConfigError, match=f"no {key} '{value}'; take one of .*20"):
        play("air", wrong, [])


def test_an_ordinary_node_loads_no_table():
    script = (
        "import sys\nfrom kerb.apps.air import App\nApp({})\nprint([m for m in sys.modules if 'aqi' in m or 'hourly' in m])\n"
        "App({'index': 'eu_2025'})\nprint(sorted(m for m in sys.modules if 'aqi_' in m))"
    )
    assert micropython(script, "") == ["[]", "['kerb.apps.algo.aqi_eu_2025']"]
    assert (FIRMWARE / "kerb/apps/algo/aqi_us_2024.py").exists()
