"""Air: what a report carries of samples that come apart, and how the gas indices live through gaps."""

import random
from typing import Any

import pytest
from app_runs import Step, check_effects, new_app, plain, play, play_on_micropython, reports
from hypothesis import given, settings
from hypothesis import strategies as st

from kerb.apps.algo.gas_index import NOX, VOC, GasIndex
from kerb.clock import Instant

GOOD, SUSPECT, WARMING, FAULT = range(4)


def day(seconds: int, start: int = 0, seed: int = 1, **more: Any) -> list[Step]:
    """Gas every 10 s, climate every 60 s, dust and battery every 10 min, each a sample of its own."""
    rng, steps = random.Random(seed), []
    for mono in range(start, start + seconds, 10):
        steps.append(({"sraw_voc": 30_000 + rng.randint(-40, 40), "sraw_nox": 17_000 + rng.randint(-20, 20), "quality": 0}, mono, None))
        if mono % 60 == 0:
            climate = {"temp_c": 20 + mono / 1e4, "rh_pct": 60.0, "pressure_hpa": 990.0, "quality": 0}
            steps.append((climate | more, mono, None))
        if mono % 600 == 30:
            dust = {"pm1_ug": 6.0, "pm25_ug": 8.0, "pm4_ug": 9.0, "pm10_ug": 12.0, "quality": 0}
            steps.append((dust, mono, None))
            steps.append(({"battery_v": 3.9, "quality": 0}, mono, None))
    return steps


def test_a_report_every_ten_minutes_carries_means_the_latest_indices_and_the_battery():
    effects = play("air", {}, day(3_600 * 2))
    told = reports(effects)
    assert len(told) == 11
    assert all(r[1:3] == ("full", 2) for r in told)
    values = told[-1][3]
    assert values["pm2_5"] == 8 and values["pm10"] == 12 and values["pm1"] == 6 and values["pm4"] == 9
    assert values["humidity"] == 60 and values["pressure"] == 990 and values["battery_v"] == 3.9
    assert values["air_temperature"] == pytest.approx(20.6 + 0.03, abs=0.04)  # the mean, not the latest
    assert 90 <= values["voc_index"] <= 110 and values["nox_index"] == 1
    for step in effects:
        check_effects("air", step, {})


def test_reports_are_marked_as_warming_until_the_voc_index_has_learned_for_45_minutes():
    qualities = [r[3]["quality"] for r in reports(play("air", {}, day(3_600 * 2)))]
    assert qualities == [WARMING] * 4 + [GOOD] * 7


def test_what_was_not_measured_since_the_last_report_is_missing_not_repeated():
    steps = [s for s in day(3_600) if "pm25_ug" not in s[0] or s[1] < 1_200]
    told = reports(play("air", {}, steps))
    assert [r[3]["pm2_5"] for r in told] == [8, 8, None, None, None]


def test_the_worst_quality_of_all_samples_of_the_interval_is_told_once():
    steps = day(3_600 * 2)
    steps.insert(next(i for i, s in enumerate(steps) if s[1] == 5_000), ({"quality": FAULT}, 5_000, None))
    assert [r[3]["quality"] for r in reports(play("air", {}, steps))][-3:] == [FAULT, GOOD, GOOD]


def test_the_humidity_correction_is_off_by_default_and_divides_every_size_of_dust_when_asked_for():
    dry, wet = (reports(play("air", {"kappa": k}, day(1_300)))[-1][3] for k in (0.0, 0.4))
    factor = 1 + 0.4 / 1.65 / (1 / 0.6 - 1)
    for name in ("pm1", "pm2_5", "pm4", "pm10"):
        assert wet[name] == pytest.approx(dry[name] / factor)
    assert wet["air_temperature"] == dry["air_temperature"]


def test_a_small_frame_can_be_chosen():
    assert {r[1] for r in reports(play("air", {"record": "core"}, day(1_300)))} == {"core"}


def gas_only(monos: list[int]) -> list[Step]:
    return [({"sraw_voc": 30_000 + mono % 37, "sraw_nox": 17_000, "quality": 0}, mono, None) for mono in monos]


