"""Virtual SPS30 read by the firmware's driver: values, states, charge, faults."""

import importlib
import statistics

import pytest
from mains_bench import AIR, I2C, builder, quality, sensor_error

from kerbstone.emulator.kernel import SECOND_US
from kerbstone.emulator.parts import sgp41, sps30


@pytest.fixture
def build(monkeypatch):
    return builder(monkeypatch)


@pytest.mark.parametrize("integers", [False, True])
def test_sps30_reads_the_air_after_its_warm_up(build, integers):
    bench, driver = build(sps30.PART, AIR)
    it = driver(integers=integers)
    it.start()
    early = dict(it.measure({}))
    assert early["quality"] == quality("WARMING")
    bench.seconds(30)
    got = it.measure({})
    assert got["quality"] == quality("GOOD")
    for key in it.QUANTITIES:
        assert got[key] == pytest.approx(AIR[key], abs=0.15 * AIR[key] + 1.0)
        assert not integers or got[key] == int(got[key])
    assert it.measure({}) is got


def test_sps30_a_second_reading_waits_for_the_next_second(build):
    bench, driver = build(sps30.PART, AIR)
    it = driver()
    it.start()
    bench.seconds(40)
    first, t0 = dict(it.measure({})), bench.kernel.now
    second = it.measure({})
    assert 0.2 * SECOND_US < bench.kernel.now - t0 < 1.2 * SECOND_US
    assert second["pm25_ug"] != first["pm25_ug"]


def test_sps30_sleeps_wakes_and_draws_what_the_sheet_says(build):
    bench, driver = build(sps30.PART, AIR)
    it = driver()
    assert bench.meter.state == "idle"
    for _ in range(2):
        it.start()
        it.start()
        assert bench.meter.state == "measuring"
        bench.seconds(35)
        assert it.measure({})["quality"] == quality("GOOD")
        it.sleep()
        it.sleep()
        assert (bench.meter.state, bench.meter.current_ua) == ("sleep", 38.0)
        bench.seconds(600)
    assert bench.meter.charge_uas["measuring"] == pytest.approx(2 * 35 * 55_000, rel=0.01)
    assert bench.meter.charge_uas["start"] == pytest.approx(2 * 0.2 * 25_000)


def test_sps30_a_new_driver_finds_the_chip_asleep_or_measuring(build):
    bench, driver = build(sps30.PART, AIR)
    first = driver()
    first.start()
    assert bench.meter.state == "measuring"
    second = driver()
    assert bench.meter.state == "idle"
    second.start()
    second.sleep()
    bench.seconds(5)
    third = driver()
    third.start()
    assert bench.meter.state == "measuring"


def test_sps30_before_firmware_2_idles_instead_of_sleeping(build):
    bench, driver = build(sps30.PART, AIR, firmware="1.0")
    it = driver()
    assert it.version == (1, 0)
    it.start()
    bench.seconds(31)
    assert it.measure({})["quality"] == quality("GOOD")
    it.sleep()
    assert bench.meter.state == "idle"
    it.start()
    assert bench.meter.state == "measuring"
    with sensor_error("remove the option 'integers'"):
        driver(integers=True)


def test_sps30_is_noisier_before_its_warm_up_than_after(build):
    bench, driver = build(sps30.PART, AIR)
    it = driver()
    spread = {}
    for phase, pause in (("early", 2), ("late", 45)):
        values = []
        for _ in range(12):
            it.start()
            bench.seconds(pause)
            values.append(it.measure({})["pm25_ug"])
            it.sleep()
        spread[phase] = statistics.stdev(values)
    assert spread["early"] > 3 * spread["late"]


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [("nack", "acknowledge"), ("crc", "checksum"), ("fan", "failed fan"), ("laser", "failed laser"), ("stale", "no new value")],
)
def test_sps30_faults_raise_one_sentence_with_name_and_place(build, fault, sentence):
    bench, driver = build(sps30.PART, AIR)
    it = driver()
    it.start()
    bench.seconds(40)
    bench.part.fault = fault
    with sensor_error(f"^it at i2c0: .*{sentence}"):
        it.measure({})


def test_sps30_fan_speed_out_of_range_makes_a_reading_suspect(build):
    bench, driver = build(sps30.PART, AIR, fault="speed")
    it = driver()
    it.start()
    bench.seconds(40)
    assert it.measure({})["quality"] == quality("SUSPECT")


def test_sps30_refuses_another_sensirion_part_and_an_empty_bus(build):
    bench, _ = build(sgp41.PART, AIR)
    module = importlib.import_module("kerb.drivers.sps30")
    with sensor_error("acknowledge"):
        module.SPS30(I2C(bench), {"addr": 0x59})
    with sensor_error("acknowledge"):
        module.SPS30(I2C(bench), {})


def test_sps30_measure_without_start_says_so(build):
    _, driver = build(sps30.PART, AIR)
    with sensor_error(r"call start\(\)"):
        driver().measure({})
