"""Virtual BL0942 and 0-10 V stage with the firmware's drivers: energy to the watt-hour, light when anything fails."""

import importlib

import pytest
from mains_bench import LAMP, Bench, builder, quality, sensor_error

from kerbstone.emulator.parts import bl0942, dimmer


@pytest.fixture
def build(monkeypatch):
    return builder(monkeypatch)


@pytest.mark.parametrize("calibration", [{}, {"uref": 15000.0, "iref": 240000.0}, {"uref": 15000.0, "pref": 596.0, "eref": 3304.6}])
def test_bl0942_reads_the_mains_with_the_unit_s_calibration(build, calibration):
    bench, driver = build(bl0942.PART, LAMP, **calibration)
    it = driver(**calibration)
    it.measure({})
    bench.seconds(3600)
    got = it.measure({})
    assert got["quality"] == quality("GOOD")
    expected = {"volt_v": 231.5, "current_a": 50 / 231.5 / 0.95, "power_w": 50.0, "power_factor": 0.95, "mains_hz": 49.98}
    assert {key: got[key] for key in expected} == pytest.approx(expected, rel=0.005)
    assert got["energy_kwh"] == pytest.approx(0.05, abs=0.0011)


def test_bl0942_energy_is_exact_over_dimming_and_the_counter_s_wrap(build):
    bench, driver = build(bl0942.PART, LAMP)
    bench.part.counts = float(0xFFFFFF - 300)
    it = driver()
    it.measure({})
    true_wh = 0.0
    for hour in range(40):
        bench.site.act("lamp_power_w", 20.0 + hour, bench.kernel.now)
        bench.seconds(3600)
        true_wh += 20.0 + hour
        it.measure({})
    assert bench.part.counts > 0x1000000
    assert it.energy_wh == pytest.approx(true_wh, abs=2)


def test_bl0942_total_survives_a_restart_of_the_node_and_of_the_chip(build):
    bench, driver = build(bl0942.PART, LAMP)
    it = driver()
    it.set("energy_kwh", 12345.6)
    it.measure({})
    bench.seconds(7200)
    it.measure({})
    assert it.energy_wh == pytest.approx(12_345_700, abs=1)
    bench.part.power_on()
    bench.seconds(3600)
    assert it.measure({})["energy_kwh"] == pytest.approx(12345.75, abs=0.002)
    with pytest.raises(importlib.import_module("kerb.errors").ConfigError, match="energy_kwh"):
        it.set("volt", 1)


def test_bl0942_small_steps_add_up_without_loss(build):
    bench, driver = build(bl0942.PART, {**LAMP, "lamp_power_w": 3.0})
    it = driver()
    it.set("energy_kwh", 99999)
    it.measure({})
    for _ in range(600):
        bench.seconds(60)
        it.measure({})
    assert it.energy_wh - 99_999_000 == pytest.approx(30, abs=1)


def test_bl0942_lamp_without_mains_current_has_no_power_factor(build):
    _, driver = build(bl0942.PART, {**LAMP, "lamp_power_w": 0.0})
    got = driver().measure({})
    assert (got["power_w"], got["current_a"], got["power_factor"]) == (0.0, 0.0, None)


def test_bl0942_swapped_leads_are_suspect_and_still_count(build):
    bench, driver = build(bl0942.PART, LAMP, swapped=True)
    it = driver()
    it.measure({})
    bench.seconds(3600)
    got = it.measure({})
    assert got["power_w"] == pytest.approx(-50, rel=0.005)
    assert got["quality"] == quality("SUSPECT")
    assert it.energy_wh == pytest.approx(50, abs=1)


