"""SDI-12, 4-20 mA, pulses and contacts: the firmware's drivers under MicroPython against the virtual parts, on an emulated board."""

import json
import random

import pytest

from bare_board import BareBoard
from kerb.drivers import sdi12
from kerb.drivers.current_loop import loop_value
from kerbstone.emulator.ledger import Meter
from kerbstone.emulator.parts import current_loop, digital_in, pulse
from kerbstone.emulator.parts import sdi12 as sdi12_part
from kerbstone.emulator.parts.base import PartContext
from kerbstone.emulator.world.constant import Constant

GOOD, SUSPECT, FAULT = 0, 1, 3

READ = """
import json, time
from kerb.parts import Part
part = Part("it", json.loads(%r))
for wait in %r:
    part.start()
    time.sleep_ms(part.warm_up_ms + wait)
    print("reading", json.dumps(part.measure({})))
print("end")
"""


class Ramp(Constant):
    """A quantity that grows by `rate` a second."""

    def __init__(self, quantity, rate):
        super().__init__(0, random.Random(1), {"other": 0.0})
        self.quantity, self.rate = quantity, rate

    def read(self, quantity, t_us):
        return self.rate * t_us / 1e6 if quantity == self.quantity else super().read(quantity, t_us)


def read(make, site, bus=None, waits=(10,), virtual=None, lines=(), seconds=60, **options):
    """(readings, the virtual part, console lines) of one part on its wires."""
    parts = []

    def setup(board):
        context = PartContext(
            "it", board.kernel, site if not isinstance(site, dict) else Constant(0, random.Random(1), site), random.Random(2),
            Meter(board.kernel, "it"), {**options, **(virtual or {})}, {name: board.pins.line(options[name + "_pin"]) for name in lines},
        )  # fmt: skip
        part = make(context)
        parts.append(part)
        if bus and bus["kind"] == "i2c":
            board.i2c.attach(bus["sda"], part.address, part)
        elif bus:
            board.uarts.attach(bus["rx"], part)
        elif "pin" in options:
            board.analog.sources[options["pin"]] = part

    config = {"driver": make.__module__.rsplit(".", 1)[1], "bus": bus, "period_s": 1, "options": options}
    with BareBoard(READ % (json.dumps(config), list(waits)), setup=setup, firmware=True) as board:
        lines_said = board.run(seconds)
    assert lines_said[-1:] == ["end"], lines_said
    return [json.loads(line[8:]) for line in lines_said if line.startswith("reading ")], parts[0], lines_said


UART = {"kind": "uart", "id": 1, "baud": 1200, "tx": 4, "rx": 5}
I2C = {"kind": "i2c", "id": 0, "sda": 6, "scl": 7, "freq": 100_000}
PROBE = {"level_m": 3.14159, "water_c": -2.718, "soil_pct": 27.5}
VALUES = {"level": {"index": 0}, "temp": {"index": 1}, "soil": {"index": 2, "scale": 0.01}}


def probe(**virtual):
    given = {"quantities": list(PROBE), "takes_s": 2, **{k: v for k, v in virtual.items() if k not in ("command", "identity", "dir_pin")}}
    mine = {k: v for k, v in virtual.items() if k in ("command", "dir_pin")}
    return read(sdi12_part.Sdi12, PROBE, UART, virtual=given, values=VALUES, lines=("dir",) if mine.get("dir_pin") else (), **mine)


@pytest.mark.parametrize("command", ["M", "MC", "C", "CC", "M1"])
def test_sdi12_measures_by_every_command(command):
    (reading,), part, _ = probe(command=command, dir_pin=8)
    assert reading == pytest.approx({"it.level": 3.142, "it.temp": -2.718, "it.soil": 0.275, "quality": GOOD})
    assert part.line("dir").level == 0


def test_sdi12_reads_values_that_fill_several_answers():
    names = {f"q{i}": i * 1.5 - 3 for i in range(9)}
    values = {f"v{i}": {"index": i} for i in range(9)}
    (reading,), _, _ = read(sdi12_part.Sdi12, names, UART, virtual={"quantities": list(names), "takes_s": 1}, values=values, command="MC")
    assert reading["quality"] == GOOD and [reading[f"it.v{i}"] for i in range(9)] == pytest.approx(list(names.values()))


@pytest.mark.parametrize("fault", ["silent", "garbage"])
def test_sdi12_that_does_not_answer_is_a_fault(fault):
    (reading,), _, said = probe(fault=fault)
    assert reading == {"quality": FAULT} and any("no valid answer to 0I! in 3 tries" in line for line in said)


