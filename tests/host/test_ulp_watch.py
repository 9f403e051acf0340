"""The coprocessor's watch over a LIS2MDL: the program as the board runs it, bit by bit on the virtual sensor's bus."""

import pytest
from street_bench import EARTH
from ulp_rig import SECOND, Rig

from kerbstone.emulator.board.ulp.foresight import cycle_of
from kerbstone.emulator.board.ulp.wire import Wire
from kerbstone.emulator.parts.base import Nack

AXES = ("bx_ut", "by_ut", "bz_ut")
THRESHOLD = 33  # counts, 5 uT


@pytest.mark.parametrize("axis", range(3))
@pytest.mark.parametrize(("step_ut", "wakes"), [(12.0, True), (-12.0, True), (1.0, False), (-1.0, False)])
def test_a_step_beyond_the_threshold_on_any_axis_wakes_within_a_period(axis, step_ut, wakes):
    rig = Rig(foresee=False)
    rig.site.quantities[AXES[axis]] = lambda t: EARTH[axis] + (step_ut if t >= 2 * SECOND else 0)
    rig.arm(THRESHOLD)
    rig.run(4)
    assert bool(rig.woken) == wakes
    if wakes:
        assert 2 * SECOND <= rig.woken[0] <= 2 * SECOND + cycle_of(6, 5).us + 20_000


def test_after_the_wake_24_samples_at_50_hz_are_kept_as_the_sensor_gave_them():
    rig = Rig(foresee=False)
    seen, take = [], rig.part._take

    def took(t):
        take(t)
        seen.append([int.from_bytes(rig.part.regs[r : r + 2], "little", signed=True) for r in (0x68, 0x6A, 0x6C)])

    rig.part._take = took
    rig.site.quantities["bz_ut"] = lambda t: EARTH[2] - (40.0 + 20 * t / SECOND if t >= 2 * SECOND else 0)
    rig.site.changes = [(2 * SECOND, 9 * SECOND)]
    rig.arm(THRESHOLD)
    while not rig.woken:
        rig.run(0.01)
    rig.run(0.4)
    assert 18 <= rig.peek("kept") < 24, "it is still at it"
    rig.run(0.1)
    assert len(rig.samples()) == 24 and all(sample in seen for sample in rig.samples())
    assert rig.samples()[0][2] > rig.samples()[-1][2], "as the field moved on"
    assert rig.part.regs[0x60] == 0x88, "continuous at 50 Hz: the firmware goes on from here"


def test_it_stops_keeping_when_told_and_lets_go_of_the_bus():
    rig = Rig(foresee=False)
    rig.site.quantities["bx_ut"] = lambda t: EARTH[0] + (30.0 if t >= SECOND else 0)
    rig.arm(THRESHOLD)
    while not rig.woken:
        rig.run(0.01)
    rig.run(0.1)
    assert rig.peek("busy") == 1
    rig.poke("stop", 1)
    rig.calls["mem32"](0x600080FC, 0)
    rig.run(0.03)
    kept, runs = rig.peek("kept"), rig.ulp.runs
    rig.run(2)
    assert (rig.peek("busy"), rig.peek("kept"), rig.ulp.runs) == (0, kept, runs) and 3 <= kept <= 6
    assert rig.ulp.wires[6, 5].scl == rig.ulp.wires[6, 5].data == 1


@pytest.mark.parametrize("cause", ["nack", "gone", "unpowered"])
def test_a_sensor_that_does_not_answer_wakes_after_eight_tries_and_counts_no_look(cause):
    rig = Rig(foresee=False)
    rig.arm(THRESHOLD)
    if cause == "nack":
        rig.part.fault = "nack"
    elif cause == "gone":
        rig.parts.clear()
    else:
        rig.part.set_power(False)
    rig.run(2)
    assert rig.woken == []
    rig.run(3)
    assert rig.woken and rig.peek("deaf") >= 8 and rig.peek("alive") == rig.peek("busy") == 0


def test_a_bad_contact_does_not_wake():
    rig = Rig(foresee=False)
    rig.arm(THRESHOLD)
    for i in range(40):
        rig.part.fault = "nack" if i % 3 else ""
        rig.run(0.5124)
    assert rig.woken == [] and rig.peek("alive") > 5


def test_nothing_wakes_a_chip_that_does_not_wait_for_it():
    rig = Rig(foresee=False)
    rig.site.quantities["bx_ut"] = EARTH[0] + 30
    rig.arm(THRESHOLD)
    rig.calls["ulp_wake"](False)
    rig.run(2)
    assert rig.woken == [] and rig.peek("kept") == 24


