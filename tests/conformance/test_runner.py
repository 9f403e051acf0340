"""The conformance runner: our own cases pass, a wrong answer is a miss, and 32-bit arithmetic is what it says."""

import json
import math
import subprocess
from pathlib import Path

import cases as case_files
import compare
import gas_index
import numpy as np
import pytest
import run as runner
from cases import Case, CaseFileError
from hypothesis import given, settings
from hypothesis import strategies as st
from rounding import transform

HERE = Path(__file__).parent
DATA = HERE / "data"
PROBE = """
import json, sys
if "32" in sys.argv:
    from _f32 import rounded
else:
    rounded = float
rows = json.loads(sys.stdin.read())
out = []
for a, b in rows:
    a, b = rounded(a), rounded(b)
    c = [a + b, a - b, a * b]
    c.append(a / b if b else 0.0)
    d = a
    d += b
    d *= 3
    e = {"x": [a]}
    e["x"][0] -= b
    c += [d, e["x"][0], a + 16777217, 1 / 3, 0.1, sum([a, b, 0.1]), round(a, 2), abs(a) ** 0.5]
    out.append(c)
print(json.dumps(out))
"""


def mapped() -> set[str]:
    kinds, _ = runner.ask_firmware([], "64")
    return kinds | set(runner.host_kinds())


@pytest.mark.parametrize("name", ["sensor_cases.json", "lorawan_cases.json", "sun_cases.csv"])
def test_every_case_of_a_kind_we_have_passes_in_both_arithmetics(name):
    have = mapped()
    cases = [case for case in case_files.load(DATA / name) if case.kind in have]
    assert len(cases) > 20
    misses = [(o.case.kind, o.case.id, o.bits, o.misses) for o in runner.run(cases) if o.misses]
    assert not misses


def test_a_wrong_expectation_and_a_kind_nobody_has_are_misses_with_their_id():
    outcomes = runner.run(
        [
            Case("right", "crc8_sensirion", {"bytes": "BEEF"}, "92"), Case("wrong", "crc8_sensirion", {"bytes": "BEEF"}, "93"),
            Case("broken", "crc8_sensirion", {}, "92"), Case("unknown", "no_such_kind", {}, 1),
            Case("host", "battery_life_years", {}, 1),
        ]
    )  # fmt: skip
    assert [o.case.id for o in outcomes if not o.misses] == ["right"] * 2
    text = runner.report(outcomes)
    assert ["crc8_sensirion", "1/3", "1/3"] in [line.split() for line in text.splitlines()]
    assert "miss: crc8_sensirion wrong (32 bit): expected '93', got '92'" in text
    assert "raised KeyError" in text and "no kind of this name" in text
    assert text.splitlines()[-1] == "2 passed, 7 failed"


def test_exit_codes_are_0_1_and_2_and_the_last_line_counts(tmp_path, capsys):
    def code(text: str | None) -> tuple[int, str, str]:
        path = tmp_path / "cases.json"
        path.unlink(missing_ok=True)
        if text is not None:
            path.write_text(text)
        status = runner.main([str(path)])
        return status, *capsys.readouterr()

    good = {"id": "a", "kind": "battery_life_years", "expected": 0.11, "tolerance": {"rel": 0.1}}
    good["inputs"] = dict.fromkeys(("capacity_mAh", "sleep_uA"), 1000) | dict.fromkeys(("event_mC", "events_per_day"), 0)
    good["inputs"]["self_discharge_pct_per_year_of_remaining"] = 1
    status, out, _ = code(json.dumps([good]))
    assert (status, out.splitlines()[-1]) == (0, "1 passed, 0 failed")
    status, out, _ = code(json.dumps([good | {"expected": 9, "tolerance": 0}]))
    assert (status, out.splitlines()[-1]) == (1, "0 passed, 1 failed")
    for text in (None, "", "{}", "[]", "[1]", '[{"kind": 1, "expected": 2}]', '[{"kind": "x", "inputs": [], "expected": 2}]', "[" * 9999):
        status, out, words = code(text)
        assert (status, out) == (2, "") and words.count("\n") == 1 and "Traceback" not in words


def test_a_sun_table_with_a_wrong_column_or_value_is_refused(tmp_path):
    header = (DATA / "sun_cases.csv").read_text().splitlines()[0]
    for text in ("a,b\n1,2\n", header + "\n" + ",".join(["x"] * 14) + "\n", header + "\nshort\n"):
        (tmp_path / "s.csv").write_text(text)
        with pytest.raises(CaseFileError):
            case_files.load(tmp_path / "s.csv")


