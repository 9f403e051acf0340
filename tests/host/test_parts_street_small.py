"""SHT4x, LIS2DH12 and the battery divider, driver against virtual part."""


import pytest
from street_bench import Bench, assert_named, options

from kerb.drivers import battery, lis2dh12, sht4x
from kerb.errors import ConfigError, SensorError
from kerb.quality import GOOD, SUSPECT
from kerbstone.emulator.parts import battery as battery_part
from kerbstone.emulator.parts import lis2dh12 as lis2dh12_part
from kerbstone.emulator.parts import sht4x as sht4x_part
from kerbstone.emulator.parts.base import Line


@pytest.fixture
def bench(monkeypatch):
    return Bench(monkeypatch)


# -- SHT4x ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("t", "rh"), [(-20.0, 95.0), (23.5, 41.0), (68.0, 3.0)])
def test_temperature_and_humidity_come_back_within_repeatability(bench, t, rh):
    bench.site.quantities |= {"temp_c": t, "rh_pct": rh}
    part = bench.part(sht4x_part)
    driver = sht4x.SHT4X(bench, options())
    sample = bench.reading(driver)
    assert sample["temp_c"] == pytest.approx(t, abs=0.08)
    assert sample["rh_pct"] == pytest.approx(rh, abs=0.16)
    assert sample["quality"] == GOOD
    assert int(driver.serial, 16) == part.serial


def test_warm_up_is_just_longer_than_the_slowest_chip_needs(bench):
    bench.site.quantities["rh_pct"] = 50.0
    bench.part(sht4x_part)
    driver = sht4x.SHT4X(bench, options())
    driver.start()
    bench.wait_ms(7)
    with pytest.raises(SensorError) as error:
        driver.measure({})
    assert_named(error, "refused the read")
    bench.wait_ms(3)
    driver.measure({})
    with pytest.raises(SensorError):  # one reading for each start
        driver.measure({})


def test_a_wrong_crc_is_an_error(bench):
    bench.site.quantities["rh_pct"] = 50.0
    part = bench.part(sht4x_part)
    driver = sht4x.SHT4X(bench, options())
    part.fault = "crc"
    with pytest.raises(SensorError) as error:
        bench.reading(driver)
    assert_named(error, "CRC")


def test_a_temperature_no_street_has_is_suspect(bench):
    bench.site.quantities |= {"temp_c": 129.0, "rh_pct": 50.0}
    bench.part(sht4x_part)
    assert bench.reading(sht4x.SHT4X(bench, options()))["quality"] == SUSPECT


# -- LIS2DH12 ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("up", ["x", "y", "z", "-x", "-y", "-z"])
@pytest.mark.parametrize("tilt", [0.0, 20.0, 45.0, 90.0, 135.0, 180.0])
def test_tilt_comes_back_within_a_count_and_a_half(bench, up, tilt):
    bench.site.quantities["tilt_deg"] = tilt
    bench.part(lis2dh12_part, up=up)
    sample = bench.reading(lis2dh12.LIS2DH12(bench, options(up=up)))
    assert sample["tilt_deg"] == pytest.approx(tilt, abs=1.5)
    assert sample["quality"] == GOOD


def test_accelerometer_without_memory_is_powered_down_except_between_start_and_sleep(bench):
    bench.site.quantities["tilt_deg"] = 0.0
    bench.part(lis2dh12_part)
    driver = lis2dh12.LIS2DH12(bench, options(memory=False))
    meter = bench.ledger.meter("part")
    states = [meter.state]
    bench.reading(driver)
    states.append(meter.state)
    driver.sleep()
    assert [*states, meter.state] == ["power_down", "lp_10", "power_down"]


@pytest.mark.parametrize("up", ["z", "-z", "x", "-y"])
@pytest.mark.parametrize(("degrees", "lasts_s", "tipped"), [(125, 10, True), (125, 0.5, False), (90, 10, False), (60, 100, False)])
def test_it_remembers_through_a_deep_sleep_that_it_was_upside_down(bench, up, degrees, lasts_s, tipped):
    start, end = 300_000_000, 300_000_000 + round(lasts_s * 1e6)
    bench.site.quantities["tilt_deg"] = lambda t_us: degrees if start <= t_us < end else 1.0
    bench.site.changes = [(start, end)]
    bench.part(lis2dh12_part, up=up)
    driver = lis2dh12.LIS2DH12(bench, options(up=up))
    assert bench.reading(driver)["tipped"] is False
    driver.sleep()
    assert bench.ledger.meter("part").state == "lp_10"
    bench.wait_ms(600_000)
    driver = lis2dh12.LIS2DH12(bench, options(up=up))  # as after a deep sleep of the node
    assert bench.reading(driver)["tipped"] is tipped
    driver.sleep()
    bench.wait_ms(600_000)
    assert bench.reading(driver)["tipped"] is False  # told once