def test_sdi12_wrong_check_characters_and_missing_values_are_faults():
    assert probe(fault="crc", command="MC")[0] == [{"quality": FAULT}]
    (short,), _, _ = probe(fault="short")
    assert short == {"it.level": None, "it.temp": None, "it.soil": None, "quality": FAULT}


def test_sdi12_check_characters_agree_with_the_specification_and_the_other_implementation():
    assert sdi12.crc16(b"0+3.14") == b"OqZ"  # example of section 4.4.12.3
    rng = random.Random(4)
    for _ in range(50):
        text = "".join(chr(rng.randrange(32, 127)) for _ in range(rng.randrange(1, 70)))
        assert sdi12.crc16(text.encode()).decode() == sdi12_part.check_characters(text)


@pytest.mark.parametrize("text", ["", "3.14", "+", "+1.2-", "+1,2"])
def test_sdi12_refuses_what_is_no_list_of_numbers(text):
    if text:
        with pytest.raises(ValueError):
            sdi12.parse(text)
    else:
        assert sdi12.parse(text) == []


@pytest.mark.parametrize(
    ("ma", "value", "quality"),
    [
        (4.0, 0.0, GOOD), (20.0, 10.0, GOOD), (12.0, 5.0, GOOD), (3.8, -0.125, GOOD), (20.5, 10.3125, GOOD), (3.7, -0.1875, SUSPECT),
        (20.8, 10.5, SUSPECT), (3.59, None, FAULT), (21.01, None, FAULT), (0.0, None, FAULT), (24.0, None, FAULT),
    ],
)
def test_current_loop_limits_of_namur_ne_43(ma, value, quality):
    got, said = loop_value(ma, 0, 10)
    assert (got if got is None else round(got, 6), said) == (value, quality)


@pytest.mark.parametrize("front", ["ads1115", "pin"])
@pytest.mark.parametrize(("fault", "quality"), [("", GOOD), ("cut", FAULT), ("short", FAULT), ("lying", FAULT), ("drift", SUSPECT)])
def test_current_loop_on_either_front_end(front, fault, quality):
    way = {"bus": I2C} if front == "ads1115" else {"pin": 1}
    (reading,), _, _ = read(current_loop.PART, {"pressure_bar": 7.5}, virtual={"fault": fault}, high=10, **way)
    assert reading["quality"] == quality
    if quality == GOOD:
        assert reading["it.value"] == pytest.approx(7.5, abs=0.02)
    elif quality == FAULT:
        assert reading["it.value"] is None


@pytest.mark.parametrize("fault", ["nack", "stranger", "busy"])
def test_ads1115_that_fails_is_a_fault(fault):
    (reading,), _, _ = read(current_loop.PART, {"pressure_bar": 7.5}, bus=I2C, virtual={"fault": fault}, high=10)
    assert reading == {"quality": FAULT}


@pytest.mark.parametrize("fault", ["", "bounce"])
def test_every_pulse_is_counted_once(fault):
    virtual = {"quantity": "water_l", "step": 2, "fault": fault}
    site = Ramp("water_l", 1.0)
    (_, last), _, _ = read(pulse.Pulse, site, waits=(1, 39_000), virtual=virtual, lines=("pulse",), pulse_pin=9, per_pulse=2)
    # Begun after the start of 0.6 s, read 39 s later: the pulses of 2 s to 38 s.
    assert (last["it.count"], last["it.total"]) == (19, 38)


@pytest.mark.parametrize(("fault", "tamper", "quality"), [("", 0, GOOD), ("cut", 1, FAULT), ("short", 1, FAULT), ("tamper", 1, GOOD)])
def test_a_line_that_was_cut_shorted_or_opened_is_tampering(fault, tamper, quality):
    options = {"pulse_pin": 9, "tamper_pin": 10, "pin": 2}
    *_, last = read(pulse.Pulse, Ramp("water_l", 0.1), waits=(1, 3000), virtual={"fault": fault}, lines=("pulse", "tamper"), **options)[0]
    assert (last["it.tamper"], last["quality"]) == (tamper, quality)


@pytest.mark.parametrize(("door", "active"), [(0.0, 1), (1.0, 1), (0.0, 0), (1.0, 0)])
def test_a_contact_is_read_by_its_active_level(door, active):
    (reading,), _, _ = read(digital_in.DigitalIn, {"door": door}, lines=("input",), input_pin=11, active=active)
    assert reading["it.state"] == int(door)
