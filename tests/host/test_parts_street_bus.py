"""Every street driver on a bad bus, driver against virtual part."""


import pytest
from street_bench import DRIVERS, Bench, assert_named

from kerb.errors import SensorError


@pytest.fixture
def bench(monkeypatch):
    return Bench(monkeypatch)


# -- what every I2C driver does about a bad bus -----------------------------------------------------------


@pytest.mark.parametrize("name", DRIVERS)
def test_a_part_that_does_not_answer_is_named_when_the_driver_is_built(bench, name):
    module, build = DRIVERS[name]
    bench.part(module, fault="nack")
    with pytest.raises(SensorError) as error:
        build(bench)
    assert_named(error, "no answer")


@pytest.mark.parametrize("name", DRIVERS)
def test_a_part_that_falls_silent_later_raises_from_measure(bench, name):
    module, build = DRIVERS[name]
    bench.site.quantities |= {"rh_pct": 50.0, "tilt_deg": 0.0}
    part = bench.part(module)
    driver = build(bench)
    bench.reading(driver)
    driver.start()
    part.fault = "nack"
    with pytest.raises(SensorError) as error:
        driver.measure({})
    assert_named(error)


@pytest.mark.parametrize("name", ["lis2mdl", "lis2dh12"])
def test_another_chip_at_the_address_is_refused(bench, name):
    module, build = DRIVERS[name]
    bench.part(module, fault="id")
    with pytest.raises(SensorError) as error:
        build(bench)
    assert_named(error, "WHO_AM_I")


@pytest.mark.parametrize("name", ["lis2mdl", "lis2dh12"])
def test_a_chip_without_new_samples_is_an_error_and_not_an_old_value(bench, name):
    module, build = DRIVERS[name]
    bench.site.quantities["tilt_deg"] = 0.0
    part = bench.part(module)
    driver = build(bench)
    bench.reading(driver)
    part.fault = "stuck"
    with pytest.raises(SensorError) as error:
        bench.reading(driver)
    assert_named(error, "no new sample")
