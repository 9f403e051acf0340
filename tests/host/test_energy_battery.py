"""Battery life: known answers of the formula, the ceiling, the cells, the budgets."""

import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kerbstone.build.cells import cells
from kerbstone.build.check import check
from kerbstone.build.node import BatteryTable, load_node, ready_nodes
from kerbstone.build.sources import source_texts
from kerbstone.energy.battery import LONGEST_YEARS, Battery, years
from kerbstone.energy.budget import DAY_US, battery_of, exceeded
from kerbstone.errors import NodeFileError
from kerbstone.paths import boards_dir

CASES = [
    case
    for case in json.loads((Path(__file__).parents[1] / "conformance" / "data" / "sensor_cases.json").read_text())
    if case["kind"] == "battery_life_years"
]
PARKING = (boards_dir() / "nodes" / "parking.toml").read_text()


@pytest.mark.parametrize("case", CASES, ids=lambda c: c["id"])
def test_the_formula_gives_the_known_lives(case):
    i = case["inputs"]
    mah_per_day = i["sleep_uA"] * 24 / 1000 + i["event_mC"] * i["events_per_day"] / 3600
    assert years(i["capacity_mAh"], mah_per_day, i["self_discharge_pct_per_year_of_remaining"]) == pytest.approx(
        case["expected"], rel=case["tolerance"]["rel"]
    )


@given(st.floats(100, 1e5), st.floats(0.01, 100), st.floats(0, 30))
def test_integrating_the_loss_day_by_day_agrees_with_the_formula(capacity, load, loss):
    found = years(capacity, load, loss)
    k = -math.log1p(-loss / 100)
    left = capacity * math.exp(-k * found) - load * 365.25 * (found if k == 0 else -math.expm1(-k * found) / k)
    assert left == pytest.approx(0, abs=1e-6 * capacity)


@given(st.sampled_from(sorted(cells().cell)), st.floats(0.01, 50))
def test_no_life_is_promised_beyond_the_ceiling_and_more_load_never_lengthens_it(name, load):
    battery = Battery(name, cells().cell[name], BatteryTable(cell=name))
    life = battery.life(load)
    assert 0 < life.years <= LONGEST_YEARS and life.years <= life.bare_years
    assert battery.life(load * 1.5).bare_years < life.bare_years


def test_parallel_cells_add_charge_and_series_cells_do_not():
    def usable(**counts):
        return Battery("ls33600", cells().cell["ls33600"], BatteryTable(cell="ls33600", **counts)).usable_mah

    assert usable() == 17_000 * 0.75
    assert usable(parallel=3) == 3 * usable() and usable(series=3) == usable()


def test_every_cell_states_its_source_and_a_plausible_current():
    for name, cell in cells().cell.items():
        assert cell.source and set(cell.source.split()) <= set(source_texts()), name
        assert cell.pulse_ma is None or cell.pulse_ma >= cell.continuous_ma, name


def test_every_assumption_of_a_life_is_said():
    node = load_node("parking")
    battery = battery_of(node)
    assert battery is not None
    said = " ".join(battery.assumptions())
    for word in ("17000 mAh", "75 %", "Self-discharge 1 %", "Ageing another 1 %", "15 years", "Saft"):
        assert word in said


def mine(tmp_path, text):
    path = tmp_path / "mine.toml"
    path.write_text(text)
    return load_node(str(path))


def test_a_node_within_its_budget_is_not_mentioned():
    assert exceeded(load_node("parking"), 1.0, DAY_US) == []


def test_drawing_more_than_the_budget_is_one_sentence_with_both_figures():
    (sentence,) = exceeded(load_node("parking"), 2.5, DAY_US)
    assert "2.50 mAh" in sentence and "the 2 of its budget" in sentence and "parking.toml" in sentence


def test_a_battery_that_ends_too_early_is_told(tmp_path):
    node = mine(tmp_path, PARKING.replace('cell = "ls33600"', 'cell = "ls14500"').replace("mah_per_day = 2.0", "mah_per_day = 9.0"))
    (sentence,) = exceeded(node, 1.4, DAY_US)
    assert "LS 14500" in sentence and "before the 10" in sentence


def test_less_than_a_day_is_not_judged():
    assert exceeded(load_node("parking"), 1000.0, DAY_US - 1) == []


@pytest.mark.parametrize("name", [n for n in ready_nodes() if load_node(n).spec.policy.deep_sleep])
def test_every_ready_node_that_sleeps_states_battery_and_budget(name):
    spec = load_node(name).spec
    assert spec.battery and spec.budget and spec.budget.mah_per_day and spec.budget.life_years


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('cell = "ls33600"', 'cell = "ls3360"', ("mine.toml:{}", "'ls33600'")),
        ("mah_per_day = 2.0", "mah_per_day = -2.0", ("mine.toml:{}", "greater than 0")),
        ("mah_per_day = 2.0", "mah_a_day = 2.0", ("mine.toml:{}", "'mah_per_day'")),
        ("life_years = 10", "life_years = 40", ("mine.toml:{}", "less than or equal to 15")),
    ],
)
def test_a_wrong_battery_or_budget_is_refused_with_line_and_remedy(tmp_path, old, new, said):
    text = PARKING.replace(old, new)
    number = next(i for i, row in enumerate(text.splitlines(), 1) if new in row)
    with pytest.raises(NodeFileError) as caught:
        check(mine(tmp_path, text))
    for words in said:
        assert words.format(number) in str(caught.value)


def test_a_budget_of_years_without_a_battery_is_refused(tmp_path):
    head, _, tail = PARKING.partition("[battery]")
    with pytest.raises(NodeFileError, match=r"\[battery\]"):
        check(mine(tmp_path, head + tail[tail.index("[budget]") :]))