def test_news_without_end_are_kept_anew_and_never_beyond_the_room():
    rig = Rig(foresee=False)
    rig.site.quantities["bx_ut"] = EARTH[0] + 30
    rig.arm(THRESHOLD)
    past = rig.words["past"]
    assert past == rig.words["samples"] + 3 * 24
    rig.run(9)
    assert len(rig.woken) > 5 and rig.peek("kept") <= 24
    looks = rig.peek("alive")
    assert looks < 31, "so this one of the 32 is free"
    assert not any(rig.ulp.memory[past : past + 3]) and not any(rig.ulp.memory[past + 3 * (looks + 1) :])


def test_the_last_32_looks_are_remembered_at_their_numbers():
    rig = Rig(foresee=False)
    outputs = {}
    read = rig.part.i2c_read

    def reads(count):
        outputs[rig.peek("alive") + 1] = [int.from_bytes(rig.part.regs[r : r + 2], "little") for r in (0x68, 0x6A, 0x6C)]
        return read(count)

    rig.part.i2c_read = reads
    rig.arm(THRESHOLD)
    rig.run(26)
    last = rig.peek("alive")
    assert last > 40 and not rig.woken
    for look in range(last - 31, last + 1):
        assert [rig.peek("past", 3 * (look % 32) + axis) for axis in range(3)] == outputs[look]


def test_charge_is_two_and_a_half_microcoulomb_a_measurement_and_little_for_the_runs():
    rig = Rig(foresee=False)
    rig.arm(THRESHOLD)
    rig.run(30)
    rig.ledger.settle()
    mag, ulp = rig.ledger.meters["mag"], rig.ledger.meters["ulp"]
    looks = rig.peek("alive")
    assert looks == pytest.approx(30 / 0.5124, abs=2)
    assert mag.charge_uas["lp_single"] / looks == pytest.approx(2.5, rel=0.05)
    assert ulp.total_uas / looks < 0.2


class Recorder:
    """A part that notes what reaches it and answers with what it is given."""

    powered = True

    def __init__(self, answer=b"", refuses=False):
        self.written, self.answer, self.refuses = [], list(answer), refuses

    def i2c_write(self, data):
        if self.refuses:
            raise Nack
        if data:
            self.written.append(bytes(data))

    def i2c_read(self, count):
        return bytes(self.answer.pop(0) for _ in range(count))


class Master:
    """Bits on a wire, as UM10204 has them."""

    def __init__(self, wire):
        self.wire, self.scl, self.sda = wire, 1, 1

    def move(self, scl=None, sda=None):
        self.scl, self.sda = self.scl if scl is None else scl, self.sda if sda is None else sda
        self.wire.drive(self.scl, self.sda)

    def start(self):
        self.move(sda=1)
        self.move(scl=1)
        self.move(sda=0)
        self.move(scl=0)

    def stop(self):
        self.move(sda=0)
        self.move(scl=1)
        self.move(sda=1)

    def bit(self, level):
        self.move(sda=level)
        self.move(scl=1)
        seen = self.wire.data
        self.move(scl=0)
        return seen

    def write(self, byte):
        for i in range(8):
            self.bit(byte >> 7 - i & 1)
        return self.bit(1) == 0

    def read(self, acknowledge):
        value = 0
        for _ in range(8):
            value = value << 1 | self.bit(1)
        self.bit(0 if acknowledge else 1)
        return value


def test_bits_on_the_wire_become_transfers():
    part = Recorder(answer=b"\xa5\x00\xff")
    master = Master(Wire({0x1E: part}))
    master.start()
    assert [master.write(byte) for byte in (0x3C, 0x60, 0x91)] == [True, True, True]
    master.stop()
    master.start()
    assert master.write(0x3C) and master.write(0x68)
    master.start()
    assert master.write(0x3D)
    assert [master.read(True), master.read(True), master.read(False)] == [0xA5, 0x00, 0xFF]
    master.stop()
    assert part.written == [b"\x60\x91", b"\x68"]


@pytest.mark.parametrize(("parts", "address"), [({}, 0x3C), ({0x1E: Recorder(refuses=True)}, 0x3C), ({0x1E: Recorder()}, 0x3E)])
def test_an_address_nobody_has_is_not_acknowledged(parts, address):
    master = Master(Wire(parts))
    master.start()
    assert not master.write(address)
    master.stop()
    assert master.wire.data == 1
