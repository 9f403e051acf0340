"""The supply fails, or the watchdog bites, at every flash operation of a day; nothing is lost, repeated unmarked, or reused.

By default a sample; KERBSTONE_CAMPAIGN=full cuts at every operation: 2,145 cuts of three kinds.
"""

import multiprocessing
import os
import sys
from concurrent.futures import ProcessPoolExecutor

import pytest
from cuts import SETTLE_S, Chain, Outcome, air_problems, run_chain

from kerbstone.emulator.air.channel import Transmission

FULL = os.environ.get("KERBSTONE_CAMPAIGN") == "full"
OFF_S = 5
# Flash operations of the compressed day (two hours), and seconds of virtual time one takes at most; measured, rounded up.
DAY = {"parking": (228, 42), "bins": (192, 42), "air": (110, 78), "light": (185, 40)}
KINDS = ("clean", "torn", "reset")
_STRIDE = 8
_BACKLOG_S = 450  # of settling a cut


def chains(name: str) -> list[tuple[int, int, int]]:
    """(first, step, times) of the chains that cut a node's day."""
    operations, _ = DAY[name]
    if FULL:
        return [(first, _STRIDE, (operations - first) // _STRIDE + 1) for first in range(1, _STRIDE + 1)]
    # The first operations of a power cycle (join, epoch, leases) one by one, the rest of the day in strides.
    return [(1, 1, 14), (31, 70, (operations - 31) // 70 + 1)]


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], list[Outcome]]:
    orders = []
    for name, (_, op_s) in DAY.items():
        for kind in KINDS:
            for first, step, times in chains(name):
                # A chain is long when its lives are: each runs to its cut, which comes `step` operations later than the one before.
                # What waited through many cuts leaves at the pace the band's duty cycle allows.
                settle = SETTLE_S + (_BACKLOG_S * times if name in ("parking", "bins") else 0)
                seconds = settle + sum(OFF_S + 30 + op_s * (first + i * step) for i in range(times))
                orders.append(((name, kind), Chain(name, tmp_path_factory.mktemp("node"), first, step, times, kind, seconds)))
    orders.sort(key=lambda order: -order[1].seconds)
    found: dict[tuple[str, str], list[Outcome]] = {}
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
        for (key, _), outcome in zip(orders, pool.map(run_chain, [chain for _, chain in orders]), strict=True):
            found.setdefault(key, []).append(outcome)
    return found


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", DAY)
def test_a_node_survives_power_cuts_at_its_flash_operations(outcomes, name, kind, capsys):
    """It comes back each time; no record with a receipt is lost, none leaves twice unmarked, no nonce or counter is used again."""
    mine = outcomes[name, kind]
    assert [text for outcome in mine for text in outcome.problems] == []
    assert sum(o.readings for o in mine) > sum(o.cuts for o in mine) / 2
    with capsys.disabled():
        print(f"\n{name}: {sum(o.cuts for o in mine)} cuts ({kind}), {sum(o.readings for o in mine)} records", file=sys.stderr)


def test_the_cuts_bring_repeats_and_all_of_them_say_so(outcomes):
    assert sum(o.repeats for mine in outcomes.values() for o in mine) > 5


def frame(start_s: int, payload: bytes) -> Transmission:
    return Transmission(start_s * 1_000_000, start_s * 1_000_000 + 1000, 868_100_000, 7, 125_000, 1, 0x34, False, True, 14.0, payload, "n")


def test_the_judge_sees_a_nonce_or_a_counter_used_again():
    join = bytes(17) + b"\x05\x00" + bytes(4)
    data = b"\x40" + b"\x01\x02\x03\x04" + b"\x00" + b"\x07\x00" + b"\x02abcd"
    assert air_problems([frame(1, join), frame(9, join[:17] + b"\x06\x00" + bytes(4))], [0]) == []
    assert len(air_problems([frame(1, join), frame(9, join)], [0])) == 1
    assert air_problems([frame(1, data), frame(2, data)], [0]) == []  # repeated on purpose, within one life
    assert len(air_problems([frame(1, data), frame(9, data)], [0, 5_000_000])) == 1
    assert len(air_problems([frame(1, data), frame(2, data + b"e")], [0])) == 1
