"""Polled magnetometers: each driver against its virtual part, with everything that can go wrong on the wires."""

import importlib
import json
import statistics
import sys
import types
from pathlib import Path

import pytest
from street_bench import EARTH, Bench, assert_named, options

from interpreter import micropython
from kerb.drivers import bmm150, magnet, mmc5983ma
from kerb.errors import ConfigError, SensorError
from kerb.quality import GOOD, SUSPECT

ROOT = Path(__file__).resolve().parents[2]
KINDS = ROOT / "tests" / "conformance" / "kinds" / "parking.py"
CASES = ROOT / "tests" / "conformance" / "data" / "sensor_cases.json"
# driver: tolerance in uT of a mean of 40 readings: half a count, the noise of the mean five times, an offset nothing takes out
CHIPS = {"lis3mdl": 0.3, "mmc5603": 0.2, "mmc5983ma": 0.05, "qmc5883l": 0.2, "qmc5883p": 0.2, "rm3100": 0.05, "bmm150": 0.8}
WITH_TEMPERATURE = {"lis3mdl": 1 / 8, "mmc5603": 0.4, "mmc5983ma": 0.4}


@pytest.fixture
def bench(monkeypatch):
    made = Bench(monkeypatch)
    clock = types.SimpleNamespace(sleep_ms=made.wait_ms)
    for module in (magnet, mmc5983ma, bmm150):
        monkeypatch.setattr(module, "time", clock)
    return made


def chip(bench, name, **more):
    part = bench.part(importlib.import_module(f"kerbstone.emulator.parts.{name}"), **more)
    return part, lambda: getattr(importlib.import_module(f"kerb.drivers.{name}"), name.upper())(bench, options())


def mean(bench, driver, n=40):
    rows = [[bench.reading(driver)[q] for q in driver.QUANTITIES[:3]] for _ in range(n)]
    return [statistics.fmean(column) for column in zip(*rows, strict=True)]


@pytest.mark.parametrize("field", [EARTH, (-60.0, 0.0, 80.0)])
@pytest.mark.parametrize("name", CHIPS)
def test_the_driver_reads_the_field_that_is_there(bench, name, field):
    _, make = chip(bench, name)
    bench.site.quantities |= dict(zip(("bx_ut", "by_ut", "bz_ut"), field, strict=True))
    assert mean(bench, make()) == pytest.approx(field, abs=CHIPS[name])


@pytest.mark.parametrize("name", CHIPS)
def test_forty_kelvin_at_the_chip_do_not_move_the_field_and_are_read_where_there_is_a_thermometer(bench, name):
    _, make = chip(bench, name)
    driver = make()
    for temp in (-10.0, 30.0):
        bench.site.quantities["temp_c"] = temp
        assert mean(bench, driver) == pytest.approx(EARTH, abs=CHIPS[name])
        if name in WITH_TEMPERATURE:
            assert bench.reading(driver)["chip_temp_c"] == pytest.approx(temp, abs=WITH_TEMPERATURE[name])


def test_one_conversion_of_the_mmc5983ma_alone_is_wrong_by_the_offset_of_its_bridge(bench):
    part, make = chip(bench, "mmc5983ma")
    make()
    part.i2c_write(b"\x09\x08")
    part.i2c_write(b"\x09\x01")
    bench.wait_ms(10)
    part.i2c_write(b"\x00")
    alone = mmc5983ma.convert(part.i2c_read(7), [0, 0, 0])
    expected = [b + fixed + drift * (18.0 - 25.0) for b, (fixed, drift) in zip(EARTH, part.offset_ut, strict=True)]
    assert alone == pytest.approx(expected, abs=0.3)
    assert max(abs(a - b) for a, b in zip(alone, EARTH, strict=True)) > 5


@pytest.mark.parametrize("name", CHIPS)
def test_another_identity_silence_and_a_chip_that_stopped_are_told_by_name(bench, name):
    part, make = chip(bench, name)
    driver = make()
    part.fault = "id"
    with pytest.raises(SensorError) as error:
        make()
    assert_named(error, "identity")
    part.fault = "nack"
    with pytest.raises(SensorError) as error:
        bench.reading(driver)
    assert_named(error, "no answer")
    with pytest.raises(SensorError) as error:
        make()
    assert_named(error, "no answer")
    part.fault = ""
    driver.sleep()
    bench.wait_ms(500)
    driver = make()
    bench.reading(driver)
    driver.sleep()
    part.fault = "stuck"
    with pytest.raises(SensorError) as error:
        bench.reading(driver)
    assert_named(error, "no new sample")
    part.fault = ""
    assert bench.reading(driver)["quality"] == GOOD


