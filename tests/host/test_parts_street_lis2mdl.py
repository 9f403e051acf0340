"""LIS2MDL: field, offset, settings that survive, driver against virtual part."""

from itertools import pairwise

import pytest
from street_bench import EARTH, Bench, magnetometer, options

from kerb.drivers import lis2mdl
from kerb.errors import ConfigError
from kerb.quality import SUSPECT
from kerbstone.emulator.parts.base import Line


@pytest.fixture
def bench(monkeypatch):
    return Bench(monkeypatch)


# -- LIS2MDL ----------------------------------------------------------------------------------------------


def mean_field(bench, driver, n=60):
    rows = [[bench.reading(driver)[q] for q in driver.QUANTITIES[:3]] for _ in range(n)]
    return [sum(column) / n for column in zip(*rows, strict=True)]


@pytest.mark.parametrize("baseline", [None, EARTH, (-30.0, 12.0, 7.5)])
def test_field_is_absolute_whatever_the_baseline(bench, baseline):
    _, driver = magnetometer(bench)
    driver.start()
    driver.set("baseline", baseline)
    # 0.9 uT rms over 60 samples: 0.12; five sigma and the half count of rounding
    assert mean_field(bench, driver) == pytest.approx(EARTH, abs=0.7)


def test_chip_outputs_themselves_are_what_is_left_of_the_field(bench):
    part, driver = magnetometer(bench)
    driver.start()
    driver.set("baseline", EARTH)
    bench.reading(driver)
    left = lis2mdl.convert(bytes(part.regs[0x68:0x6E]), [0, 0, 0])
    assert max(map(abs, left)) < 5 * 0.9
    assert driver.baseline == pytest.approx(EARTH, abs=0.075)


def test_temperature_is_read_where_the_chip_keeps_it(bench):
    part, driver = magnetometer(bench)
    bench.site.quantities["temp_c"] = -12.0
    assert bench.reading(driver)["chip_temp_c"] == pytest.approx(-12.0, abs=1 / 8)
    part.i2c_write(b"\x68")
    burst = part.i2c_read(8)
    assert burst[6:] == burst[:2]  # the trap: read on, and the X axis comes again


def test_a_site_without_weather_reads_as_25_degrees(bench):
    _, driver = magnetometer(bench)
    del bench.site.quantities["temp_c"]
    assert bench.reading(driver)["chip_temp_c"] == 25.0


def test_every_measure_waits_for_a_sample_of_its_own(bench):
    _, driver = magnetometer(bench)
    driver.start()
    times = []
    for _ in range(4):
        driver.measure({})
        times.append(bench.kernel.now)
    assert all(10_000 < b - a < 30_000 for a, b in pairwise(times[1:]))


def test_a_sample_from_before_the_pause_is_not_reported_after_it(bench):
    _, driver = magnetometer(bench)
    driver.start()
    bench.wait_ms(500)  # samples nobody reads
    driver.sleep()
    bench.site.quantities["bx_ut"] = 80.0
    driver.start()  # and nobody waits for the warm-up
    assert driver.measure({})["bx_ut"] == pytest.approx(80.0, abs=5)


def test_the_first_reading_after_a_new_baseline_is_not_corrected_twice(bench):
    _, driver = magnetometer(bench)
    driver.start()
    bench.wait_ms(500)
    driver.set("baseline", EARTH)
    sample = driver.measure({})
    assert [sample[q] for q in driver.QUANTITIES[:3]] == pytest.approx(EARTH, abs=5)


def test_chip_subtracts_an_offset_only_from_samples_made_after_it_was_written(bench):
    part, driver = magnetometer(bench)
    driver.start()
    bench.wait_ms(500)
    part.i2c_write(b"\x45" + bytes((0x00, 0x10)) * 3)  # 614 uT
    part.i2c_write(b"\x68")
    assert lis2mdl.convert(part.i2c_read(6), [0, 0, 0]) == pytest.approx(EARTH, abs=5)
    bench.wait_ms(100)
    part.i2c_write(b"\x68")
    assert lis2mdl.convert(part.i2c_read(6), [0, 0, 0]) == pytest.approx([b - 614.4 for b in EARTH], abs=5)


def test_saturated_axis_is_suspect(bench):
    bench.site.quantities["by_ut"] = 6000.0
    _, driver = magnetometer(bench)
    assert bench.reading(driver)["quality"] == SUSPECT


def test_a_new_driver_leaves_the_running_chip_alone_and_reads_its_settings_back(bench):
    part, driver = magnetometer(bench, int=Line("int"))
    driver.start()
    driver.set("baseline", EARTH)
    driver.set("threshold_ut", 8.0)
    driver.sleep()
    before, bench.writes = bytes(part.regs[0x45:0x67]), 0
    again = lis2mdl.LIS2MDL(bench, options())
    assert bench.writes == 0
    assert bytes(part.regs[0x45:0x67]) == before
    assert again.baseline == pytest.approx(EARTH, abs=0.075)
    assert again.threshold_ut == pytest.approx(8.0, abs=0.075)
    assert mean_field(bench, again) == pytest.approx(EARTH, abs=0.7)


def test_a_new_driver_writes_nothing_to_a_chip_without_a_threshold_either(bench):
    _, driver = magnetometer(bench)
    bench.reading(driver)
    driver.sleep()
    bench.writes = 0
    lis2mdl.LIS2MDL(bench, options())
    assert bench.writes == 0


def test_after_a_loss_of_supply_the_driver_says_that_baseline_and_threshold_are_gone(bench):
    part, driver = magnetometer(bench)
    driver.set("baseline", EARTH)
    driver.set("threshold_ut", 8.0)
    part.set_power(False)
    part.set_power(True)
    bench.wait_ms(30)
    again = lis2mdl.LIS2MDL(bench, options())
    assert again.baseline == (0, 0, 0)
    assert again.threshold_ut == 0
    assert mean_field(bench, again) == pytest.approx(EARTH, abs=0.7)


@pytest.mark.parametrize("change", ["baseline", "threshold_ut"])
def test_unknown_keys_are_refused_and_known_ones_are_not(bench, change):
    _, driver = magnetometer(bench)
    driver.set(change, None)
    with pytest.raises(ConfigError, match="tresh"):
        driver.set("treshold", 1)
