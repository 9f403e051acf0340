"""CSE7766, HLW8012/BL0937, daylight sensors and motion detector with the firmware's drivers, each sound, silent, stuck and lying."""

from __future__ import annotations

import random
import sys
import time
import types

import pytest
from mains_bench import LAMP, builder, quality, sensor_error

from kerbstone.emulator.parts import bh1750, bl0942, cse7766, hlw8012, pir, veml7700
from kerbstone.emulator.parts.base import Line


@pytest.fixture
def build(monkeypatch):
    import mains_bench

    monkeypatch.setattr(mains_bench.UART, "init", lambda self, *a, **k: None, raising=False)
    return builder(monkeypatch)


def test_cse7766_reads_the_mains_and_counts_energy_across_its_counter(build):
    bench, driver = build(cse7766.PART, LAMP)
    it = driver()
    it.measure({})
    for _ in range(72):  # three hours at 9.3 pulses a second wrap 65,536 once
        bench.seconds(150)
        got = it.measure({})
    assert got["quality"] == quality("GOOD")
    expected = {"volt_v": 231.5, "current_a": 50 / 231.5 / 0.95, "power_w": 50.0, "power_factor": 0.95}
    assert {k: got[k] for k in expected} == pytest.approx(expected, rel=0.005)
    assert it.energy_wh == pytest.approx(50 * 3, abs=1.5)


@pytest.mark.parametrize(
    ("fault", "sentence"), [("silent", "silent for 200 ms"), ("checksum", "without a good frame"), ("truncated", "without a good frame")]
)
def test_cse7766_bad_streams_raise_and_the_next_good_frame_counts(build, fault, sentence):
    bench, driver = build(cse7766.PART, LAMP)
    it = driver()
    it.measure({})
    bench.part.fault = fault
    bench.seconds(3600)
    with sensor_error(sentence):
        it.measure({})
    bench.part.fault = ""
    bench.seconds(1)
    assert it.measure({})["quality"] == quality("GOOD")
    assert it.energy_wh == pytest.approx(50, abs=1.5)


def test_cse7766_without_calibration_says_so_and_no_load_is_zero(build):
    _, driver = build(cse7766.PART, LAMP, fault="uncalibrated")
    assert driver().measure({})["quality"] == quality("FAULT")
    _bench, driver = build(cse7766.PART, {**LAMP, "lamp_power_w": 0.0})
    got = driver().measure({})
    assert (got["power_w"], got["current_a"], got["power_factor"], got["quality"]) == (0.0, 0.0, None, quality("GOOD"))


class Pulses:
    """`machine` with pins and pulse counters on one part."""

    def __init__(self, bench):
        lines = bench.part.ctx.lines

        class Pin:
            IN, OUT, IRQ_RISING, IRQ_FALLING = 0, 1, 1, 2

            def __init__(self, number, mode=-1, value=None):
                self.line = lines[number]
                if value is not None:
                    self.line.drive(value)

            def value(self, level=None):
                if level is None:
                    return self.line.level
                self.line.drive(int(level))

            def irq(self, handler, trigger):
                self.line.watchers.append(lambda level: handler(self) if level == (trigger == 1) else None)

        class Counter:
            def __init__(self, unit, pin):
                self.wire = pin.line.name

            def value(self):
                return bench.part.pulses(self.wire)

        self.Pin, self.Counter = Pin, Counter


def wired(build, monkeypatch, part, site, wires, **options):
    import mains_bench

    made = {name: Line(name) for name in wires}
    before = mains_bench.Bench.__init__

    def init(self, kind, values, **given):
        class Wired(kind):
            def __init__(self, ctx):
                ctx.lines.update(made)
                super().__init__(ctx)

        Wired.__module__ = kind.__module__
        before(self, Wired, values, **given)

    monkeypatch.setattr(mains_bench.Bench, "__init__", init)
    bench, driver = build(part, site, **options)
    monkeypatch.setitem(sys.modules, "machine", Pulses(bench))
    return bench, driver, made


@pytest.mark.parametrize(("model", "divider", "shunt"), [("BL0937", 1600, 0.001), ("HLW8012", 943, 0.002)])
def test_pulse_meter_finds_power_voltage_and_current(build, monkeypatch, model, divider, shunt):
    options = {"model": model, "voltage_divider": divider, "shunt_ohm": shunt}
    bench, driver, _ = wired(build, monkeypatch, hlw8012.PART, LAMP, ("cf", "cf1", "sel"), **options)
    monkeypatch.setattr(time, "ticks_add", lambda a, b: a + b, raising=False)
    it = driver(cf_pin="cf", cf1_pin="cf1", sel_pin="sel", **options)
    seen = []
    for _ in range(60):
        it.start()
        bench.seconds(4.9)
        seen.append(dict(it.measure({})))
        bench.seconds(55.1)
    assert seen[0]["quality"] == quality("WARMING")
    got = seen[-1]
    assert got["quality"] == quality("GOOD")
    assert got["power_w"] == pytest.approx(50, rel=0.003) and got["volt_v"] == pytest.approx(231.5, rel=0.003)
    assert got["current_a"] == pytest.approx(0.2273, rel=0.04)  # 86 pulses a gate
    assert it.energy_wh == pytest.approx(50 * 59.08 / 60, abs=1.2)
    bench.part.fault = "silent"
    it.start()
    bench.seconds(5)
    it.measure({}) if bench.part._sel.level == 0 else None
    it.start()
    bench.seconds(5)
    with sensor_error("no pulses on CF1"):
        if not bench.part._sel.level:
            it.start()
            bench.seconds(5)
        it.measure({})


