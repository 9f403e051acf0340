"""Bins: levels, emptyings, fires and lost echoes, on made-up bursts."""

import random
from typing import Any, ClassVar

import pytest
from app_runs import Step, check_effects, new_app, plain, play, play_on_micropython, reports
from hypothesis import given, settings
from hypothesis import strategies as st

from kerb.clock import Instant
from kerb.errors import ConfigError

PARTS: dict[str, set[str]] = {"level": set(), "climate": set(), "tilt": set()}
FLOOR_MM = 1_450  # height and headroom of the defaults


def burst(*mm: int | None) -> list[int | None]:
    return list(mm) if len(mm) > 1 else [mm[0]] * 5


class Container:
    """Plays the node: a measurement every ten minutes, and what the application asks for in between."""

    PERIOD: ClassVar[int] = 600

    def __init__(self, **app_settings: Any):
        self.app = new_app("bins", app_settings)
        self.mono = 0
        self.reports: list[Any] = []
        self.notes: list[str] = []

    def step(self, **sample: Any) -> list[Any]:
        effects = self.app.step({"quality": 0, **sample}, Instant(self.mono, None))
        check_effects("bins", effects, PARTS)
        self.reports += reports([effects])
        self.notes += [e[1] for e in effects if e[0] == "note"]
        return effects

    def measure(self, *bursts: list[int | None], temp: float = 20.0, tilt: float = 1.0, tipped: bool = False, after: int = PERIOD) -> None:
        """A round of all parts with the first burst; the others (the last one for ever) answer the repeats."""
        self.mono += after
        left = list(bursts)
        effects = self.step(echoes_mm=left[0], distance_mm=left[0][0], temp_c=temp, tilt_deg=tilt, tipped=tipped, battery_v=3.6)
        while any(e[0] == "again" and e[1] == "level" for e in effects):
            self.mono += next(e[2] for e in effects if e[0] == "again" and e[1] == "level") // 1000
            left = left[1:] or left
            effects = self.step(echoes_mm=left[0], distance_mm=left[0][0])

    @property
    def last(self) -> dict[str, Any]:
        return self.reports[-1][3]


def at_fill(percent: float) -> int:
    return round(FLOOR_MM - 12 * percent)


def test_a_level_becomes_a_share_of_the_volume():
    bin_ = Container()
    bin_.measure(burst(at_fill(40)))
    assert (bin_.last["fill"], bin_.last["distance_mm"], bin_.last["alarms"]) == (40, at_fill(40), [])
    assert (bin_.last["temperature"], bin_.last["battery_v"], bin_.last["quality"]) == (20.0, 3.6, 0)
    tapered = Container(shape="frustum", dims=[400, 450, 500, 620], height_mm=930, headroom_mm=100)
    tapered.measure(burst(round(1_030 - 232.5)))
    assert tapered.last["fill"] == 20  # truth case fill_fraction-010: 0.20077


def test_one_false_echo_or_two_that_disagree_do_not_move_the_level():
    bin_ = Container()
    bin_.measure(burst(800, 300, 805, 455, 810))
    assert bin_.last["distance_mm"] == 805


def test_routine_reports_come_every_hour_and_a_change_of_a_step_at_once():
    bin_ = Container()
    for _ in range(13):
        bin_.measure(burst(at_fill(40)))
    assert [r[1:3] for r in bin_.reports] == [("full", 2)] * 3
    bin_.measure(burst(at_fill(44)))
    assert len(bin_.reports) == 3
    bin_.measure(burst(at_fill(45)))
    assert bin_.reports[-1][2] == 1 and bin_.last["fill"] == 45


def test_an_emptying_is_told_once_after_a_second_look_with_the_new_level():
    bin_ = Container()
    bin_.measure(burst(at_fill(80)))
    bin_.measure(burst(at_fill(2)))
    assert bin_.reports[-1][2] == 1
    assert (bin_.last["alarms"], bin_.last["fill"]) == (["emptied"], 2)
    for _ in range(8):
        bin_.measure(burst(at_fill(3)))
    assert sum("emptied" in r[3]["alarms"] for r in bin_.reports) == 1


def test_a_drop_that_the_second_look_does_not_see_is_no_emptying():
    bin_ = Container()
    bin_.measure(burst(at_fill(80)))
    bin_.measure(burst(at_fill(2)), burst(at_fill(80)))
    assert len(bin_.reports) == 1


def test_a_full_bin_is_told_once_and_clears_with_hysteresis():
    bin_ = Container()
    for percent in (88, 91, 89, 91, 87, 84):
        bin_.measure(burst(at_fill(percent)))
    assert [("full" in r[3]["alarms"]) for r in bin_.reports] == [False, True, False]


