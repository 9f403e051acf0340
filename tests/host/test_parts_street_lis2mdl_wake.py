"""LIS2MDL: the comparator that wakes the node, driver against virtual part."""

import math

import pytest
from street_bench import EARTH, Bench, magnetometer

from kerbstone.emulator.kernel import SECOND_US
from kerbstone.emulator.parts import lis2mdl as lis2mdl_part
from kerbstone.emulator.parts.base import Line


@pytest.fixture
def bench(monkeypatch):
    return Bench(monkeypatch)


def watch(line, kernel):
    seen = []
    line.watchers.append(lambda level: seen.append((kernel.now, level)))
    return seen


def arm(bench, threshold=8.0):
    line = Line("int")
    part, driver = magnetometer(bench, int=line)
    driver.start()
    driver.set("baseline", EARTH)
    driver.set("threshold_ut", threshold)
    driver.sleep()
    return part, driver, line


@pytest.mark.parametrize("axis", range(3))
@pytest.mark.parametrize("step", [20.0, -20.0])
def test_int_pin_rises_with_the_first_sample_of_a_car_and_falls_when_it_has_gone(bench, axis, step):
    part, _, line = arm(bench)
    seen = watch(line, bench.kernel)
    come, go = 7_203_456_000, 9_000_123_000
    bench.site.changes = [(come, come + 3 * SECOND_US), (go, go + 3 * SECOND_US)]
    quantity = ("bx_ut", "by_ut", "bz_ut")[axis]
    bench.site.quantities[quantity] = lambda t: EARTH[axis] + (step if come + SECOND_US <= t < go + SECOND_US else 0)
    bench.kernel.run(come + 30 * SECOND_US)
    part.i2c_write(b"\x64")
    source = part.i2c_read(1)[0]
    assert source == 1 | (0x80 if step > 0 else 0x10) >> axis
    bench.kernel.run(3 * 3600 * SECOND_US)
    assert [level for _, level in seen] == [1, 0]
    for (t, _), edge in zip(seen, (come, go), strict=True):
        assert 0 <= t - (edge + SECOND_US) <= 100_000


def test_drift_past_the_threshold_is_found_within_a_minute(bench):
    _, _, line = arm(bench)
    seen = watch(line, bench.kernel)
    bench.site.quantities["bz_ut"] = lambda t: EARTH[2] + t / (3600 * SECOND_US)  # 1 uT an hour
    bench.kernel.run(12 * 3600 * SECOND_US)
    first = seen[0][0] / (3600 * SECOND_US)
    assert seen[0][1] == 1
    assert 8 - 5 * 0.9 - 0.1 < first < 8 + 1 / 60


def test_a_quiet_day_costs_few_samples_and_wakes_nobody(bench):
    _, _, line = arm(bench)
    seen = watch(line, bench.kernel)
    bench.site.reads = 0
    bench.kernel.run(bench.kernel.now + 24 * 3600 * SECOND_US)
    assert not seen
    assert 4 * 1440 <= bench.site.reads <= 4 * 1442  # one sample a minute, four quantities a sample


def test_noise_does_not_depend_on_who_looked_before(monkeypatch):
    rows = []
    for nosy in (False, True):
        bench = Bench(monkeypatch)
        _, driver = magnetometer(bench)
        driver.start()
        for _ in range(40 if nosy else 0):
            bench.device.i2c_write(b"\x45")
            bench.device.i2c_read(6)
            bench.wait_ms(25)
        bench.kernel.run(5 * SECOND_US)
        rows.append(dict(driver.measure({})))
    assert rows[0] == rows[1]


@pytest.mark.parametrize(("cfg_a", "sigma"), [(0x88, 0.3), (0x90, 0.9)])
def test_white_noise_has_the_stated_strength_in_a_burst_and_on_watch(bench, cfg_a, sigma):
    part = bench.part(lis2mdl_part)
    part.i2c_write(bytes((0x60, cfg_a)))
    values = []
    for _ in range(400):
        bench.wait_ms(110)
        part.i2c_write(b"\x68")
        values.append(int.from_bytes(part.i2c_read(2), "little", signed=True) * 0.15)
    mean = sum(values) / len(values)
    assert math.sqrt(sum((v - mean) ** 2 for v in values) / len(values)) == pytest.approx(sigma, rel=0.15)