def test_pulse_meter_is_refused_where_no_counter_is(build, monkeypatch):
    _, driver, _ = wired(build, monkeypatch, hlw8012.PART, LAMP, ("cf", "cf1", "sel"))
    monkeypatch.setitem(sys.modules, "machine", types.SimpleNamespace())
    import importlib

    with pytest.raises(importlib.import_module("kerb.errors").ConfigError, match="needs a pulse counter"):
        driver(cf_pin="cf", cf1_pin="cf1", sel_pin="sel")


@pytest.mark.parametrize("lux", [0.5, 10.0, 400.0, 5000.0, 30000.0])
@pytest.mark.parametrize("part", [bh1750, veml7700])
def test_daylight_sensors_read_dusk_to_noon(build, part, lux):
    bench, driver = build(part.PART, {"lux": lux})
    it = driver()
    for _ in range(4):  # the VEML7700 finds its range
        it.start()
        bench.wait(it.WARM_UP_MS * 1000)
        got = it.measure({})
        it.sleep()
        bench.seconds(10)
    assert got["lux"] == pytest.approx(lux, rel=0.03, abs=0.5 if part is bh1750 else 0.02)
    assert got["quality"] == quality("GOOD")
    assert bench.meter.state == "down"


def test_daylight_sensor_beyond_its_range_is_suspect_and_a_wrong_chip_is_refused(build):
    bench, driver = build(bh1750.PART, {"lux": 120_000.0})
    it = driver()
    it.start()
    bench.wait(200_000)
    assert it.measure({})["quality"] == quality("SUSPECT")
    with sensor_error("identity is 0x55"):
        build(veml7700.PART, {"lux": 1.0}, fault="wrong")[1]()
    for part in (bh1750, veml7700):
        bench, driver = build(part.PART, {"lux": 1.0})
        bench.part.address = 0x77
        with sensor_error("no answer at"):
            driver()


def test_motion_is_noted_between_measurements_and_a_stuck_output_is_not_motion(build, monkeypatch):
    bench, driver, lines = wired(build, monkeypatch, pir.PART, {"motion": 0.0}, ("out",))
    monkeypatch.setattr(time, "ticks_add", lambda a, b: (a + b) % (1 << 30), raising=False)
    it = driver(out_pin="out")
    assert it.measure({}) == {"motion": None, "quality": quality("WARMING")}
    bench.seconds(90)
    it.measure({})
    bench.seconds(10)
    assert it.measure({}) == {"motion": False, "quality": quality("GOOD")}
    lines["out"].drive(1)
    lines["out"].drive(0)
    assert it.measure({})["motion"] is True
    assert it.measure({})["motion"] is False
    bench.part.fault = "stuck"
    answers = []
    for _ in range(70):
        bench.seconds(60)
        answers.append(dict(it.measure({})))
    assert answers[5]["motion"] is True
    assert answers[-1] == {"motion": None, "quality": quality("SUSPECT")}


class Wire:
    """A receiver that holds what the test puts in."""

    def __init__(self):
        self.buffer = bytearray()

    def any(self):
        return len(self.buffer)

    def readinto(self, buf, most):
        n = min(len(buf), most, len(self.buffer))
        buf[:n] = self.buffer[:n]
        del self.buffer[:n]
        return n


@pytest.mark.parametrize("chip", ["cse7766", "bl0942"])
def test_ten_thousand_resynchronisations_lose_no_good_frame(chip, build):
    """Garbage, cut frames and heads without a frame before each good one, in pieces of any size."""
    bench, driver = build(cse7766.PART if chip == "cse7766" else bl0942.PART, LAMP)
    it = driver()._framer  # has seen the chip's own coefficients, where there are any
    make, size = (bench.part.frame, 24) if chip == "cse7766" else (bench.part._packet, 23)
    rng, wire = random.Random(9), Wire()
    lost = false = 0
    for n in range(10_000):
        bench.kernel.now += 50_000
        frame = make()
        kind = n % 4
        noise = bytes(rng.randrange(256) for _ in range(rng.randrange(1, 40)))
        if kind == 1:
            noise = frame[: rng.randrange(1, size)]
        elif kind == 2:
            noise = b"\x55\x5a" * rng.randrange(1, 12)
        elif kind == 3:
            noise = noise[:5] + frame[:-1] + bytes((frame[-1] ^ 0x10,))
        stream, got = noise + frame, []
        while stream:
            cut = rng.randrange(1, 30)
            wire.buffer += stream[:cut]
            stream = stream[cut:]
            while it.read(wire):
                got.append(bytes(it.buf[it.at : it.at + size]))
        lost += frame not in got
        false += sum(g != frame for g in got)
    print(f"{chip}: {lost} of 10000 good frames lost, {false} false ones taken")
    assert (lost, false) == (0, 0)