def test_lost_echoes_raise_an_alarm_after_three_bursts_and_leave_the_fill_missing():
    bin_ = Container()
    bin_.measure(burst(at_fill(60)))
    bin_.measure(burst(None))
    assert bin_.reports[-1][2] == 1
    assert (bin_.last["fill"], bin_.last["distance_mm"], bin_.last["alarms"]) == (None, None, ["no_echo"])
    for _ in range(8):
        bin_.measure(burst(None))
    assert all(r[3]["fill"] is None for r in bin_.reports[1:])
    bin_.measure(burst(at_fill(60)))
    assert (bin_.last["fill"], bin_.last["alarms"]) == (60, [])


def test_a_silent_distance_sensor_does_not_silence_the_node_nor_repeat_an_old_level():
    bin_ = Container()
    bin_.measure(burst(at_fill(60)))
    for _ in range(18):
        bin_.mono += 600
        bin_.step(temp_c=20.0, quality=3)
    assert len(bin_.reports) == 2
    assert (bin_.last["fill"], bin_.last["quality"]) == (None, 3)


@pytest.mark.parametrize(
    ("readings", "fires"),
    [
        ([(600, 70.0), (30, 70.0)], True),
        ([(600, 70.0), (30, 60.0)], False),
        ([(600, 20.0), (60, 30.0), (30, 34.0)], True),  # 10, then 8 K a minute
        ([(600, 20.0), (60, 30.0), (30, 31.0)], False),
        ([(600, 20.0), (600, 50.0), (600, 64.9)], False),  # a black lid in the sun
    ],
)
def test_a_fire_takes_two_hot_or_two_steeply_rising_readings(readings, fires):
    bin_ = Container()
    bin_.measure(burst(at_fill(60)))
    for after, temp in readings:
        bin_.mono += after
        bin_.step(temp_c=temp)
    assert any("fire" in r[3]["alarms"] and r[2] == 0 for r in bin_.reports) is fires


def test_a_hot_reading_asks_for_the_second_one_soon():
    effects = play("bins", {}, [({"temp_c": 80.0, "quality": 0}, 600, None)])
    assert ("again", "climate", 30_000) in effects[0]


def test_a_bin_on_its_side_is_told_at_the_second_look_and_its_echoes_do_not_count():
    bin_ = Container()
    bin_.measure(burst(at_fill(80)))
    bin_.mono += 600
    effects = bin_.step(echoes_mm=burst(at_fill(0)), distance_mm=at_fill(0), temp_c=20.0, tilt_deg=85.0)
    assert ("again", "tilt", 30_000) in effects and len(bin_.reports) == 1
    bin_.mono += 30
    bin_.step(tilt_deg=86.0)
    assert bin_.reports[-1][2] == 0
    assert (bin_.last["alarms"], bin_.last["fill"]) == (["tilted"], None)
    bin_.measure(burst(at_fill(80)))
    assert (bin_.last["alarms"], bin_.last["fill"]) == ([], 80)


@pytest.mark.parametrize("degrees", [25.0, 90.0])
def test_an_open_lid_is_no_alarm_and_no_level(degrees):
    bin_ = Container()
    bin_.measure(burst(at_fill(80)))
    bin_.mono += 600
    bin_.step(echoes_mm=burst(at_fill(0)), distance_mm=at_fill(0), temp_c=20.0, tilt_deg=degrees)
    bin_.mono += 30
    bin_.step(tilt_deg=1.0)
    bin_.measure(burst(at_fill(80)))
    assert all(r[3]["alarms"] == [] and r[3]["fill"] in (80, None) for r in bin_.reports)


@pytest.mark.parametrize(("before", "after", "emptied"), [
    (80, 2, True), (20, 2, True), (4, 2, True), (40, 30, True), (60, 60, False), (40, 38, False),
])  # fmt: skip
def test_once_upside_down_a_small_fall_or_a_low_level_is_an_emptying(before, after, emptied):
    bin_ = Container()
    bin_.measure(burst(at_fill(before)))
    bin_.measure(burst(at_fill(after)), tipped=True)
    for _ in range(8):
        bin_.measure(burst(at_fill(after)))
    assert sum("emptied" in r[3]["alarms"] for r in bin_.reports) == emptied


def test_upside_down_is_kept_in_mind_until_an_echo_comes_back():
    bin_ = Container()
    bin_.measure(burst(at_fill(20)))
    bin_.measure(burst(None), tipped=True)
    bin_.measure(burst(None))
    assert all(r[3]["fill"] is None and "emptied" not in r[3]["alarms"] for r in bin_.reports[1:])
    bin_.measure(burst(at_fill(2)))
    assert (bin_.last["alarms"], bin_.last["fill"]) == (["emptied"], 2)


