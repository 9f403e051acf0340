"""Sound, echoes, volumes and wet dust: known answers in 64 and 32 bits, and what must hold for any input."""

import itertools
import json
import math
import random
from pathlib import Path

import float32
import pytest
from app_runs import micropython
from hypothesis import given
from hypothesis import strategies as st

from kerb.apps.algo import echo, fill, humidity, sound
from kerb.errors import ConfigError

CASES = json.loads((Path(__file__).resolve().parents[1] / "conformance" / "data" / "sensor_cases.json").read_text(encoding="utf-8"))
# The shapes that the cases name, with their dimensions in mm
SHAPES = {
    "prism_1100L": ("prism", ()),
    "frustum_240L(bottom 0.40x0.45,top 0.50x0.62)": ("frustum", (400, 450, 500, 620)),
    "cone_frustum_r0.20_R0.30": ("cone", (200, 300)),
    "horizontal_cylinder_R0.6": ("horizontal_cylinder", (600,)),
    "igloo_hemisphere_top(cyl r0.7 h0.8 + hemi)": ("dome", (700, 800)),
}


def answer(case: dict, number: type) -> float:
    i = {k: number(v) if isinstance(v, int | float) else v for k, v in case["inputs"].items()}
    if case["kind"] == "speed_of_sound":
        return sound.speed(i["t_c"], i["rh"] * 100, i["p_pa"])
    if case["kind"] == "echo_to_mm":
        return sound.echo_mm(i["echo_us"], i["t_c"], i["rh"] * 100)
    if case["kind"] == "kappa_kohler":
        return i["pm_raw"] / humidity.growth(i["kappa"], i["rh"] * 100)
    shape, dims = SHAPES[i["shape"]]
    return fill.fraction(shape, dims, i["height_m"] * 1000, i["level_m"] * 1000)


KINDS = {"speed_of_sound": 10, "echo_to_mm": 4, "fill_fraction": 13, "kappa_kohler": 6}


@pytest.mark.parametrize("bits", [64, 32])
@pytest.mark.parametrize("kind", KINDS)
def test_known_answers(kind, bits, monkeypatch):
    if bits == 32:
        for module in (sound, fill, humidity):
            float32.patch(monkeypatch, module)
    cases = [case for case in CASES if case["kind"] == kind]
    assert len(cases) == KINDS[kind]
    for case in cases:
        expected = case["expected"]["pm"] if kind == "kappa_kohler" else case["expected"]
        assert abs(float(answer(case, float if bits == 64 else float32.F32)) - expected) <= case["tolerance"], case["id"]


def test_micropython_gives_the_same_answers():
    script = (
        "import json, sys\nfrom kerb.apps.algo import fill, humidity, sound\nq = json.loads(sys.stdin.readline())\n"
        "print(json.dumps([[fill.fraction(*a) for a in q[0]], [sound.speed(*a) for a in q[1]], [humidity.growth(*a) for a in q[2]]]))"
    )
    heights = [0, 1, 150, 400, 799, 800, 801, 1000, 1200]
    queries = [
        [[*SHAPES[name], 1200, level] for name in SHAPES for level in heights],
        [[t, rh, 101_325] for t in (-30, -0.1, 0, 12.5, 30, 30.1, 60) for rh in (0, 50, 100)],
        [[k, rh] for k in (0, 0.3, 0.6) for rh in (0, 50, 99)],
    ]
    ours = [[fill.fraction(*a) for a in queries[0]], [sound.speed(*a) for a in queries[1]], [humidity.growth(*a) for a in queries[2]]]
    for mine, theirs in zip(ours, json.loads(micropython(script, json.dumps(queries) + "\n")[0]), strict=True):
        assert theirs == pytest.approx(mine, rel=1e-12, abs=1e-12)


