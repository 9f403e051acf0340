"""Light: when the lamp burns and how bright, what the meter betrays, and that darkness is never a failure's fault."""

import random
from datetime import UTC, datetime
from typing import Any

import pytest
from app_runs import Step, check_effects, new_app, plain, play, play_on_micropython, reports
from hypothesis import given, settings
from hypothesis import strategies as st

from kerb.clock import Instant
from kerb.errors import ConfigError
from kerbstone.emulator.world.pole import Pole

PARTS = {"lamp": {"level"}, "meter": {"energy_kwh"}}
BERLIN = {"lat": 52.52, "lon": 13.4, "tz_min": 60, "summer_time": "eu"}
MINUTE, HOUR, DAY = 60, 3_600, 86_400


def utc(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


NOON, EVENING, MIDNIGHT = utc("2025-11-03T11:00"), utc("2025-11-03T16:30"), utc("2025-11-03T23:00")


class Lamp:
    """Steps the application every minute with a meter that behaves, unless told otherwise."""

    def __init__(self, start: int | None, **app_settings: Any):
        self.app = new_app("light", {**BERLIN, **app_settings})
        self.mono, self.utc = 1_000, start
        self.level: int | None = None
        self.effects: list[list[Any]] = []

    def minutes(self, count: int, **sample: Any) -> None:
        for _ in range(count):
            self.mono += MINUTE
            if self.utc is not None:
                self.utc += MINUTE
            if self.level is None or not self.level:
                healthy = {"power_w": 0.4, "power_factor": 0.3}
            else:
                healthy = {"power_w": self.level * 0.5 + 1, "power_factor": 0.95}
            effects = self.app.step({"quality": 0, **healthy, **sample}, Instant(self.mono, self.utc))
            check_effects("light", effects, PARTS)
            self.level = next((e[3] for e in effects if e[0] == "set" and e[1] == "lamp"), self.level)
            self.effects.append(effects)

    @property
    def reports(self) -> list[Any]:
        return reports(self.effects)

    @property
    def last(self) -> dict[str, Any]:
        return self.reports[-1][3]


@pytest.mark.parametrize(("start", "level", "state"), [(NOON, 0, "off"), (MIDNIGHT, 100, "on"), (None, 100, "failsafe")])
def test_off_by_day_on_by_night_and_on_without_a_clock(start, level, state):
    lamp = Lamp(start)
    lamp.minutes(1)
    assert lamp.level == level
    assert (lamp.last["level"], lamp.last["lamp_state"]) == (level, state)
    assert lamp.last["faults"] == (["clock"] if start is None else [])


def test_the_lamp_is_set_at_the_first_step_on_change_and_with_each_routine_report_only():
    lamp = Lamp(NOON)
    lamp.minutes(61)
    assert sum(e[0] == "set" for step in lamp.effects for e in step) == 1 + 60 // 15


def test_learning_the_time_by_day_switches_the_lamp_off_and_losing_it_on_again():
    lamp = Lamp(None)
    lamp.minutes(3)
    lamp.utc = NOON
    lamp.minutes(1)
    assert (lamp.level, lamp.last["lamp_state"], lamp.reports[-1][1:3]) == (0, "off", ("core", 1))
    lamp.utc = None
    lamp.minutes(1)
    assert (lamp.level, lamp.last["lamp_state"]) == (100, "failsafe")


def test_steps_of_the_schedule_dim_the_lamp_by_the_local_clock():
    lamp = Lamp(EVENING - MINUTE, schedule=[["22:30", 50], ["01:00", 30], ["05:30", 80]], level=90)
    seen = {}
    for _ in range(15 * 60):
        lamp.minutes(1)
        seen[(lamp.utc // MINUTE + 60) % 1_440] = lamp.level  # winter: UTC + 1 h
    at = lambda hour, minute: seen[hour * 60 + minute]  # noqa: E731
    assert [at(22, 29), at(22, 30), at(0, 59), at(1, 0), at(5, 29), at(5, 30), at(8, 0)] == [90, 50, 50, 30, 30, 80, 0]
    assert [r[3]["level"] for r in lamp.reports if r[2] == 1] == [90, 50, 30, 80, 0]


@pytest.mark.parametrize(
    ("minutes_of", "sample", "fault"),
    [
        (MIDNIGHT, {"power_w": 2.0}, "lamp_failure"),
        (NOON, {"power_w": 45.0}, "day_burner"),
        (MIDNIGHT, {"power_w": 70.0}, "over_power"),
        (MIDNIGHT, {"power_factor": 0.6}, "low_pf"),
        (MIDNIGHT, {"power_w": None, "quality": 3}, "meter"),
        (NOON, {"power_w": None, "quality": 3}, "meter"),
        (MIDNIGHT, {"level_pct": 40}, "command"),
    ],
)
def test_a_fault_is_told_as_an_alarm_after_five_minutes_and_its_end_five_minutes_after_it(minutes_of, sample, fault):
    lamp = Lamp(minutes_of)
    lamp.minutes(2)
    lamp.minutes(4, **sample)
    assert all(not r[3]["faults"] for r in lamp.reports)
    lamp.minutes(1, **sample)
    assert lamp.last["faults"] == [fault] and lamp.reports[-1][2] == 0
    told = len(lamp.reports)
    lamp.minutes(2)  # not yet over
    lamp.minutes(2, **sample)
    lamp.minutes(6, **({"level_pct": 100} if fault == "command" else {}))
    assert lamp.last["faults"] == []
    assert sum(r[2] == 0 for r in lamp.reports[told:]) == 0


def test_a_dimmer_that_strayed_is_set_again_at_once():
    lamp = Lamp(MIDNIGHT)
    lamp.minutes(2)
    lamp.minutes(1, level_pct=40)
    assert ("set", "lamp", "level", 100) in lamp.effects[-1]


def test_a_dimmed_lamp_is_judged_by_the_power_of_its_level():
    lamp = Lamp(MIDNIGHT, schedule=[["20:00", 25]])
    lamp.minutes(30, power_w=50 * 0.285)
    assert lamp.last["faults"] == []
    lamp.minutes(6, power_w=50 * 0.285 * 1.3)
    assert lamp.last["faults"] == ["over_power"]


def test_hours_of_burning_count_while_the_lamp_is_on_and_pauses_count_little():
    lamp = Lamp(MIDNIGHT)
    lamp.minutes(125)
    lamp.mono += 3 * DAY  # nobody knows what the lamp did meanwhile
    lamp.minutes(30)
    assert lamp.last["lamp_hours"] == 2
    day = Lamp(NOON)
    day.minutes(125)
    assert day.last["lamp_hours"] == 0


def test_the_energy_total_outlives_a_restart_of_the_meter():
    lamp = Lamp(MIDNIGHT)
    lamp.minutes(20, energy_kwh=1_234.5)
    assert lamp.last["energy_kwh"] == 1_234.5
    lamp.minutes(1, energy_kwh=0.0)
    assert ("set", "meter", "energy_kwh", 1_234.5) in lamp.effects[-1]
    lamp.minutes(20, energy_kwh=1_234.6)
    assert lamp.last["energy_kwh"] == 1_234.6


def test_constant_light_output_dims_a_new_lamp_and_not_an_old_one():
    lamp = Lamp(MIDNIGHT, clo_start=80, clo_hours=10)
    lamp.minutes(1)
    assert lamp.level == 80
    lamp.utc = None
    lamp.minutes(1)
    assert lamp.level == 100, "failsafe is full light"
    lamp.minutes(11 * 60)
    lamp.utc = MIDNIGHT
    lamp.minutes(1)
    assert lamp.level == 100


def test_an_override_holds_day_and_night():
    lamp = Lamp(NOON, override=35)
    lamp.minutes(1)
    assert (lamp.level, lamp.last["lamp_state"]) == (35, "override")


def ordered(lamp, data):
    effects = lamp.app.order(data, Instant(lamp.mono, lamp.utc))
    check_effects("light", effects, PARTS)
    lamp.effects.append(effects)
    return {effect[0]: effect for effect in effects}


def test_an_order_is_carried_out_at_once_told_back_and_over_when_it_should_be():
    lamp = Lamp(MIDNIGHT)
    lamp.minutes(3)
    done = ordered(lamp, b"\x1e\x00\x05")
    assert done["set"][1:] == ("lamp", "level", 30) and done["report"][3]["lamp_state"] == "override"
    lamp.minutes(4)
    assert lamp.last["lamp_state"] == "override"
    lamp.minutes(1)
    assert (lamp.level, lamp.last["lamp_state"]) == (100, "on")


def test_an_order_without_minutes_ends_with_the_day_or_by_another_order():
    lamp = Lamp(NOON)
    lamp.minutes(2)
    ordered(lamp, b"\x64")
    lamp.minutes(60)
    assert lamp.last["lamp_state"] == "override"
    assert ordered(lamp, b"\xff")["set"][3] == 0
    ordered(lamp, b"\x00")
    lamp.minutes(24 * 60 + 1)
    assert lamp.last["lamp_state"] != "override", "a forgotten order must not keep a street dark"


@pytest.mark.parametrize("data", [b"", b"\x65", b"\x32\x01", b"\x32\0\1\1", b"on"])
def test_what_is_no_order_changes_nothing_and_says_so(data):
    lamp = Lamp(MIDNIGHT)
    lamp.minutes(2)
    assert [effect[0] for effect in lamp.app.order(data, Instant(lamp.mono, lamp.utc))] == ["note"]
    lamp.minutes(20)
    assert lamp.last["lamp_state"] == "on"


def test_after_a_power_cycle_the_lamp_is_set_whatever_was_remembered():
    lamp = Lamp(MIDNIGHT, schedule=[["20:00", 40]])
    lamp.minutes(3)
    lamp.mono = 0
    lamp.effects.clear()
    lamp.minutes(1)
    assert ("set", "lamp", "level", 40) in lamp.effects[0]


@pytest.mark.parametrize("wrong", [{"switch_at": "dawn"}, {"summer_time": "mars"}, {"schedule": [["noon", 5]]}, {"latitude": 3}])
def test_settings_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ConfigError):
        new_app("light", wrong)


@settings(max_examples=60, deadline=None)
@given(
    st.floats(-90, 90), st.floats(-180, 180), st.integers(0, 100), st.sampled_from(("sunset", "civil")),
    st.lists(st.one_of(st.none(), st.integers(1_700_000_000, 2_000_000_000)), min_size=1, max_size=8), st.integers(0, 2**32),
)  # fmt: skip
def test_the_light_is_on_whenever_the_time_is_unknown(lat, lon, level, switch_at, times, seed):
    """At any place, with any schedule, after any history and any measurement."""
    rng = random.Random(seed)
    place = {"lat": lat, "lon": lon, "switch_at": switch_at, "level": level, "schedule": [["00:00", 0]], "clo_start": 50}
    app, lamp = new_app("light", place), None
    for i, moment in enumerate(times):
        sample = {"quality": rng.choice((0, 3)), "power_w": rng.choice((None, 0.0, 500.0)), "level_pct": rng.choice((0, 100))}
        effects = app.step(sample, Instant(1_000 + 60 * i, moment))
        lamp = next((e[3] for e in effects if e[0] == "set" and e[1] == "lamp"), lamp)
        if moment is None:
            assert lamp == 100


def stream(seed: int, count: int) -> list[Step]:
    """Days in jumps, with and without a clock, a meter and a lamp that do as they please, power cycles."""
    rng = random.Random(seed)
    mono, offset, steps = 0, rng.randint(1_700_000_000, 1_900_000_000), []
    for _ in range(count):
        mono = rng.randint(0, 60) if rng.random() < 0.01 else mono + rng.choice((5, 60, 60, 60, 60, 600, 7_200))
        sample: dict[str, Any] = {"quality": rng.choice((0, 0, 0, 1, 3))}
        if rng.random() < 0.8:
            sample |= {"power_w": rng.choice((0.3, 25.0, 50.0, 80.0)), "volt_v": 230.0, "current_a": 0.2,
                       "power_factor": rng.choice((None, 0.3, 0.95)), "energy_kwh": rng.choice((0.0, mono / 1e4))}  # fmt: skip
        if rng.random() < 0.3:
            sample |= {"temp_c": rng.uniform(-40, 85), "level_pct": rng.choice((0, 50, 100))}
        steps.append((sample, mono, None if rng.random() < 0.1 else offset + mono))
    return steps


SETTINGS: tuple[dict[str, Any], ...] = (
    BERLIN,
    {"lat": 69.6, "lon": 18.9, "schedule": [["22:30", 50], [-60, 30], [120, 0]], "clo_start": 80, "switch_at": "civil"},
    {"lat": -33.9, "lon": 151.2, "tz_min": 600, "dusk_offset_min": -20, "dawn_offset_min": 15, "hold_s": 60, "report_s": 300},
)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from(SETTINGS))
def test_the_state_survives_deep_sleep_at_any_step_and_every_effect_is_well_formed(seed, given_settings):
    steps = stream(seed, 120)
    whole = play("light", given_settings, steps)
    for effects in whole:
        check_effects("light", effects, PARTS)
    assert play("light", given_settings, steps, repack=True) == whole


@pytest.mark.parametrize("given_settings", SETTINGS)
def test_micropython_says_the_same_in_1500_steps(given_settings):
    steps = stream(11, 1_500)
    ours = plain(play("light", given_settings, steps))
    assert sum(e[0] == "report" for step in ours for e in step) > 200
    assert plain(play_on_micropython("light", given_settings, steps, repack=False)) == ours


def test_on_the_simulated_pole_the_lamp_burns_exactly_while_it_is_dark_and_no_fault_is_seen():
    site = Pole(utc("2025-10-24T00:00"), random.Random(1), {})
    app = new_app("light", {"lat": site.options["lat"], "lon": site.options["lon"]})
    wrong = checked = 0
    for t in range(60, 4 * DAY, 60):
        t_us = t * 1_000_000
        sample = {
            "quality": 0, "power_w": site.read("lamp_power_w", t_us), "power_factor": site.read("lamp_pf", t_us),
            "volt_v": site.read("mains_v", t_us), "energy_kwh": site.energy_kwh(0, t_us),
        }  # fmt: skip
        for effect in app.step(sample, Instant(t, site.start_utc + t)):
            if effect[0] == "set":
                site.act("dim_level", effect[3] / 100, t_us)
            else:
                assert effect[3]["faults"] == []
        if abs(site.sun_elevation_deg(t_us) + 0.8333) > 0.25:  # the sun moves so far in the minute between steps
            checked += 1
            wrong += site.lit(t_us) != site.should_be_lit(t_us)
    assert checked > 5_000
    assert wrong == 0


def test_light_is_raised_for_somebody_held_and_lowered_again_without_a_report():
    lamp = Lamp(MIDNIGHT, schedule=[["20:00", 30]], motion_level=90, motion_hold_s=180)
    lamp.minutes(3, motion=False)
    assert lamp.level == 30
    told = len(lamp.reports)
    lamp.minutes(1, motion=True)
    assert lamp.level == 90
    lamp.minutes(2, motion=False)
    assert lamp.level == 90
    lamp.minutes(1, motion=False)
    assert lamp.level == 30
    assert len(lamp.reports) == told


@pytest.mark.parametrize("silence", [{}, {"motion": None}, {"quality": 3}])
def test_a_detector_that_says_nothing_means_somebody_may_be_there(silence):
    lamp = Lamp(MIDNIGHT, schedule=[["20:00", 30]], motion_level=90)
    lamp.minutes(3, motion=False)
    assert lamp.level == 30
    lamp.minutes(2, **silence)
    assert lamp.level == 90
    day = Lamp(NOON, schedule=[["20:00", 30]], motion_level=90)
    day.minutes(3, motion=True)
    assert day.level == 0


def noise(lux: float, minute: int) -> float:
    return lux * (1 + minute % 7 / 100)


def test_without_a_clock_daylight_switches_the_lamp_off_and_dusk_on_again():
    lamp = Lamp(None, lux_on=10.0, lux_off=40.0)
    for minute in range(4):
        lamp.minutes(1, lux=noise(5000.0, minute))
        assert lamp.level == 100, "daylight must last"
    for minute in range(10):
        lamp.minutes(1, lux=noise(5000.0, minute))
    assert lamp.level == 0
    lamp.minutes(2, lux=20.0)
    assert lamp.level == 0, "between the two thresholds nothing changes"
    lamp.minutes(1, lux=5.0)
    assert lamp.level == 100


def test_a_daylight_sensor_that_is_silent_frozen_or_known_to_lie_is_not_believed():
    silent = Lamp(None, lux_on=10.0)
    for minute in range(20):
        silent.minutes(1, lux=noise(5000.0, minute))
    assert silent.level == 0
    silent.minutes(15)
    assert silent.level == 100
    frozen = Lamp(None, lux_on=10.0)
    frozen.minutes(40, lux=5000.0)
    assert frozen.level == 100
    lying = Lamp(MIDNIGHT, lux_on=10.0)
    for minute in range(20):
        lying.minutes(1, lux=noise(5000.0, minute))
    assert lying.level == 100
    lying.utc = None
    for minute in range(60):
        lying.minutes(1, lux=noise(5000.0, minute))
    assert lying.level == 100, "it saw daylight at midnight"


def test_a_clock_that_calls_darkness_day_is_overruled():
    lamp = Lamp(NOON, lux_on=10.0)
    lamp.minutes(1, lux=0.01)
    assert lamp.level == 100, "it never was off"
    lamp.minutes(2, lux=500.0)
    for _ in range(4):
        lamp.minutes(1, lux=0.01)
        assert lamp.level == 0, "a shadow is not the night"
    lamp.minutes(4, lux=0.0)
    assert (lamp.level, lamp.last["lamp_state"]) == (100, "failsafe")
    lamp.minutes(1, lux=500.0)
    assert lamp.level == 0


def test_another_part_s_fault_is_not_the_meter_s():
    lamp = Lamp(MIDNIGHT)
    lamp.minutes(3)
    for _ in range(60 * 15):
        lamp.mono += 2
        lamp.utc += 2
        lamp.effects.append(lamp.app.step({"quality": 3}, Instant(lamp.mono, lamp.utc)))
        if lamp.mono % MINUTE < 2:
            lamp.effects.append(lamp.app.step({"quality": 0, "power_w": 51.0, "power_factor": 0.95}, Instant(lamp.mono, lamp.utc)))
    assert all(r[3]["faults"] == [] for r in lamp.reports)


def test_the_power_of_a_sound_lamp_is_learned_and_half_a_lamp_is_then_a_failure():
    lamp = Lamp(MIDNIGHT)
    lamp.minutes(30, power_w=38.0)
    lamp.minutes(10, power_w=20.0)
    assert lamp.last["faults"] == [], "by the rating 20 W of 50 W are not out"
    taught = Lamp(MIDNIGHT)
    taught.minutes(70, power_w=38.0)
    taught.minutes(10, power_w=20.0)
    assert taught.last["faults"] == ["lamp_failure"]
    taught.minutes(10, power_w=47.0)
    assert taught.last["faults"] == ["over_power"], "a fifth above its own 38 W"


def night_of(seed: int, fault: str, meter_noise: float) -> tuple[set[str], set[str]]:
    """Two days of a simulated lamp, 38..58 W in truth where 50 W are rated: (faults told, faults there)."""
    rng = random.Random(seed)
    true_w, start = rng.uniform(0.76, 1.16) * 50, MIDNIGHT - 6 * HOUR
    lamp = Lamp(start, schedule=[["22:30", 50], ["01:00", 25], ["05:00", 80]])
    curve = {0: 0.01, 25: 0.285, 50: 0.525, 80: 0.81, 100: 1.0}
    begins = rng.randrange(16 * 60, 26 * 60)
    there: set[str] = set()
    for minute in range(48 * 60):
        level = 100 if lamp.level is None else lamp.level
        share = curve[level]
        if fault and minute >= begins:
            if fault == "lamp_failure" and level:
                share, there = 0.02, {fault}
            elif fault == "day_burner" and not level:
                share, there = 1.0, {fault}
        lamp.minutes(1, power_w=true_w * share * rng.gauss(1, meter_noise), power_factor=0.95)
    return {f for r in lamp.reports for f in r[3]["faults"]}, there


@pytest.mark.parametrize("fault", ["", "lamp_failure", "day_burner"])
def test_dead_lamps_and_day_burners_are_all_found_and_nothing_else(fault):
    """Lamps that draw 24 % less to 16 % more than rated, a meter with 2 % of noise; precision and recall 100 % on these."""
    wrong = [(seed, told, there) for seed in range(8) for told, there in [night_of(seed, fault, 0.02)] if told != there]
    assert wrong == []