@pytest.mark.parametrize(
    ("expected", "got", "tolerance", "bits", "same"),
    [
        (1.0, 1.0005, 0.001, 64, True),
        (1.0, 1.002, 0.001, 64, False),
        (100, 101.9, {"rel": 0.02}, 64, True),
        (100, 103, {"rel": 0.02}, 64, False),
        ({"a": 1, "b": 2}, {"a": 1.5, "b": 2.0, "c": 0}, {"a": 0.6}, 64, True),
        ({"a": 1, "b": 2}, {"a": 1.5, "b": 2.1}, {"a": 0.6}, 64, False),
        ({"gas_ohm": 100}, {"gas_ohm": 101}, {"gas_rel": 0.02}, 64, True),
        ({"gas_ohm": 100}, {"gas_ohm": 103}, {"gas_rel": 0.02}, 64, False),
        ([1, 2], [1, 2], 0, 64, True),
        ([1, 2], [1, 2, 3], 0, 64, False),
        ([1, [2, 3]], [1, [2, 4]], 0.5, 64, False),
        (True, True, 0, 64, True),
        (True, 1, 1, 64, False),
        (1, True, 1, 64, False),
        ("0A", "0a", 0, 64, False),
        (None, None, 0, 64, True),
        (None, 0, 1, 64, False),
        (24.8, 24.799999237060547, 0, 32, True),
        (24.8, 24.799999237060547, 0, 64, False),
        (24.8, 24.7999, 0, 32, False),
        ({"n_at_most": 15}, {"n": 15}, 0, 64, True),
        ({"n_at_most": 15}, {"n": 16}, 0, 64, False),
        ({"n_at_most": 15}, {}, 0, 64, False),
        (1.0, math.nan, 1e9, 64, False),
        (1.0, "1.0", 1, 64, False),
        ({"a": 1}, [1], 0, 64, False),
        (2**24, 2**24 + 1, 0, 32, False),
    ],
)  # fmt: skip
def test_an_answer_counts_within_its_tolerance_and_only_there(expected, got, tolerance, bits, same):
    assert (compare.differences(expected, got, tolerance, bits) == []) is same


# -- 32 bits -----------------------------------------------------------------------------------------------------------------


def probed(folder: Path, rows: list[list[float]], bits: str) -> list[list[float]]:
    script = folder / "probe.py"
    script.write_text(transform.rewritten(PROBE) if bits == "32" else PROBE)
    (folder / "_f32.py").write_text(transform.HELPER.read_text())
    done = subprocess.run(
        [runner.find_micropython(), "-X", "heapsize=4M", str(script), bits], input=json.dumps(rows), capture_output=True, text=True,
        env={"MICROPYPATH": str(folder)}, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


number = st.floats(-1e6, 1e6, width=32).filter(lambda x: x == 0 or abs(x) > 1e-6) | st.integers(-(2**30), 2**30).map(float)


@settings(max_examples=10, deadline=None)
@given(st.lists(st.tuples(number, number), min_size=1, max_size=60))
def test_rewritten_arithmetic_is_that_of_an_independent_32_bit_float(tmp_path_factory, rows):
    """numpy.float32 rounds in hardware; every result must be the same number, not a near one."""
    f = np.float32
    got = probed(tmp_path_factory.mktemp("f32"), [[float(a), float(b)] for a, b in rows], "32")
    with np.errstate(over="ignore", invalid="ignore"):
        for (a, b), out in zip(rows, got, strict=True):
            a, b = f(a), f(b)
            want = [
                a + b, a - b, a * b, a / b if b else f(0), (a + b) * f(3), a - b, a + f(16777217), f(1) / f(3), f(0.1),
                f(0) + a + b + f(0.1),
            ]  # fmt: skip
            assert [f(x) for x in out[:10]] == want
            assert out[11] == pytest.approx(float(np.sqrt(abs(a))), rel=2**-23)
            assert all(float(f(x)) == pytest.approx(x, rel=1e-12, abs=1e-30) for x in out)


def test_without_rewriting_the_same_program_computes_with_64_bits(tmp_path):
    wide = probed(tmp_path, [[0.1, 0.2]], "64")[0]
    assert wide[0] == 0.1 + 0.2 and float(np.float32(wide[7])) != wide[7]


def test_every_firmware_file_can_be_rewritten_and_bit_operations_are_left_alone():
    for file in sorted((runner.ROOT / "firmware").rglob("*.py")):
        transform.rewritten(file.read_text(encoding="utf-8"))
    assert "_f32.add" not in transform.rewritten("from micropython import const\n_X = const(1 + 2)\ny = a << 3 | b & 7\n")


def test_an_owner_with_side_effects_is_evaluated_once(tmp_path):
    text = "log = []\ndef at(i):\n    log.append(i)\n    return i\nx = [1.5, 2.5]\nx[at(1)] += 0.1\nprint(log, x[1])\n"
    (tmp_path / "p.py").write_text(transform.rewritten(text))
    (tmp_path / "_f32.py").write_text(transform.HELPER.read_text())
    done = subprocess.run([runner.find_micropython(), str(tmp_path / "p.py")], capture_output=True, text=True, check=True, cwd=tmp_path)
    log, _, value = done.stdout.strip().rpartition(" ")
    assert log == "[1]" and float(value) == pytest.approx(float(np.float32(2.5) + np.float32(0.1)), rel=1e-12)


# -- the gas index -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", gas_index.KINDS)
def test_the_gas_index_under_micropython_agrees_with_the_reference_library(kind):
    for share, worst, top in gas_index.agreement(kind, 10, 2, 2_000).values():
        assert worst <= gas_index.LARGEST and share >= gas_index.LEAST_EQUAL
        assert top > 100