def last_voc(steps: list[Step]) -> tuple[int, int]:
    """Index and quality of the report that the last step, far in the future, makes due."""
    values = reports(play("air", {"report_s": 100_000}, [*steps, ({"quality": 0}, steps[-1][1] + 100_000, None)]))[-1][3]
    return values["voc_index"], values["quality"]


@pytest.mark.parametrize(
    ("learned_s", "gap_s", "quality"),
    [
        (4 * 3_600, 20, GOOD),  # a sample lost: nothing happened
        (4 * 3_600, 590, GOOD),  # resumed with what was learned
        (4 * 3_600, 620, WARMING),  # too long
        (2 * 3_600, 590, WARMING),  # too little learned to keep
    ],
)
def test_gaps_up_to_ten_minutes_after_three_hours_of_learning_are_bridged(learned_s, gap_s, quality):
    before = list(range(0, learned_s, 10))
    after = [before[-1] + gap_s + i * 10 for i in range(30)]
    index, seen = last_voc(gas_only([*before, *after]))
    assert index > 0
    assert seen == quality


def test_a_power_cycle_starts_all_learning_anew():
    steps = gas_only([*range(0, 4 * 3_600, 10), *range(5, 305, 10)])
    assert last_voc(steps)[1] == WARMING


def test_indices_are_those_of_the_algorithm_alone():
    steps = day(1_900)
    voc, nox = GasIndex(VOC, 10), GasIndex(NOX, 10)
    expected = []
    for sample, mono, _ in steps:
        if "sraw_voc" in sample:
            pair = (voc.process(sample["sraw_voc"]), nox.process(sample["sraw_nox"]))
            if mono and mono % 600 == 0:
                expected.append(pair)
    assert [(r[3]["voc_index"], r[3]["nox_index"]) for r in reports(play("air", {}, steps))] == expected


def stream(seed: int, count: int) -> list[Step]:
    """Samples of all kinds in any order, faults, gaps and power cycles."""
    rng = random.Random(seed)
    mono, steps = 0, []
    for _ in range(count):
        mono = rng.randint(0, 20) if rng.random() < 0.003 else mono + rng.choice((0, 10, 10, 10, 10, 30, 60, 600))
        sample: dict[str, Any] = {"quality": rng.choice((0, 0, 0, 0, 1, 2, 3))}
        kind = rng.random()
        if kind < 0.7:
            sample["sraw_voc"] = rng.choice((0, 65_535, rng.randint(28_000, 32_000)))
            sample["sraw_nox"] = rng.choice((None, rng.randint(16_000, 18_000)))
        if 0.6 < kind < 0.9:
            sample |= {"temp_c": rng.uniform(-40, 60), "rh_pct": rng.uniform(0, 100), "pressure_hpa": rng.uniform(300, 1_100)}
        if kind > 0.85:
            sample |= {f"pm{size}_ug": rng.uniform(0, 1_000) for size in ("1", "25", "4", "10")} | {"battery_v": rng.uniform(0, 5)}
        steps.append((sample, mono, None))
    return steps


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from(({}, {"kappa": 0.35, "record": "core"}, {"report_s": 60, "gas_interval_s": 1})))
def test_the_state_survives_deep_sleep_at_any_step_and_every_effect_is_well_formed(seed, given_settings):
    steps = stream(seed, 200)
    whole = play("air", given_settings, steps)
    for effects in whole:
        check_effects("air", effects, {})
    assert play("air", given_settings, steps, repack=True) == whole


def test_micropython_says_the_same_in_4000_steps():
    steps = stream(11, 2_000) + day(3_600 * 5, start=10**6)
    ours = plain(play("air", {"kappa": 0.3}, steps))
    assert sum(e[0] == "report" for step in ours for e in step) > 40
    assert plain(play_on_micropython("air", {"kappa": 0.3}, steps, repack=True)) == ours


def test_a_sample_without_anything_known_changes_nothing():
    app = new_app("air", {})
    app.step({"quality": 0}, Instant(0, None))
    before = app.pack()
    assert app.step({"quality": 0, "distance_mm": 5}, Instant(0, None)) == []
    assert app.pack() == before
