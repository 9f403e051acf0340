"""Virtual parts of the air station and the light pole, driven by the firmware's own drivers in one process.

A small `machine` calls the part and moves virtual time as the wires would; `time` runs on the same clock. What went over the
wires is recorded and played back to the drivers under MicroPython, which must read the same values from the same bytes.
"""

from __future__ import annotations

import importlib
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import time
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from kerbstone.emulator.kernel import SECOND_US, Kernel
from kerbstone.emulator.ledger import Meter
from kerbstone.emulator.parts import bl0942, bme280, dimmer, sgp41, sps30
from kerbstone.emulator.parts.base import Line, Nack, Part, PartContext
from kerbstone.emulator.world.constant import Constant

ROOT = Path(__file__).parents[2]
CASES = json.loads((ROOT / "tests/conformance/data/sensor_cases.json").read_text())
AIR = {
    "pm1_ug": 12.0, "pm25_ug": 18.0, "pm4_ug": 22.0, "pm10_ug": 30.0, "voc_ppb": 120.0, "nox_ppb": 30.0,
    "temp_c": 12.5, "rh_pct": 63.0, "pressure_hpa": 1003.7,
}  # fmt: skip
LAMP = {"lamp_power_w": 50.0, "lamp_pf": 0.95, "mains_v": 231.5, "mains_hz": 49.98}
TICKS = 1 << 30  # period of ticks_ms on the boards

sys.modules.setdefault("micropython", types.SimpleNamespace(const=lambda value: value))  # type: ignore[arg-type]


