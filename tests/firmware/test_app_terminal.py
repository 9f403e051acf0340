"""The terminal application: alarms with hysteresis, change, schedule, missing values; the same in either interpreter."""

import random
from types import SimpleNamespace

import pytest
from app_runs import plain, play, play_on_micropython, reports

from kerb.apps.terminal import App

ROWS = [
    {"name": "level", "source": "well.level", "min": 0, "max": 10, "step": 0.01, "low": 1.5, "hysteresis": 0.2, "high": 8},
    {"name": "flow", "source": "water.flow", "max": 100, "step": 1, "scale": 0.1, "offset": 2, "change": 5},
    {"name": "door", "source": "door.state", "change": 1},
]


def app(**settings):
    return App({"channels": ROWS, "report_s": 900, **settings})


def step(terminal, mono, **sample):
    """(priority, values) of the report, or None."""
    effects = terminal.step({"quality": 0, **{k.replace("_", "."): v for k, v in sample.items()}}, SimpleNamespace(mono=mono, utc=None))
    assert len(effects) <= 1
    return (effects[0][2], effects[0][3]) if effects else None


def begun(**settings):
    terminal = app(**settings)
    step(terminal, 10, well_level=5, water_flow=100, door_state=0)
    return terminal


def test_the_first_report_says_boot_and_scales_every_channel():
    priority, values = step(app(), 10, well_level=5, water_flow=105, door_state=0)
    assert priority == 2
    assert values == {"cause": "boot", "alarms": [], "level": 5.0, "flow": 12.5, "door": 0, "quality": 0}


def test_what_is_not_measured_at_the_start_is_missing_and_said_to_be_warming():
    _, values = step(app(), 10, well_level=5)
    assert (values["flow"], values["door"], values["quality"]) == (None, None, 2)


@pytest.mark.parametrize(
    ("levels", "told"),
    [
        ((1.5,), [["level_low"]]), ((1.51,), []), ((8.0,), [["level_high"]]),
        ((1.4, 1.6, 1.7), [["level_low"]]),  # within the hysteresis the alarm stands
        ((1.4, 1.71, 1.6), [["level_low"], []]),
        ((8.1, 7.9, 7.79), [["level_high"], []]),
        ((1.0, 9.0), [["level_low"], ["level_high"]]),
    ],
)
def test_alarms_begin_at_the_threshold_and_end_beyond_the_hysteresis(levels, told):
    terminal = begun()
    reports = [step(terminal, 20 + i, well_level=level) for i, level in enumerate(levels)]
    assert [r[1]["alarms"] for r in reports if r] == told
    assert [r[0] for r in reports if r][:1] == ([0] if told else [])


def test_a_change_is_reported_against_the_last_report_not_the_last_value():
    terminal = begun()
    told = [i for i in range(12) if step(terminal, 20 + i, water_flow=100 + 10 * i)]
    assert told == [5, 10]


def test_changes_are_held_back_and_alarms_are_not():
    terminal = begun(hold_s=300)
    assert step(terminal, 400, door_state=1)[0] == 1
    assert step(terminal, 410, door_state=0) is None
    assert step(terminal, 420, well_level=0.5)[0] == 0
    assert step(terminal, 750, door_state=0) is None  # the alarm's report told it already
    assert step(terminal, 800, door_state=1)[0] == 1


def test_routine_reports_keep_their_rhythm_and_old_values_go_missing():
    terminal = begun(stale_s=1000)
    told = [step(terminal, t, well_level=5) for t in range(100, 2000, 100)]
    reports = [r[1] for r in told if r]
    assert [r["cause"] for r in reports] == ["heartbeat"] * 2
    assert (reports[0]["flow"], reports[0]["quality"]) == (12.0, 0)
    assert (reports[1]["flow"], reports[1]["quality"]) == (None, 3)


def test_a_value_that_is_none_and_a_failed_part_make_the_next_report_a_fault():
    terminal = begun()
    assert step(terminal, 500, well_level=None) is None
    _, values = step(terminal, 910, door_state=0)
    assert (values["level"], values["quality"]) == (None, 3)
    assert step(terminal, 1820, well_level=5, door_state=0)[1]["quality"] == 0


def test_after_a_power_cycle_nothing_old_is_reported():
    terminal = begun()
    other = app()
    other.unpack(terminal.pack())
    _, values = step(other, 2, door_state=1)
    assert (values["cause"], values["level"], values["door"]) == ("boot", None, 1)


def test_a_counter_keeps_digits_a_float_of_the_board_has_not():
    row = [{"name": "total", "source": "a.b", "max": 4e9, "step": 1000}]
    assert step(App({"channels": row}), 1, a_b=3_123_456_789)[1]["total"] == 3_123_456_789


def test_both_interpreters_report_the_same_through_deep_sleeps():
    rng, samples, level = random.Random(8), [], 5.0
    for i in range(300):
        level = max(0.0, min(10.0, level + rng.choice((-0.75, 0.25, 0.5, -0.25))))
        sample = {"quality": rng.choice((0, 0, 0, 1)), "well.level": rng.choice((level, level, None))}
        if i % 3 == 0:
            sample |= {"water.flow": rng.randrange(0, 2000, 10), "door.state": rng.randrange(2)}
        samples.append((sample, 30 * i + 10, None))
    for repack in (False, True):
        ours = play("terminal", {"channels": ROWS}, samples, repack)
        assert plain(ours) == plain(play_on_micropython("terminal", {"channels": ROWS}, samples, repack))
        assert len(reports(ours)) > 50
