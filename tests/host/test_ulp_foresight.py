"""What is foreseen of a watch is what stepping it finds: memory, sensor, wakes and, to a cycle, charge."""

import random

import pytest
from street_bench import EARTH
from ulp_rig import SECOND, Rig

from kerbstone.emulator.board.ulp.foresight import cycle_of

CYCLE_US = cycle_of(6, 5).us


def state(rig):
    """All somebody could see: memory, the timer, the sensor's registers; and when the next run is due."""
    rig.ulp.foresight.end()
    rig.ledger.settle()
    registers = {k: v for k, v in rig.ulp.registers.words.items() if k in (0x0FC // 4, 0x134 // 4)}
    return rig.ulp.memory, registers, bytes(rig.part.regs), rig.ulp._due.t, rig.woken


def charge(rig):
    return {name: meter.total_uas for name, meter in rig.ledger.meters.items()}


@pytest.mark.parametrize("phase", [0.0002, 0.004, 0.0065, 0.0113, 0.0118, 0.3, 0.511])
@pytest.mark.parametrize("cycles", [0, 1, 23])
def test_at_any_instant_of_a_cycle_everything_is_as_if_it_had_been_stepped(cycles, phase):
    """But in the middle of a run, which is stepped as a whole."""
    rigs = Rig(foresee=True), Rig(foresee=False)
    for rig in rigs:
        rig.arm()
        rig.run(0.5 + cycles * CYCLE_US / SECOND + phase)
    runs = rigs[0].ulp.runs
    assert state(rigs[0]) == state(rigs[1])
    assert runs <= 1
    for rig in rigs:
        rig.run(1.3)  # and goes on from there as if nothing had been
    assert state(rigs[0]) == state(rigs[1])


@pytest.mark.parametrize("seed", range(2))
def test_noise_near_the_threshold_wakes_at_the_same_instants(seed):
    rng = random.Random(seed)
    off = [rng.uniform(-1.0, 1.0) for _ in range(3)]
    off[seed % 3] = rng.choice((-1, 1)) * rng.uniform(2.8, 3.2)
    field = {quantity: EARTH[i] + off[i] for i, quantity in enumerate(("bx_ut", "by_ut", "bz_ut"))}
    rigs = Rig(True, seed, **field), Rig(False, seed, **field)
    for rig in rigs:
        rig.arm()
        rig.run(90)
    assert rigs[0].woken and state(rigs[0]) == state(rigs[1])
    assert rigs[0].ulp.foresight.foreseen > 60
    for name, uas in charge(rigs[1]).items():
        assert charge(rigs[0])[name] == pytest.approx(uas, rel=0.01, abs=6)


def test_a_changing_field_wakes_at_the_same_instant():
    def ramp(t):
        return EARTH[1] + max(0, t - 40 * SECOND) / SECOND * 2

    rigs = Rig(True, by_ut=ramp), Rig(False, by_ut=ramp)
    for rig in rigs:
        rig.site.changes = [(40 * SECOND, 60 * SECOND)]
        rig.arm()
        rig.run(46)
    assert rigs[0].woken == rigs[1].woken != []
    assert rigs[0].ulp.foresight.foreseen > 70 and rigs[0].ulp.runs < 40


def test_a_fault_that_begins_meanwhile_is_seen_within_ten_seconds_of_its_eighth_try():
    rig = Rig()
    rig.arm()
    rig.run(100)
    assert rig.woken == []
    rig.part.fault = "nack"
    rig.run(11 + 4)
    assert rig.woken


def test_another_program_is_stepped():
    rig = Rig()
    rig.arm()
    rig.ulp.foresight.end()
    rig.ulp.memory[40] ^= 1 << 20  # one bit of one instruction, without effect
    rig.run(5)
    assert rig.ulp.foresight.foreseen == 0 and rig.ulp.runs > 15
