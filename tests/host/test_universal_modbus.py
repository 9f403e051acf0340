"""The Modbus driver under MicroPython against the virtual slave: faults, DE pin, identity, two slaves on one line."""

import json
import random

import pytest

from bare_board import BareBoard
from kerbstone.emulator.ledger import Meter
from kerbstone.emulator.parts.base import PartContext
from kerbstone.emulator.parts.modbus import Modbus
from kerbstone.emulator.world.constant import Constant

GOOD, FAULT = 0, 3
BUS = {"kind": "uart", "id": 1, "baud": 19200, "tx": 4, "rx": 5, "bits": 8, "parity": 0, "stop": 1}
ROWS = [[4, 12, "float32", "power_w", 1], [3, 100, "uint32", "energy_wh", 10], [3, 102, "int16", "temp_c", 10], [1, 7, "coil", "relay", 1]]
VALUES = {
    "power": {"function": 4, "register": 12, "kind": "float32"},
    "energy": {"register": 100, "kind": "uint32", "order": "CDAB", "scale": 0.1},
    "temp": {"register": 102, "kind": "int16", "scale": 0.1, "min": -40, "max": 85},
    "relay": {"register": 7, "function": 1},
}
SITE = {"power_w": 812.5, "energy_wh": 123_456_789.0, "temp_c": -12.3, "relay": 1.0}

MAIN = """
import json
from kerb.parts import Part
for name, config in json.loads(%r):
    part = Part(name, config)
    for action in json.loads(%r):
        if action:
            part.set(*action)
        part.start()
        print("reading", json.dumps(part.measure({})))
print("end")
"""


def read(*slaves, actions=(None,), de=True, **options):
    """(readings, virtual slaves, console) of a part for each dict of slave options, all on one line."""
    parts = []

    def setup(board):
        for virtual in slaves:
            line = {"de": board.pins.line(8)} if de else {}
            given = {"map": ROWS, "uart": {k: BUS[k] for k in ("baud", "bits", "parity", "stop")}, **virtual}
            meter = Meter(board.kernel, "meter")
            site = Constant(0, random.Random(1), SITE)
            parts.append(Modbus(PartContext("meter", board.kernel, site, random.Random(2), meter, given, line)))
            board.uarts.attach(BUS["rx"], parts[-1])

    wires = {"de_pin": 8} if de else {}
    configs = [
        (f"m{v.get('unit', 1)}", {"driver": "modbus", "bus": BUS, "period_s": 1,
                                  "options": {"unit": v.get("unit", 1), "values": VALUES, **wires, **options}})
        for v in slaves
    ]  # fmt: skip
    with BareBoard(MAIN % (json.dumps(configs), json.dumps(actions)), setup=setup, firmware=True) as board:
        said = board.run(120)
    assert said[-1:] == ["end"], said
    return [json.loads(line[8:]) for line in said if line.startswith("reading ")], parts, said


# The map's own order is ABCD, the row of energy CDAB: only a slave with the low word first is read right.
CDAB = {"map": [r for r in ROWS if r[2] != "float32"], "order": "CDAB"}


def test_every_kind_of_row_is_read_with_even_parity_through_a_transceiver():
    values = {k: v for k, v in VALUES.items() if k != "power"}
    (reading,), (part,), _ = read(CDAB, values=values)
    assert reading == pytest.approx({"quality": GOOD, "m1.energy": 123_456_789, "m1.temp": -12.3, "m1.relay": 1})
    assert part.requests == 3 and part.line("de").level == 0


def test_two_slaves_share_a_line():
    values = {"power": VALUES["power"]}
    readings, parts, _ = read({"unit": 1}, {"unit": 2}, values=values)
    assert [r["quality"] for r in readings] == [GOOD, GOOD] and readings[0]["m1.power"] == readings[1]["m2.power"] == 812.5
    assert [p.requests for p in parts] == [1, 1]


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("silent", "no answer from unit 1 in 300 ms"), ("crc", "wrong CRC from unit 1"), ("truncated", "no answer from unit 1"),
        ("unit", "unit 2, function 4 answered for 1, 4"),
    ],
)
def test_a_slave_that_cannot_be_understood_is_a_fault_with_its_cause(fault, words):
    (reading,), (part,), said = read({"fault": fault}, values={"power": VALUES["power"]})
    assert reading == {"quality": FAULT} and part.requests == 3
    assert [line for line in said if words in line and line.startswith("kerb fault m1")]


def test_a_busy_slave_is_asked_again_and_a_refused_row_is_missing_alone():
    (reading,), (part,), _ = read({"fault": "busy"}, values={"power": VALUES["power"]})
    assert reading == {"quality": FAULT, "m1.power": None} and part.requests == 3
    (reading,), (part,), _ = read({}, values={"power": VALUES["power"], "other": {"register": 900}})
    assert reading == {"quality": FAULT, "m1.power": 812.5, "m1.other": None} and part.requests == 2


def test_a_value_out_of_range_is_missing():
    (reading,), _, _ = read({"fault": "lying"}, values={"temp": VALUES["temp"], "power": VALUES["power"]})
    assert reading == {"quality": FAULT, "m1.temp": None, "m1.power": None}


@pytest.mark.parametrize(("word", "quality"), [(-123 & 0xFFFF, GOOD), (7, FAULT)])
def test_the_identity_register_is_checked(word, quality):
    (reading,), _, said = read({}, values={"power": VALUES["power"]}, identity=[3, 102, word])
    assert reading["quality"] == quality and any("another device" in line for line in said) == (quality == FAULT)


def test_coils_and_registers_are_written_in_the_rows_own_scale_and_order():
    actions = (None, ["relay", 0], ["temp", 21.5], ["energy", 1_000_000])
    values = {k: v for k, v in VALUES.items() if k != "power"}
    readings, (part,), _ = read(CDAB, actions=actions, values=values)
    assert (readings[-1]["m1.relay"], readings[-1]["m1.temp"], readings[-1]["m1.energy"]) == (0, 21.5, 1_000_000)
    assert part.written == {(1, 7): 0, (3, 102): 215, (3, 100): 10_000_000 & 0xFFFF, (3, 101): 10_000_000 >> 16}


def test_a_transceiver_that_is_never_switched_to_sending_hears_nothing():
    (reading,), (part,), _ = read({}, values={"power": VALUES["power"]}, de_pin=9)
    assert reading == {"quality": FAULT} and part.requests == 0