@pytest.mark.parametrize(
    ("fault", "sentence"), [("silent", "0 of 23 bytes"), ("checksum", "wrong checksum"), ("truncated", "15 of 23 bytes")]
)
def test_bl0942_bad_answers_raise_and_the_next_good_one_counts(build, fault, sentence):
    bench, driver = build(bl0942.PART, LAMP)
    it = driver()
    it.measure({})
    bench.part.fault = fault
    bench.seconds(3600)
    t0 = bench.kernel.now
    with sensor_error(f"^it at i2c0: {sentence}"):
        it.measure({})
    assert bench.kernel.now - t0 < 400_000
    bench.part.fault = ""
    it.measure({})
    assert it.energy_wh == pytest.approx(50, abs=1)


def test_bl0942_old_bytes_in_the_receiver_do_not_disturb(build):
    bench, driver = build(bl0942.PART, LAMP)
    it = driver()
    bench.part.to_mcu(bytes(range(100)))
    assert it.measure({})["volt_v"] == pytest.approx(231.5, rel=0.005)


def test_bl0942_wrong_address_is_refused_and_60_hz_is_configured(build):
    bench, driver = build(bl0942.PART, LAMP, addr=2)
    with sensor_error("0 of 4 bytes"):
        driver(addr=1)
    driver(addr=2, mains_hz=60)
    assert bench.part._registers[0x19] == 0xA7
    assert bench.part._registers[0x1D] == 0


def test_bl0942_part_keeps_protected_registers(build):
    bench, _ = build(bl0942.PART, LAMP)
    frame = bytes((0xA8, 0x19, 0x47, 0, 0))
    bench.part.uart_write(frame + bytes((~sum(frame) & 0xFF,)))
    assert bench.part._registers[0x19] == 0x87


def lamp(bench: Bench) -> tuple[float, float]:
    now = bench.kernel.now
    return bench.site.read("dim_level", now), bench.site.read("relay", now)


@pytest.mark.parametrize("invert", [True, False])
def test_dimmer_commands_level_and_relay(build, invert):
    bench, driver = build(dimmer.PART, {}, invert=invert, relay=True)
    it = driver(pin=32, relay_pin=33, invert=invert)
    assert lamp(bench) == pytest.approx((1.0, 1.0))
    assert it.measure({}) == {"level_pct": 100, "quality": quality("GOOD")}
    for level, (control, relay) in {50: (0.5, 1.0), 12.5: (0.125, 1.0), 0: (0.0, 0.0), 30: (0.3, 1.0), 250: (1.0, 1.0)}.items():
        bench.seconds(1)
        it.set("level", level)
        assert lamp(bench) == pytest.approx((control, relay), abs=1e-4)
        assert it.measure({})["level_pct"] == min(level, 100)
    it.set("level", 40)
    it.sleep()
    assert lamp(bench)[0] == pytest.approx(0.4, abs=1e-4)
    config_error = importlib.import_module("kerb.errors").ConfigError
    with pytest.raises(config_error, match="'level'"):
        it.set("brightness", 3)
    with pytest.raises(importlib.import_module("kerb.errors").SensorError, match="'pin'"):
        driver(relay_pin=33)


def test_dimmer_fails_to_full_light_without_pwm_without_coil_and_without_supply(build):
    bench, driver = build(dimmer.PART, {}, relay=True)
    assert lamp(bench) == (1.0, 1.0)
    it = driver(pin=32, relay_pin=33)
    it.set("level", 0)
    assert lamp(bench) == (0.0, 0.0)
    bench.seconds(1)
    bench.part.pwm(0, 0)
    bench.lines["relay"].drive(0)
    assert lamp(bench) == (1.0, 1.0)
    it.set("level", 0)
    bench.seconds(1)
    bench.part.set_power(False)
    assert lamp(bench) == (1.0, 1.0)


def test_dimmer_without_relay_and_with_a_stuck_stage(build):
    bench, driver = build(dimmer.PART, {}, fault="stuck")
    it = driver(pin=32)
    it.set("level", 0)
    assert lamp(bench) == (1.0, 1.0)
    assert it.measure({})["level_pct"] == 0
