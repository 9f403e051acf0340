"""A02YYUW: bursts, lost echoes, supply, driver against virtual part."""

import math
from contextlib import suppress

import pytest
from street_bench import Bench, assert_named, options

from kerb.drivers import a02yyuw
from kerb.errors import SensorError
from kerb.quality import GOOD, SUSPECT
from kerbstone.emulator.parts import a02yyuw as a02yyuw_part
from kerbstone.emulator.parts.base import Line


@pytest.fixture
def bench(monkeypatch):
    return Bench(monkeypatch)


# -- A02YYUW ----------------------------------------------------------------------------------------------


def ultrasonic(bench, driver_options=None, **part_options):
    supply = bench.pins.setdefault(5, Line("gpio5"))
    bench.part(a02yyuw_part, {"power": supply}, **part_options)
    return a02yyuw.A02YYUW(bench.uart(), options(power_pin=5, **(driver_options or {})))


def test_distance_is_the_median_of_a_burst_of_five(bench):
    bench.site.quantities["distance_mm"] = 1234.0
    driver = ultrasonic(bench)
    sample = bench.reading(driver)
    assert sample["quality"] == GOOD
    assert sample["distance_mm"] == pytest.approx(1234, abs=10)
    assert len(sample["echoes_mm"]) == 5
    assert sorted(sample["echoes_mm"])[2] == sample["distance_mm"]
    assert bench.reading(driver)["echoes_mm"] is sample["echoes_mm"]


@pytest.mark.parametrize("on_level", [0, 1])
def test_supply_is_on_only_between_start_and_sleep(bench, on_level):
    bench.site.quantities["distance_mm"] = 800.0
    driver = ultrasonic(bench, {"power_on_level": on_level}, power_on_level=on_level)
    meter = bench.ledger.meter("part")
    assert (meter.state, bench.device.powered) == ("off", False)
    bench.reading(driver)
    assert (meter.state, bench.pins[5].level) == ("measuring", on_level)
    driver.sleep()
    assert (meter.state, bench.pins[5].level) == ("off", 1 - on_level)
    meter.settle()
    charge = meter.total_uas
    events = bench.kernel._seq
    bench.wait_ms(600_000)
    meter.settle()
    assert meter.total_uas == charge
    assert bench.kernel._seq == events  # an unpowered sensor costs no event


def test_a_reading_costs_about_a_second_of_eight_milliamps(bench):
    bench.site.quantities["distance_mm"] = 800.0
    driver = ultrasonic(bench)
    bench.reading(driver)
    driver.sleep()
    assert 8000 * 0.9 <= bench.ledger.meter("part").total_uas <= 8000 * 1.2


@pytest.mark.parametrize("distance", [math.nan, 10.0, 5200.0])
def test_nothing_in_range_is_no_echo_and_suspect(bench, distance):
    bench.site.quantities["distance_mm"] = distance
    sample = bench.reading(ultrasonic(bench))
    assert sample["distance_mm"] is None
    assert sample["echoes_mm"] == [None] * 5
    assert sample["quality"] == SUSPECT


def test_false_echoes_of_a_tenth_of_the_frames_are_outvoted(bench):
    bench.site.quantities["distance_mm"] = 2000.0
    driver = ultrasonic(bench, false_echo=0.1)
    readings, strays = [], 0
    for _ in range(60):
        sample = bench.reading(driver)
        readings.append(sample["distance_mm"])
        strays += sum(abs(mm - 2000) > 20 for mm in sample["echoes_mm"])
        driver.sleep()
    assert strays > 10
    assert sum(abs(mm - 2000) > 20 for mm in readings) <= 2  # 3 of 5 false: 0.9 %


def test_lost_echoes_are_none_in_the_burst_and_the_rest_still_counts(bench):
    bench.site.quantities["distance_mm"] = 2000.0
    driver = ultrasonic(bench, {"burst": 9}, lost_echo=0.3)
    sample = bench.reading(driver)
    echoes = [mm for mm in sample["echoes_mm"] if mm is not None]
    assert 0 < len(echoes) < 9
    assert sample["distance_mm"] == sorted(echoes)[(len(echoes) - 1) // 2]
    assert sample["quality"] == (GOOD if len(echoes) >= 5 else SUSPECT)


@pytest.mark.parametrize("fault", ["silent", "sum"])
def test_no_valid_frame_is_an_error_in_bounded_time(bench, fault):
    bench.site.quantities["distance_mm"] = 2000.0
    driver = ultrasonic(bench, fault=fault)
    driver.start()
    begin = bench.kernel.now
    with pytest.raises(SensorError) as error:
        driver.measure({})
    assert_named(error, "no valid frame")
    assert bench.kernel.now - begin <= 1_600_000


def test_garbage_on_the_wire_never_becomes_a_good_distance(bench):
    bench.site.quantities["distance_mm"] = 2000.0
    driver = ultrasonic(bench, fault="garbage")
    good = 0
    for _ in range(40):
        with suppress(SensorError):
            good += bench.reading(driver)["quality"] == GOOD
    assert good == 0


def test_a_receiver_opened_in_the_middle_of_a_frame_finds_the_next_one(bench):
    bench.site.quantities["distance_mm"] = 511.0
    bench.part(a02yyuw_part, seed=3)  # no supply switch: it talks all the time
    uart = bench.uart()
    bench.device.to_mcu(a02yyuw_part.frame(511)[2:])
    sample = a02yyuw.A02YYUW(uart, options()).measure({})
    assert sample["quality"] == GOOD
    assert sample["distance_mm"] == pytest.approx(511, abs=10)


def test_a_frozen_sensor_reads_good_here_and_the_same_for_ever(bench):
    # One burst cannot tell a frozen sensor from a still surface; that takes days, and is the application's to judge.
    bench.site.quantities["distance_mm"] = 2000.0
    driver = ultrasonic(bench, fault="stuck")
    first = bench.reading(driver)["distance_mm"]
    bench.site.quantities["distance_mm"] = 900.0
    sample = bench.reading(driver)
    assert (sample["distance_mm"], sample["quality"]) == (first, GOOD)