@given(st.sampled_from(list(SHAPES.values())), st.floats(100, 1_400), st.lists(st.floats(-100, 2_000), min_size=2, max_size=8))
def test_a_higher_level_never_holds_less_and_the_full_line_holds_all(shape, height, levels):
    shares = [fill.fraction(*shape, height, level) for level in sorted(levels)]
    assert all(-1e-9 <= share <= 1 + 1e-9 for share in shares)
    assert all(a <= b + 1e-9 for a, b in itertools.pairwise(shares))
    assert fill.fraction(*shape, height, height) == pytest.approx(1)


@pytest.mark.parametrize(("shape", "dims"), [("pyramid", []), ("frustum", [1, 2, 3]), ("cone", [0, 200])])
def test_a_shape_that_makes_no_sense_is_refused_by_name(shape, dims):
    with pytest.raises(ConfigError, match=shape):
        fill.check(shape, dims)


@given(st.lists(st.one_of(st.none(), st.integers(0, 5_000)), max_size=12), st.integers(1, 4))
def test_a_cluster_agrees_and_lies_in_range_and_none_means_there_is_none(echoes, agree):
    mean, count = echo.cluster(echoes, 30, 4_500, 40, agree)
    good = [mm for mm in echoes if mm is not None and 30 <= mm <= 4_500]
    largest = max((sum(0 <= b - a <= 40 for b in good) for a in good), default=0)
    assert (mean is None) is (largest < agree)
    if mean is None:
        assert count == largest
    else:
        assert agree <= count <= sum(abs(mm - mean) <= 40 for mm in good)


def test_of_two_groups_the_farther_one_is_the_surface_even_when_it_is_smaller():
    assert echo.cluster([300, 310, 900, 905, None], 30, 4_500, 40, 2) == (902.5, 2)
    assert echo.cluster([300, 310, 305, 900, 905], 30, 4_500, 40, 2) == (902.5, 2)
    assert echo.cluster([300, 310, 305, 900, 905], 30, 4_500, 40, 3) == (305, 3)


def test_what_went_up_and_down_twice_is_not_the_surface():
    assert echo.cluster([500, 1_004, 504, 1_000, 502], 30, 4_500, 40, 2) == (502, 3)


def test_echoes_from_the_blind_zone_and_from_below_the_floor_do_not_count():
    assert echo.cluster([10, 12, 14, 1_000, 5_000, 5_001], 30, 4_500, 40, 1) == (1_000, 1)


def learned(rim_mm=330, bursts=12):
    clutter = echo.Clutter()
    for i in range(bursts):
        clutter.learn([rim_mm + i % 3, 1_200, 1_203, 400 + 71 * i % 700, None], 30, 1_201, 40)
    return clutter


def test_a_rim_that_answers_in_every_burst_is_known_after_a_dozen_and_a_stray_echo_never():
    clutter = learned()
    assert clutter.knows(331, 40) and not clutter.knows(700, 40)
    assert not learned(bursts=3).knows(331, 40)
    rng = random.Random(4)
    strays = echo.Clutter()
    for _ in range(3_000):
        strays.learn([rng.randint(30, 1_190), 1_200, 1_203], 30, 1_201, 40)
    assert sum(strays.knows(mm, 40) for mm in range(30, 1_190)) == 0


def test_rim_echoes_alone_are_no_level_unless_the_rubbish_has_come_near():
    clutter, rim = learned(), [331, 330, None, 332, None]
    assert echo.cluster(rim, 30, 4_500, 40, 2, clutter, 1_200, 300) == (None, 3)
    assert echo.cluster(rim, 30, 4_500, 40, 2, clutter, 480, 300) == (331, 3)


def test_the_map_survives_packing_and_a_hidden_rim_is_not_forgotten():
    clutter, buf = learned(), bytearray(echo.STATE_BYTES + 3)
    clutter.pack_into(buf, 2)
    again = echo.Clutter()
    again.unpack_from(buf, 2)
    for _ in range(200):
        again.learn([280, 281], 30, 280, 40)
    assert again.knows(331, 40)


def test_the_speed_of_sound_does_not_jump_by_more_than_the_published_humidity_effect_where_the_formulas_meet():
    for edge in (0, 30):
        assert math.isclose(sound.speed(edge - 1e-6), sound.speed(edge + 1e-6), rel_tol=0.005)