def test_tilt_of_a_bin_that_is_being_shaken_is_suspect(bench):
    bench.site.quantities["tilt_deg"] = 0.0
    bench.part(lis2dh12_part, fault="shake")
    assert bench.reading(lis2dh12.LIS2DH12(bench, options()))["quality"] == SUSPECT


def test_tilt_after_a_pause_is_the_tilt_of_now(bench):
    bench.site.quantities["tilt_deg"] = 0.0
    bench.part(lis2dh12_part)
    driver = lis2dh12.LIS2DH12(bench, options())
    driver.start()
    bench.wait_ms(300)
    driver.sleep()
    bench.site.quantities["tilt_deg"] = 90.0
    driver.start()  # and nobody waits for the warm-up
    assert driver.measure({})["tilt_deg"] == pytest.approx(90, abs=1.5)


def test_an_unknown_axis_is_a_configuration_error(bench):
    bench.part(lis2dh12_part)
    with pytest.raises(ConfigError, match="up"):
        lis2dh12.LIS2DH12(bench, options(up="north"))


# -- battery ----------------------------------------------------------------------------------------------

HELTEC_V3 = {"pin": 1, "ratio": 4.9, "gate_pin": 37, "gate_level": 0, "attenuation": 2.5}


def divider(bench, **part_options):
    gate = bench.pins.setdefault(37, Line("gpio37"))
    bench.adc[1] = bench.part(battery_part, {"gate": gate}, ratio=4.9, **part_options)
    return gate


@pytest.mark.parametrize("volts", [3.0, 3.7, 4.2])
def test_battery_voltage_through_a_gated_divider(bench, volts):
    bench.site.quantities["battery_v"] = volts
    gate = divider(bench)
    driver = battery.BATTERY(None, options(**HELTEC_V3))
    assert gate.level == 1
    sample = bench.reading(driver)
    assert gate.level == 0
    assert sample["battery_v"] == pytest.approx(volts, abs=0.02)
    assert sample["quality"] == GOOD
    driver.sleep()
    assert gate.level == 1


def test_divider_draws_only_while_its_gate_is_open(bench):
    bench.site.quantities["battery_v"] = 3.7
    divider(bench)
    driver = battery.BATTERY(None, options(**HELTEC_V3))
    bench.wait_ms(3_600_000)
    assert bench.ledger.meter("part").state == "off"
    bench.reading(driver)
    assert bench.ledger.meter("part").state == "divider"
    driver.sleep()
    bench.ledger.settle()
    assert bench.ledger.meter("part").total_uas == pytest.approx(7.55 * 0.060, rel=0.01)


def test_battery_on_an_rp2040_reads_with_its_own_full_scale(bench):
    bench.site.quantities["battery_v"] = 4.0
    bench.adc[29] = bench.part(battery_part, ratio=3.0)
    driver = battery.BATTERY(None, options(pin=29, ratio=3.0, full_scale_v=3.3))
    assert driver.WARM_UP_MS == 0  # no gate, nothing to settle
    assert bench.reading(driver)["battery_v"] == pytest.approx(4.0, abs=0.02)


def test_a_divider_that_is_not_connected_is_suspect(bench):
    bench.site.quantities["battery_v"] = 4.0
    divider(bench, fault="open")
    assert bench.reading(battery.BATTERY(None, options(**HELTEC_V3)))["quality"] == SUSPECT


@pytest.mark.parametrize("wrong", [{"pin": None}, {"attenuation": 20}])
def test_a_wrong_battery_table_is_a_configuration_error(bench, wrong):
    table = {key: value for key, value in {**HELTEC_V3, **wrong}.items() if value is not None}
    with pytest.raises(ConfigError):
        battery.BATTERY(None, options(**table))
