"""Our gas index against Sensirion's reference library, sample by sample, in 64 and in 32 bits and under MicroPython."""

import json
import random

import float32
import pytest
from app_runs import micropython
from sensirion_gas_index_algorithm.nox_algorithm import NoxAlgorithm
from sensirion_gas_index_algorithm.voc_algorithm import VocAlgorithm

from kerb.apps.algo import gas_index
from kerb.apps.algo.gas_index import NOX, STATE_BYTES, VOC, GasIndex

KINDS = {"voc": (VOC, VocAlgorithm, 30_000), "nox": (NOX, NoxAlgorithm, 17_000)}
SAMPLES = 8_000


def reference(kind: str, interval_s: int):
    made = KINDS[kind][1]()
    made._algorithm.init(made._algorithm_type, interval_s)
    return made


def ticks(kind: str, seed: int, count: int) -> list[int]:
    """A wandering base, noise, episodes of gas of both signs, now and then a reading that is no measurement."""
    rng, base = random.Random(seed), KINDS[kind][2]
    level, left, amplitude, out = float(base), 0, 0.0, []
    for _ in range(count):
        if left <= 0 and rng.random() < 0.001:
            left, amplitude = rng.randint(20, 2000), rng.uniform(-6000, 6000)
        left -= 1
        level += rng.gauss(0, 3) + (base - level) * 0.001
        value = round(level + (amplitude if left > 0 else 0) + rng.gauss(0, 15))
        out.append(rng.choice((0, 100, 52_768, 65_000, 65_535)) if rng.random() < 0.001 else value)
    return out


def agreement(kind: str, ours: GasIndex, interval_s: int, sraws: list[int]) -> tuple[float, int, int]:
    """Share of equal samples, largest difference, largest index seen."""
    theirs = reference(kind, interval_s)
    pairs = [(ours.process(sraw), theirs.process(sraw)) for sraw in sraws]
    return sum(a == b for a, b in pairs) / len(pairs), max(abs(a - b) for a, b in pairs), max(b for _, b in pairs)


@pytest.mark.parametrize("bits", [64, 32])
@pytest.mark.parametrize("interval_s", [1, 10])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", [1, 2])
def test_equals_the_reference_on_995_of_1000_samples_and_never_differs_by_more_than_one(kind, interval_s, seed, bits, monkeypatch):
    ours = GasIndex(KINDS[kind][0], interval_s)
    if bits == 32:
        float32.patch(monkeypatch, gas_index)
        float32.round_state(ours)
    equal, worst, top = agreement(kind, ours, interval_s, ticks(kind, seed, SAMPLES))
    assert worst <= 1
    assert equal >= 0.995
    assert top > KINDS[kind][0][8], "the series must leave usual air"


@pytest.mark.parametrize("interval_s", [1, 10])
def test_is_zero_for_exactly_the_first_45_seconds(interval_s):
    ours = GasIndex(VOC, interval_s)
    first = next(i for i in range(100) if ours.process(30_000))
    assert (first - 1) * interval_s <= 45 < first * interval_s


def test_a_sensor_that_gives_no_measurement_leaves_the_index_to_its_last_value_as_the_reference_does():
    sraws = [30_000] * 200 + [0] * 50 + [65_535] * 50 + [30_000] * 200
    equal, worst, _ = agreement("voc", GasIndex(VOC, 10), 10, sraws)
    assert (equal, worst) == (1.0, 0)


def test_resuming_equals_set_states_of_the_reference():
    before = ticks("voc", 5, 2_000)
    ours, theirs = GasIndex(VOC, 10), reference("voc", 10)
    for sraw in before:
        ours.process(sraw)
        theirs.process(sraw)
    assert ours.resumable
    ours.resume()
    fresh = reference("voc", 10)
    learned = theirs._algorithm  # its get_states() cuts both numbers to integers
    mean = learned.m_Mean_Variance_Estimator___Mean + learned.m_Mean_Variance_Estimator___Sraw_Offset
    fresh.set_states(mean, learned.m_Mean_Variance_Estimator___Std)
    pairs = [(ours.process(sraw), fresh.process(sraw)) for sraw in ticks("voc", 6, 2_000)]
    assert max(abs(a - b) for a, b in pairs) <= 1
    assert sum(a == b for a, b in pairs) >= 0.995 * len(pairs)


def test_can_be_resumed_only_for_voc_and_only_after_three_hours():
    for kind in (VOC, NOX):
        ours = GasIndex(kind, 10)
        seen = []
        for _ in range(1_100):
            ours.process(30_000 if kind is VOC else 17_000)
            seen.append(ours.resumable)
        assert seen[-1] is (kind is VOC)
        assert not any(seen[:1_080])


def test_packing_between_all_samples_changes_nothing():
    sraws = ticks("voc", 7, 2_000)
    whole, cut = GasIndex(VOC, 10), GasIndex(VOC, 10)
    for sraw in sraws:
        buf = bytearray(STATE_BYTES + 3)
        cut.pack_into(buf, 3)
        cut = GasIndex(VOC, 10)
        cut.unpack_from(buf, 3)
        assert cut.process(sraw) == whole.process(sraw)


@pytest.mark.parametrize("kind", KINDS)
def test_micropython_gives_the_same_indices(kind):
    script = (
        "import json, sys\nfrom kerb.apps.algo.gas_index import NOX, VOC, GasIndex\n"
        f"g = GasIndex({kind.upper()}, 10)\nprint(json.dumps([g.process(x) for x in json.loads(sys.stdin.readline())]))"
    )
    sraws = ticks(kind, 8, 3_000)
    ours = GasIndex(KINDS[kind][0], 10)
    assert json.loads(micropython(script, json.dumps(sraws) + "\n")[0]) == [ours.process(sraw) for sraw in sraws]


def test_the_32_bit_harness_really_rounds(monkeypatch):
    """A state that fell back to 64 bits would make the 32-bit tests prove nothing."""
    ours = GasIndex(VOC, 10)
    float32.patch(monkeypatch, gas_index)
    float32.round_state(ours)
    seen: list[object] = []
    real = gas_index.sqrt
    monkeypatch.setattr(gas_index, "sqrt", lambda x: seen.append(x) or real(x))
    for _ in range(10):
        ours.process(30_000)
    assert seen and all(type(x) is float32.F32 for x in seen)