def test_what_follows_a_wake_is_measured_finely_and_the_watch_is_cheap_again(bench):
    _, driver, _ = arm(bench)
    meter = bench.ledger.meter("part")
    assert meter.state == "lp_10"
    driver.start()
    assert meter.state == "hr_50"
    bench.wait_ms(30)
    assert driver.ready()
    driver.measure({})
    assert not driver.ready()
    driver.sleep()
    assert meter.state == "lp_10"


def test_going_to_sleep_with_a_new_baseline_leaves_the_pin_low(bench):
    _, driver, line = arm(bench)
    bench.site.quantities["bx_ut"] = EARTH[0] + 30
    bench.wait_ms(120_000)
    assert line.level == 1
    driver.start()
    driver.measure({})
    driver.set("baseline", (EARTH[0] + 30, *EARTH[1:]))
    assert line.level == 1
    driver.sleep()
    assert line.level == 0


def test_pin_is_low_after_a_pause_until_a_sample_says_otherwise(bench):
    part, _, line = arm(bench)
    bench.site.quantities["bx_ut"] = EARTH[0] + 30
    bench.wait_ms(120_000)
    assert line.level == 1
    part.i2c_write(b"\x60\x93")
    assert line.level == 0
    part.i2c_write(b"\x60\x90")
    assert line.level == 0
    bench.wait_ms(100)
    assert line.level == 1


def test_switching_the_threshold_off_lowers_the_pin_and_lets_the_chip_idle(bench):
    _, driver, line = arm(bench)
    bench.site.quantities["bx_ut"] = EARTH[0] + 30
    bench.wait_ms(120_000)
    assert line.level == 1
    driver.set("threshold_ut", None)
    driver.sleep()
    assert line.level == 0
    assert bench.ledger.meter("part").state == "idle"


def test_sleep_does_not_wait_for_a_pin_that_nothing_is_about_to_change(bench):
    _, driver, line = arm(bench)
    bench.site.quantities["bx_ut"] = EARTH[0] + 30
    bench.wait_ms(120_000)
    assert line.level == 1
    begin = bench.kernel.now
    driver.sleep()
    assert bench.kernel.now - begin < 10_000


@pytest.mark.parametrize(("threshold", "microamps"), [(8.0, 25.0), (None, 1.5)])
def test_sleep_current_is_that_of_the_comparator_or_of_idle(bench, threshold, microamps):
    _, driver = magnetometer(bench, int=Line("int"))
    bench.reading(driver)
    driver.set("threshold_ut", threshold)
    driver.sleep()
    meter = bench.ledger.meter("part")
    meter.settle()
    before = meter.total_uas
    bench.wait_ms(3_600_000)
    meter.settle()
    assert meter.total_uas - before == pytest.approx(microamps * 3600, rel=1e-6)


def test_single_mode_makes_one_sample_and_returns_to_idle(bench):
    part = bench.part(lis2mdl_part)
    part.i2c_write(b"\x60\x91")
    assert bench.ledger.meter("part").state == "lp_single"
    bench.wait_ms(50)
    part.i2c_write(b"\x67")
    assert part.i2c_read(2)[0] & 0x08
    assert part.regs[0x60] & 0x03 == 0x03
    assert bench.ledger.meter("part").state == "idle"


def test_latched_interrupt_stays_until_its_source_is_read(bench):
    line = Line("int")
    part = bench.part(lis2mdl_part, {"int": line})
    spike = (2 * SECOND_US, 3 * SECOND_US)
    bench.site.quantities["bx_ut"] = lambda t: 90.0 if spike[0] <= t < spike[1] else 0.0
    bench.site.quantities |= {"by_ut": 0.0, "bz_ut": 0.0}
    bench.site.changes = [spike]
    for register, value in ((0x65, 200), (0x62, 0x50), (0x63, 0xE7), (0x60, 0x90)):
        part.i2c_write(bytes((register, value)))
    bench.kernel.run(200 * SECOND_US)
    assert line.level == 1
    part.i2c_write(b"\x64")
    assert part.i2c_read(1) == b"\x81"
    assert line.level == 0


def test_soft_reset_forgets_offsets_and_stops(bench):
    part, driver = magnetometer(bench)
    driver.start()
    driver.set("baseline", EARTH)
    part.i2c_write(b"\x60\x20")
    assert bytes(part.regs[0x45:0x4B]) == bytes(6)
    assert part.regs[0x60] == 0x03