class Bench:
    """One part on its wires, the clock, and the driver's view of both."""

    def __init__(self, part: type[Part], site: dict[str, float], **options: Any):
        self.kernel = Kernel()
        self.kernel.end = 1 << 62
        self.site = Constant(0, random.Random(1), site)
        self.lines = {"relay": Line("relay")} if options.pop("relay", False) else {}
        self.meter = Meter(self.kernel, "part")
        context = PartContext("part", self.kernel, self.site, random.Random(7), self.meter, options, self.lines)
        self.part: Any = part(context)
        self.wire: list[list[Any]] = []
        self.wait(3000)

    def wait(self, us: int) -> None:
        self.kernel.run(self.kernel.now + us)

    def seconds(self, s: float) -> None:
        self.wait(round(s * SECOND_US))

    def ticks_ms(self) -> int:
        # Starts shortly before the period ends, so every test crosses it.
        return (TICKS - 7000 + self.kernel.now // 1000) % TICKS


class I2C:
    """`machine.I2C` at 100 kHz in front of one part."""

    def __init__(self, bench: Bench):
        self.bench = bench

    def _transfer(self, op: str, addr: int, out: bytes, count: int, act: Callable[[], bytes | None]) -> bytes:
        bench = self.bench
        bench.wait((len(out) + count + 1) * 90)
        try:
            if addr != bench.part.address:
                raise Nack
            answer = act() or b""
        except Nack:
            bench.wire.append([op, out.hex(), None])
            raise OSError(5) from None
        bench.wire.append([op, out.hex(), answer.hex()])
        return answer

    def writeto(self, addr: int, buf: bytes) -> None:
        data = bytes(buf)
        self._transfer("write", addr, data, 0, lambda: self.bench.part.i2c_write(data))

    def readfrom_into(self, addr: int, buf: Any) -> None:
        buf[:] = self._transfer("read", addr, b"", len(buf), lambda: self.bench.part.i2c_read(len(buf)))

    def writeto_mem(self, addr: int, register: int, buf: bytes) -> None:
        self.writeto(addr, bytes((register,)) + bytes(buf))

    def readfrom_mem_into(self, addr: int, register: int, buf: Any) -> None:
        self.writeto(addr, bytes((register,)))
        self.readfrom_into(addr, buf)


class UART:
    """`machine.UART` at the part's baud rate."""

    def __init__(self, bench: Bench):
        self.bench = bench
        self.buffer = bytearray()
        bench.part.to_mcu = self.buffer.extend

    def any(self) -> int:
        return len(self.buffer)

    def readinto(self, buf: Any) -> int | None:
        got = min(len(buf), len(self.buffer))
        self.bench.wire.append(["read", "", bytes(self.buffer[:got]).hex()])
        buf[:got] = self.buffer[:got]
        del self.buffer[:got]
        return got or None

    def write(self, buf: bytes) -> int:
        data = bytes(buf)
        self.bench.wire.append(["write", data.hex(), ""])
        self.bench.wait(len(data) * 10 * SECOND_US // self.bench.part.baud)
        self.bench.part.uart_write(data)
        return len(data)


@pytest.fixture
def build(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., tuple[Bench, Any]]]:
    """build(part class, site, driver options, part options) -> (bench, driver class bound to its bus)."""

    def make(part: type[Part], site: dict[str, float], **options: Any) -> tuple[Bench, Callable[..., Any]]:
        bench = Bench(part, site, **options)
        monkeypatch.setattr(time, "sleep_ms", lambda ms: bench.wait(ms * 1000), raising=False)
        monkeypatch.setattr(time, "ticks_ms", bench.ticks_ms, raising=False)
        half = TICKS // 2
        monkeypatch.setattr(time, "ticks_diff", lambda a, b: (a - b + half) % TICKS - half, raising=False)
        monkeypatch.setitem(sys.modules, "machine", _machine(bench))
        name = part.__module__.rsplit(".", 1)[1]
        module = importlib.import_module(f"kerb.drivers.{name}")
        bus = None if part is dimmer.PART else UART(bench) if part is bl0942.PART else I2C(bench)
        return bench, lambda **given: getattr(module, name.upper())(bus, {"name": "it", "where": "i2c0", **given})

    yield make


def _machine(bench: Bench) -> Any:
    """A `machine` whose pin 32 is the part's PWM input and pin 33 its relay line."""

    class Pin:
        OUT = 1

        def __init__(self, number: int, mode: int = -1, value: int | None = None):
            self.number = number
            if value is not None:
                self.value(value)

        def value(self, level: int) -> None:
            assert self.number == 33
            bench.lines["relay"].drive(level)

    class PWM:
        def __init__(self, pin: Pin, freq: int, duty_u16: int):
            assert pin.number == 32
            self.hz = freq
            self.duty_u16(duty_u16)

        def duty_u16(self, duty: int) -> None:
            bench.part.pwm(self.hz, duty)

    return types.SimpleNamespace(Pin=Pin, PWM=PWM)


def sensor_error(match: str) -> Any:
    return pytest.raises(importlib.import_module("kerb.errors").SensorError, match=match)


def quality(name: str) -> int:
    return getattr(importlib.import_module("kerb.quality"), name)


# -- SPS30 --------------------------------------------------------------------------------------------------------------------


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


# -- SGP41 --------------------------------------------------------------------------------------------------------------------


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


def test_sgp41_late_call_is_flagged_by_part_and_by_driver(build):
    bench, driver = build(sgp41.PART, AIR)
    it = driver()
    it.start()
    bench.seconds(12)
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


# -- BME280 -------------------------------------------------------------------------------------------------------------------


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


# -- BL0942 -------------------------------------------------------------------------------------------------------------------


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


# -- dimmer -------------------------------------------------------------------------------------------------------------------


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
    with pytest.raises(config_error, match="'pin'"):
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


# -- the same wires under MicroPython -----------------------------------------------------------------------------------------

_REPLAY = """
import json, sys
import time

class Wire:
    def __init__(self, log):
        self.log = log
        self.at = 0
    def _next(self, op, out):
        entry = self.log[self.at]
        self.at += 1
        assert entry[0] == op and entry[1] == "".join("%02x" % b for b in out), (self.at, entry, op, bytes(out))
        if entry[2] is None:
            raise OSError(5)
        return bytes(int(entry[2][i:i + 2], 16) for i in range(0, len(entry[2]), 2))
    def writeto(self, addr, buf):
        self._next("write", buf)
    def readfrom_into(self, addr, buf):
        buf[:] = self._next("read", b"")
    def writeto_mem(self, addr, register, buf):
        self._next("write", bytes((register,)) + bytes(buf))
    def readfrom_mem_into(self, addr, register, buf):
        self._next("write", bytes((register,)))
        buf[:] = self._next("read", b"")
    def any(self):
        entry = self.log[self.at] if self.at < len(self.log) else ("", "", "")
        return len(entry[2]) // 2 if entry[0] == "read" else 0
    def readinto(self, buf):
        got = self._next("read", b"")
        buf[:len(got)] = got
    def write(self, buf):
        self._next("write", buf)

job = json.loads(sys.stdin.readline())
module = __import__("kerb.drivers." + job["driver"], None, None, ("x",))
wire = Wire(job["wire"])
it = getattr(module, job["driver"].upper())(wire, {"name": "it", "where": "here"})
it.start()
results = []
for ms in job["waits"]:
    time.sleep_ms(ms)
    results.append(dict(it.measure(job["env"])))
it.sleep()
assert wire.at == len(job["wire"]), (wire.at, len(job["wire"]))
print(json.dumps(results))
"""
_TIME = """
_now = 0
def sleep_ms(ms):
    global _now
    _now += ms
def ticks_ms():
    return _now
def ticks_diff(a, b):
    return a - b
"""


@pytest.mark.parametrize(
    ("part", "site", "waits"),
    [
        (sps30.PART, AIR, [30_500, 1_500, 1_500]),
        (sgp41.PART, AIR, [9_500, 10_000, 10_000]),
        (bme280.PART, AIR, [10, 60_000, 60_000]),
        (bl0942.PART, LAMP, [0, 600_000, 600_000]),
    ],
    ids=["sps30", "sgp41", "bme280", "bl0942"],
)
def test_micropython_reads_the_same_values_from_the_same_wires(build, tmp_path, part, site, waits):
    bench, driver = build(part, site)
    env = {"rh_pct": 63.0, "temp_c": 12.5}
    it = driver()
    it.start()
    expected = []
    for ms in waits:
        bench.wait(ms * 1000)
        expected.append(dict(it.measure(env)))
    it.sleep()
    job = {"driver": part.__module__.rsplit(".", 1)[1], "wire": bench.wire, "waits": waits, "env": env}
    (tmp_path / "time.py").write_text(_TIME)
    found = os.environ.get("MICROPYTHON") or shutil.which("micropython") or str(Path(sys.prefix, "bin", "micropython"))
    done = subprocess.run(
        [found, "-X", "heapsize=128wk", "-c", _REPLAY],
        input=json.dumps(job) + "\n", env={**os.environ, "MICROPYPATH": f"{tmp_path}:{ROOT / 'firmware'}"},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-800:] + done.stderr[-500:]
    got = json.loads(done.stdout)
    assert len(got) == len(waits)
    for ours, theirs in zip(expected, got, strict=True):
        assert theirs == pytest.approx(ours, rel=1e-9)