def test_a_sensor_that_shows_the_same_millimetre_for_hours_is_suspect():
    bin_ = Container(frozen_n=12)
    for _ in range(19):
        bin_.measure(burst(777))
    assert len(bin_.notes) == 1 and "777 mm" in bin_.notes[0]
    assert [r[3]["quality"] for r in bin_.reports] == [0, 0, 0, 1]


def test_a_sensor_that_counts_with_a_fixed_speed_of_sound_is_corrected():
    bin_ = Container(sensor_m_s=340)
    bin_.measure(burst(1_000), temp=-20.0)
    assert bin_.last["distance_mm"] == round(1_000 * 318.927 / 340)  # truth case speed_of_sound-023


def test_after_a_power_cycle_the_old_level_still_tells_an_emptying():
    bin_ = Container()
    bin_.measure(burst(at_fill(80)))
    state, bin_.mono = bin_.app.pack(), 10
    bin_.app = new_app("bins", {})
    bin_.app.unpack(state)
    bin_.measure(burst(at_fill(1)))
    assert (bin_.last["alarms"], bin_.last["fill"]) == (["emptied"], 1)


@pytest.mark.parametrize("wrong", [{"shape": "pyramid"}, {"shape": "cone", "dims": [1]}, {"hight_mm": 1000}])
def test_settings_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ConfigError):
        new_app("bins", wrong)


def stream(seed: int, count: int) -> list[Step]:
    """Rubbish, soft rubbish, lorries, heat, tilts, faults and power cycles in random order."""
    rng = random.Random(seed)
    mono, level, steps = 0, 300.0, []
    for _ in range(count):
        mono = rng.randint(0, 20) if rng.random() < 0.01 else mono + rng.choice((1, 2, 30, 30, 600, 600, 3_600))
        level = rng.uniform(0, 1_300) if rng.random() < 0.1 else min(level + rng.expovariate(1 / 20), 1_250)
        sample: dict[str, Any] = {"quality": rng.choice((0, 0, 0, 1, 3))}
        if rng.random() < 0.8:
            lost = rng.choice((0.0, 0.1, 0.6, 1.0))
            echoes = [None if rng.random() < lost else rng.choice((rng.randint(0, 5_000), round(FLOOR_MM - level), round(FLOOR_MM - level)))
                      for _ in range(rng.choice((1, 5, 5, 9)))]  # fmt: skip
            sample |= {"distance_mm": echoes[0]} if len(echoes) == 1 else {"echoes_mm": echoes, "distance_mm": echoes[0]}
        if rng.random() < 0.7:
            sample |= {"temp_c": rng.choice((rng.uniform(-40, 125), rng.gauss(20, 2)))}
        if rng.random() < 0.5:
            sample |= {"tilt_deg": rng.choice((1.0, 1.0, 30.0, 90.0)), "tipped": rng.random() < 0.1, "battery_v": rng.uniform(0, 5)}
        steps.append((sample, mono, None))
    return steps


SETTINGS = ({}, {"shape": "dome", "dims": [700, 500], "tries": 1}, {"agree": 3, "sensor_m_s": 343, "report_s": 900})


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from(SETTINGS))
def test_the_state_survives_deep_sleep_at_any_step_and_every_effect_is_well_formed(seed, given_settings):
    steps = stream(seed, 150)
    whole = play("bins", given_settings, steps)
    for effects in whole:
        check_effects("bins", effects, PARTS)
    assert play("bins", given_settings, steps, repack=True) == whole


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32), st.lists(st.sampled_from((0.0, 0.6, 0.9, 1.0)), min_size=1, max_size=60))
def test_lost_echoes_alone_never_make_a_bin_empty(seed, losses):
    """A bin that stays at 70 % while echoes get lost in any pattern: each report says 70 % or nothing, and never emptied."""
    rng = random.Random(seed)
    bin_ = Container()
    for lost in losses:
        bin_.measure(*[[None if rng.random() < lost else at_fill(70) for _ in range(5)] for _ in range(4)])
    assert bin_.reports or set(losses) - {0.0}
    for report in bin_.reports:
        assert report[3]["fill"] in (70, None)
        assert "emptied" not in report[3]["alarms"]


def test_micropython_says_the_same_in_3000_steps():
    steps = stream(11, 3_000)
    ours = plain(play("bins", {}, steps))
    assert sum(e[0] == "report" for step in ours for e in step) > 300
    assert plain(play_on_micropython("bins", {}, steps, repack=True)) == ours
