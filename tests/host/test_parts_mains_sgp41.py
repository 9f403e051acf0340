"""Virtual SGP41 read by the firmware's driver: conditioning never exceeds 10 s, signals follow the gases."""

import statistics

import pytest
from mains_bench import AIR, builder, quality, sensor_error

from kerbstone.emulator.parts import sgp41
from kerbstone.emulator.parts.base import Nack


@pytest.fixture
def build(monkeypatch):
    return builder(monkeypatch)


def test_sgp41_conditions_once_then_measures_every_ten_seconds(build):
    bench, driver = build(sgp41.PART, AIR)
    it = driver(self_test=True)
    assert len(it.serial) == 6
    it.start()
    bench.wait(it.WARM_UP_MS * 1000)
    for _ in range(20):
        it.start()
        t0 = bench.kernel.now
        got = it.measure({"rh_pct": AIR["rh_pct"], "temp_c": AIR["temp_c"]})
        assert bench.kernel.now - t0 < 60_000
        assert got["quality"] == quality("GOOD")
        assert 20_000 < got["sraw_voc"] < 40_000 and 10_000 < got["sraw_nox"] < 25_000
        bench.seconds(10)
    assert bench.part.exceeded == 0
    it.sleep()
    assert bench.meter.state == "idle"


def test_sgp41_called_every_second_conditions_as_long_as_it_may_and_no_longer(build):
    bench, driver = build(sgp41.PART, AIR)
    it = driver(period_ms=1000)
    it.start()
    nox = []
    for _ in range(15):
        bench.seconds(0.95)
        got = it.measure({})
        nox.append(got["sraw_nox"])
        assert (got["quality"] == quality("WARMING")) == (got["sraw_nox"] is None)
    assert 8 <= nox.index(next(n for n in nox if n is not None)) <= 10
    assert None not in nox[10:]
    assert bench.part.exceeded == 0


def test_sgp41_early_first_call_ends_conditioning_rather_than_risking_the_pixel(build):
    bench, driver = build(sgp41.PART, AIR)
    it = driver()
    it.start()
    bench.seconds(1)
    assert it.measure({})["quality"] == quality("WARMING")
    assert it.measure({})["sraw_nox"] is not None
    bench.seconds(60)
    assert bench.part.exceeded == 0


def test_sgp41_takes_a_measurement_straight_after_start_and_none_before_it(build):
    _, driver = build(sgp41.PART, AIR)
    it = driver()
    with sensor_error(r"call start\(\)"):
        it.measure({})
    it.start()
    assert it.measure({})["quality"] == quality("WARMING")
    it.sleep()
    with sensor_error(r"call start\(\)"):
        it.measure({})


@pytest.mark.parametrize("hardware_timers", [False, True])
def test_sgp41_timer_ends_conditioning_when_the_node_is_held_up(build, hardware_timers):
    bench, driver = build(sgp41.PART, AIR)
    bench.hardware_timers = hardware_timers
    it = driver()
    for _ in range(2):
        it.start()
        bench.seconds(25)
        assert it.measure({})["quality"] == quality("GOOD")
        it.sleep()
    assert bench.part.exceeded == 0


def test_sgp41_timer_leaves_an_ordered_measurement_alone(build):
    bench, driver = build(sgp41.PART, AIR)
    it = driver()
    it.start()
    bench.seconds(9.5)
    it.measure({})
    before = len(bench.wire)
    bench.seconds(5)
    assert len(bench.wire) == before


def test_sgp41_conditioned_for_too_long_is_flagged_by_part_and_by_driver(build):
    bench, driver = build(sgp41.PART, AIR)
    it = driver()
    it.start()
    bench.seconds(5)
    bench.part.fault = "nack"
    bench.seconds(7)
    bench.part.fault = ""
    assert it.measure({})["quality"] == quality("SUSPECT")
    assert bench.part.exceeded == 1
    assert bench.kernel.log.of(kind="conditioning_exceeded")


def test_sgp41_signals_follow_the_gases_and_compensation_removes_humidity(build):
    def settled(site: dict[str, float], told: bool) -> tuple[float, float]:
        bench, driver = build(sgp41.PART, {**AIR, **site})
        it = driver()
        it.start()
        bench.seconds(9.5)
        it.measure({})
        bench.seconds(120)
        env = {key: site.get(key, AIR[key]) for key in ("rh_pct", "temp_c")} if told else {}
        got = [dict(it.measure(env)) for _ in range(20)]
        return statistics.mean(g["sraw_voc"] for g in got), statistics.mean(g["sraw_nox"] for g in got)

    clean, smoky = settled({"voc_ppb": 120.0}, True), settled({"voc_ppb": 270.0, "nox_ppb": 100.0}, True)
    assert clean[0] - smoky[0] == pytest.approx(870, abs=20)  # 120 + 30 to 270 + 30 is one doubling
    assert smoky[1] > clean[1] + 300
    dry, damp = {"temp_c": 25.0, "rh_pct": 30.0}, {"temp_c": 25.0, "rh_pct": 85.0}
    untold = settled(dry, False)[0] - settled(damp, False)[0]
    told = settled(dry, True)[0] - settled(damp, True)[0]
    assert untold > 400 and abs(told) < 0.2 * untold


@pytest.mark.parametrize(("fault", "sentence"), [("nack", "acknowledge"), ("crc", "checksum"), ("voc_pixel", "VOC"), ("nox_pixel", "NOx")])
def test_sgp41_faults_are_found_when_it_is_built(build, fault, sentence):
    _, driver = build(sgp41.PART, AIR, fault=fault)
    with sensor_error(sentence):
        driver(self_test=True)


def test_sgp41_broken_pixel_without_self_test_is_suspect(build):
    bench, driver = build(sgp41.PART, AIR, fault="nox_pixel")
    it = driver()
    it.start()
    bench.seconds(9.5)
    assert it.measure({})["quality"] == quality("SUSPECT")


def test_sgp41_part_refuses_reads_before_the_measurement_is_over_and_wrong_argument_checksums(build):
    bench, _ = build(sgp41.PART, AIR)
    bench.part.i2c_write(bytes.fromhex("26198000A2666693"))
    with pytest.raises(Nack):
        bench.part.i2c_read(6)
    bench.wait(50_000)
    assert len(bench.part.i2c_read(6)) == 6
    with pytest.raises(Nack):
        bench.part.i2c_write(bytes.fromhex("26198000A3666693"))