@pytest.mark.parametrize("name", [n for n in CHIPS if n != "rm3100"])
def test_a_saturated_field_is_suspect(bench, name):
    """A magnet beside the sensor; the RM3100 counts to 110 mT, which no field at a kerb reaches."""
    _, make = chip(bench, name)
    driver = make()
    bench.site.quantities["bx_ut"] = 5000.0
    assert bench.reading(driver)["quality"] == SUSPECT
    bench.site.quantities["bx_ut"] = 10.0
    driver.sleep()
    bench.wait_ms(300)
    assert bench.reading(driver)["quality"] == GOOD


@pytest.mark.parametrize("name", CHIPS)
def test_asleep_it_takes_what_its_data_sheet_says_and_charge_is_booked_while_it_measures(bench, name):
    part, make = chip(bench, name)
    driver = make()
    bench.reading(driver)
    driver.sleep()
    bench.wait_ms(200)
    idle = min(part.CURRENT_UA[s] for s in part.CURRENT_UA if s != "off")
    assert part.ctx.meter.current_ua == idle
    meter = part.ctx.meter

    def charge_uas(action):
        meter.settle()
        before = meter.total_uas
        action()
        meter.settle()
        return meter.total_uas - before

    assert charge_uas(lambda: bench.wait_ms(1000)) == pytest.approx(idle, rel=0.01)

    def measure():
        bench.reading(driver)
        driver.sleep()

    start = bench.kernel.now
    used = charge_uas(measure)
    assert used > 2 * idle * (bench.kernel.now - start) / 1e6


@pytest.mark.parametrize("name", CHIPS)
def test_what_the_parking_application_sets_is_taken_and_nothing_else(bench, name):
    _, make = chip(bench, name)
    driver = make()
    driver.set("baseline", EARTH)
    driver.set("threshold_ut", 5.0)
    with pytest.raises(ConfigError, match="baseline"):
        driver.set("level", 1)


def test_a_qmc5883p_sold_as_a_qmc5883l_is_named(bench):
    chip(bench, "qmc5883p")
    driver = importlib.import_module("kerb.drivers.qmc5883l").QMC5883L
    with pytest.raises(SensorError) as error:
        driver(bench, options())
    assert_named(error, "qmc5883p")


# -- known answers --------------------------------------------------------------------------------------------


LOOP = """
import json, sys
for line in sys.stdin:
    kind, inputs = json.loads(line)
    print(json.dumps(KINDS[kind](inputs)))
"""


def cases():
    scope: dict = {}
    exec(KINDS.read_text(), scope)
    return [c for c in json.loads(CASES.read_text()) if c["kind"] in scope["KINDS"]], scope["KINDS"]


def wrong(got, case):
    expected, tolerance = case["expected"], case["tolerance"]
    pairs = zip(got, expected, strict=True) if isinstance(expected, list) else [(got, expected)]
    return any(abs(a - b) > (tolerance["rel"] * abs(b) if isinstance(tolerance, dict) else tolerance) for a, b in pairs)


def test_known_answers_hold_in_both_interpreters():
    todo, kinds = cases()
    assert {c["kind"] for c in todo} == set(kinds)
    assert [c["id"] for c in todo if wrong(kinds[c["kind"]](c["inputs"]), c)] == []
    script = KINDS.read_text() + LOOP
    lines = micropython(script, "".join(json.dumps([c["kind"], c["inputs"]]) + "\n" for c in todo)).splitlines()
    assert [c["id"] for line, c in zip(lines, todo, strict=True) if wrong(json.loads(line), c)] == []


def test_registers_of_the_virtual_chips_mean_what_the_known_answers_say(bench):
    """The same registers, other direction: the part encodes a field from its data sheet, the conversion of the cases reads it."""
    for name, at, count, more in (("mmc5603", 0, 9, ()), ("rm3100", 0x24, 9, (200,)), ("lis3mdl", 0xA8, 6, ("4G",))):
        part, make = chip(bench, name)
        part.offset_ut = ((0.0, 0.0),) * 3
        bench.reading(make())
        part.i2c_write(bytes([at]))
        raw = part.i2c_read(count)
        out = [0.0, 0.0, 0.0]
        sys.modules[f"kerb.drivers.{name}"].convert(raw, *more, out)
        assert out == pytest.approx(EARTH, abs=1.5)
