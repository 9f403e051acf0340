"""Firmware on a whole emulated RP2040 with a stock MicroPython image. Needs KERBSTONE_UF2; about a minute of processor time."""

import pytest

from chip_image import uf2
from kerbstone.build.node import load_node
from kerbstone.chip.duty import Duty, run_duty
from kerbstone.chip.engine import Chip
from kerbstone.chip.floats import compare
from kerbstone.chip.life import run_life
from kerbstone.chip.prepare import prepare
from kerbstone.errors import ChipError


@pytest.fixture(scope="module")
def duties() -> dict[str, Duty]:
    """A cycle of a node, run once."""
    return {}


def duty(duties: dict[str, Duty], name: str, send: bool = False) -> Duty:
    if name not in duties:
        duties[name] = run_duty(load_node(name), uf2(), send=send)
    return duties[name]


def test_the_arithmetic_of_the_chip_stays_within_what_each_use_allows():
    floats = compare(uf2())
    assert len(floats.cases) > 30
    assert [c for c in floats.cases if not c.good] == []
    assert any(c.error > 0 for c in floats.cases)  # else both had the same float


def test_the_street_bin_reports_what_its_surroundings_are(duties):
    result = duty(duties, "bins")
    values, truth = result.decoded[0]["values"], result.truth
    assert result.decoded[0]["quality"] == "good"
    assert values["distance_mm"] == pytest.approx(truth["distance_mm"], abs=15)  # 3 mm noise, steps of 10
    assert values["temperature"] == pytest.approx(truth["temp_c"], abs=0.3)
    assert values["battery_v"] == pytest.approx(truth["battery_v"], abs=0.05)
    assert not [line for line in result.console if line.startswith("kerb fault")]


def test_the_light_pole_reads_its_meter_and_drives_its_dimmer(duties):
    result = duty(duties, "light")
    values, truth = result.decoded[0]["values"], result.truth
    assert values["power_w"] == pytest.approx(truth["lamp_power_w"], rel=0.02)
    assert values["volt_v"] == pytest.approx(truth["mains_v"], rel=0.02)


def test_the_parking_bay_joins_over_its_radio_and_the_network_gets_its_frame(duties):
    result = duty(duties, "parking", send=True)
    assert result.delivered == result.frames and result.frames


@pytest.mark.parametrize("name", ["bins", "light", "parking"])
def test_a_cycle_leaves_a_third_of_the_heap(duties, name):
    result = duty(duties, name, send=name == "parking")
    peak = result.high_water
    assert [s.name for s in result.stages] == ["start", "imported", "built", "awake", "started", "sensed", "sent", "saved"]
    assert peak.free > (peak.free + peak.live) / 3


def test_the_node_left_to_itself_joins_reports_and_is_not_reset():
    result = run_life(load_node("parking"), uf2(), 120)
    assert result.delivered and result.wakes_s == []


def test_deep_sleep_ends_in_a_reset_after_the_longest_time_the_chip_can_sleep():
    chip = prepare(uf2(), {}).chip
    began = chip.seconds
    chip.console.send(b"import machine; machine.deepsleep(4290000)\r\n")
    assert chip.run(4400, lambda: chip.resets > 0)
    assert 4290 < chip.seconds - began < 4291


def test_an_address_nobody_has_is_an_oserror_on_the_chip():
    chip = prepare(uf2(), {}).chip
    done = chip.execute("import machine\nprint(machine.I2C(0, scl=machine.Pin(5), sda=machine.Pin(4)).readfrom_mem(0x1e, 0x4f, 1))", 2)
    assert "OSError" in done.stderr


def test_waiting_costs_next_to_nothing():
    chip = prepare(uf2(), {}).chip
    done = chip.execute("import time\ntime.sleep(3600)", 4000)
    assert done.chip_s > 3600 and done.wall_s < 60


def test_a_script_that_never_ends_is_one_sentence():
    chip = prepare(uf2(), {}).chip
    with pytest.raises(ChipError, match=r"did not end within 0\.2 s of chip time; last line: .*here"):
        chip.execute("print('here')\nwhile True: pass", 0.2)


def test_an_image_that_is_not_micropython_does_not_hang():
    image = uf2()
    chip = Chip(type("Empty", (), {"path": image, "blocks": ((0x1000_0000, b"\xfe\xe7" * 128),), "end": 0x1000_0100})())
    chip.start()
    with pytest.raises(ChipError, match="does not appear on USB"):
        chip.to_prompt()
