"""Virtual BME280, an independent integer transfer function, read by the firmware's floating-point driver."""

import importlib
import json
import statistics
from pathlib import Path

import pytest
from mains_bench import AIR, builder, quality, sensor_error

from kerbstone.emulator.parts import bme280

CASES = json.loads((Path(__file__).parents[1] / "conformance/data/sensor_cases.json").read_text())


@pytest.fixture
def build(monkeypatch):
    return builder(monkeypatch)


@pytest.mark.parametrize("case", [c for c in CASES if c["kind"] == "bme280"], ids=lambda c: c["id"])
def test_bme280_part_has_the_integer_transfer_function_of_the_vendor(case):
    low, high, data = (bytes.fromhex(case["inputs"][key]) for key in ("calib_88_A1", "calib_E1_E7", "data_F7_FE"))
    words = [int.from_bytes(low[i : i + 2], "little", signed=i not in (0, 6)) for i in range(0, 24, 2)]
    h4, h5 = (int.from_bytes(high[3:4], signed=True) << 4) | high[4] & 15, (int.from_bytes(high[5:6], signed=True) << 4) | high[4] >> 4
    h = (low[25], int.from_bytes(high[:2], "little", signed=True), high[2], h4, h5, int.from_bytes(high[6:], signed=True))
    cal = bme280.Calibration(tuple(words[:3]), tuple(words[3:]), h)
    raw = int.from_bytes(data, "big")
    fine = bme280.t_fine(cal, raw >> 20 & 0xFFFFF)
    expected = case["expected"]["int64"]
    assert (fine * 5 + 128) >> 8 == pytest.approx(expected["t_x100"], abs=1)
    pascal = min(max(bme280.pressure_256(cal, fine, raw >> 44) / 256, 30_000.0), 110_000.0)
    assert pascal * 100 == pytest.approx(expected["p_x100"], abs=5)
    assert bme280.humidity_1024(cal, fine, raw & 0xFFFF) == pytest.approx(expected["rh_x1024"], abs=2)


def test_bme280_calibration_memory_is_what_the_driver_parses():
    cal = bme280.Calibration(h=(75, -300, 2, -333, -50, -30))
    parsed = importlib.import_module("kerb.drivers.bme280").parse_calibration(*cal.memory())
    assert parsed == (*cal.t, *cal.p, *cal.h)


@pytest.mark.parametrize("temp", [-35.0, -5.0, 12.5, 40.0])
@pytest.mark.parametrize("pressure", [870.0, 1003.7, 1070.0])
@pytest.mark.parametrize("rh", [5.0, 50.0, 97.0])
def test_bme280_reads_the_air_across_its_range(build, temp, pressure, rh):
    _, driver = build(bme280.PART, {"temp_c": temp, "pressure_hpa": pressure, "rh_pct": rh})
    got = driver().measure({})
    assert got["quality"] == quality("GOOD")
    assert got["temp_c"] == pytest.approx(temp, abs=0.03)
    assert got["pressure_hpa"] == pytest.approx(pressure, abs=0.15)
    assert got["rh_pct"] == pytest.approx(rh, abs=0.4)


def test_bme280_noise_is_that_of_the_data_sheet(build):
    _, driver = build(bme280.PART, AIR)
    it = driver()
    got = [dict(it.measure({})) for _ in range(200)]
    assert statistics.stdev(g["pressure_hpa"] * 100 for g in got) == pytest.approx(3.3, rel=0.25)
    assert statistics.stdev(g["rh_pct"] for g in got) == pytest.approx(0.07, rel=0.25)


def test_bme280_start_then_measure_blocks_no_longer_than_the_bus(build):
    bench, driver = build(bme280.PART, AIR, addr=0x77)
    it = driver(addr=0x77)
    it.start()
    bench.wait(it.WARM_UP_MS * 1000)
    t0 = bench.kernel.now
    it.measure({})
    assert bench.kernel.now - t0 < 3_000
    it.sleep()
    assert (bench.meter.state, bench.meter.current_ua) == ("sleep", 0.1)
    assert bench.meter.charge_uas["measuring"] == pytest.approx(3.5, abs=0.2)


def test_bme280_each_measure_without_start_is_a_fresh_one(build):
    bench, driver = build(bme280.PART, AIR)
    it = driver()
    it.measure({})
    bench.site.act("temp_c", 20.0, bench.kernel.now)
    assert it.measure({})["temp_c"] == pytest.approx(20.0, abs=0.03)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [({"fault": "nack"}, "does not answer at 0x76"), ({"chip_id": 0x58}, "chip id is 0x58"), ({"addr": 0x77}, "does not answer at 0x76")],
)
def test_bme280_wrong_part_or_address_is_refused(build, options, sentence):
    _, driver = build(bme280.PART, AIR, **options)
    with sensor_error(sentence):
        driver()


def test_bme280_hanging_or_restarted_measurement_is_an_error_not_a_value(build):
    bench, driver = build(bme280.PART, AIR)
    it = driver()
    bench.part.fault = "busy"
    with sensor_error("does not finish"):
        it.measure({})
    bench.part.fault = ""
    it.start()
    bench.part.set_power(False)
    bench.part.set_power(True)
    bench.wait(10_000)
    with sensor_error("measured nothing"):
        it.measure({})
