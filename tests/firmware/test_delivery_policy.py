"""When a record leaves and by which bearer: the pure policy, and two bearers on an emulated board."""

import random
from types import SimpleNamespace

import pytest
from test_core_delivery import FAKE

from bare_board import BareBoard
from kerb import way as kerb_way
from kerb.clock import Instant
from kerb.policy import Policy
from kerb.way import Way

MIDNIGHT = 1_775_088_000  # 2026-04-02T00:00:00Z
ALARM, EVENT, ROUTINE, GAP = "000000001", "100000002", "200000003", "000000004g"

TWO = FAKE + """
def two(first, second, clock=None, **policy):
    box = outbox.Outbox(500)
    ways = []
    for kind, plan in (("first", first), ("second", second)):
        air = Air(plan)
        air.name = kind
        ways.append(Way(Bearer(air), {"kind": kind, "confirm": "all"}))
    return box, ways, delivery.Delivery(box, ways, clock or Clock(), Policy(policy))

def live(way, seconds):
    end = time.time() + seconds
    while time.time() < end:
        way.run()
        time.sleep_ms(min(max(way.next_ms(time.time_ns() // 1000000), 1), (end - time.time()) * 1000))
"""


def run(script, seconds=90_000):
    with BareBoard(TWO + script, firmware=True) as board:
        return board.run(seconds)


def receipts(lines):
    """[(name, ms, bearer)] in order."""
    found = [line.split()[2:] for line in lines if line.startswith("kerb receipt")]
    return [(name, int(ms), kind) for name, ms, kind in found]


def test_an_alarm_the_first_bearer_cannot_deliver_goes_by_the_second_within_the_stated_time():
    lines = run("""
box, ways, way = two([None] * 1000, [], escalate_s=120, second_after_s=36000)
way.store(b"\\x10\\x00\\x01", 2)
way.store(b"\\x10\\x00\\x02", 0)
live(way, 600)
print(box.names())
""")
    ((name, ms, kind),) = receipts(lines)
    assert (name[0], kind) == ("0", "second") and 119_000 <= ms < 125_000
    assert [line[0:3] for line in lines[-1].strip("[']").split("', '")] == ["200"], "the routine record waits for the first bearer"


def test_an_alarm_does_not_wait_for_the_end_of_a_pause():
    lines = run("""
box, ways, way = two([None] * 99, [], escalate_s=3600, second_after_s=36000)
way.store(b"\\x10\\x00\\x01", 2)
live(way, 300)
print("pause", ways[0].retry_at - time.time() > 0)
ways[0].uplink.plan = []
way.store(b"\\x10\\x00\\x02", 0)
live(way, 2)
""")
    assert "pause True" in lines
    done = receipts(lines)
    assert done[0][0][0] == "0" and done[0][1] < 1000 and done[0][2] == "first"


def test_everything_goes_by_the_second_bearer_once_the_first_is_down_for_long_and_comes_back_to_it():
    lines = run("""
box, ways, way = two([None] * 99, [], second_after_s=3600)
for i in range(4):
    way.store(bytes([16, 0, i]), 2)
    live(way, 2400)
ways[0].uplink.plan = []
ways[0].retry_at = 0
way.store(b"\\x10\\x00\\x09", 2)
live(way, 60)
print(len(box))
""")
    assert [kind for _, _, kind in receipts(lines)] == ["second"] * 4 + ["first"]
    assert lines[-1] == "0"


def test_records_travel_together_as_far_as_the_frame_allows_and_an_alarm_by_itself():
    lines = run("""
box, ways, way = two([], [], batch=True)
for i in range(8):
    way._outbox.put(bytes([16, 0, i]), 2, Clock().now(), 0, 3, False)
way._outbox.put(b"\\x10\\x00\\x63", 0, Clock().now(), 0, 3, False)
way.run()
""")
    frames = [line.split()[1] for line in lines if line.startswith("air")]
    # 51 bytes: a zero byte, and 9 for each record (length, three bytes, and five if it had to be stamped).
    assert frames == ["100063", "00" + "".join(f"031000{i:02x}" for i in range(5)), "00" + "".join(f"031000{i:02x}" for i in range(5, 8))]
    assert len(receipts(lines)) == 9


def test_a_batch_without_a_receipt_comes_again_and_every_record_in_it_says_so():
    lines = run("""
box, ways, way = two([False], [], batch=True)
for i in range(2):
    way._outbox.put(bytes([16, 0, i]), 2, Clock().now(), 0, 3, False)
way.run()
live(way, 60)
print(len(box))
""")
    frames = [line.split()[1] for line in lines if line.startswith("air")]
    assert frames == ["00" + "03100000" + "03100001", "00" + "081020000000000080" + "081020010000000081"]
    assert lines[-1] == "0"


def test_routine_records_gather_and_an_event_takes_them_along():
    lines = run("""
box, ways, way = two([], [], batch=True, gather_s=3600)
for i in range(3):
    way.store(bytes([16, 0, i]), 2)
    live(way, 600)
print("event", time.time())
way.store(b"\\x10\\x00\\x63", 1)
live(way, 10)
way.store(b"\\x10\\x00\\x04", 2)
live(way, 3700)
""")
    at = next(i for i, line in enumerate(lines) if line.startswith("event"))
    assert not receipts(lines[:at])
    done = receipts(lines)
    assert len(done) == 5 and all(ms < 1_900_000 for _, ms, _ in done[1:4]) and done[-1][1] >= 3_599_000


@pytest.mark.parametrize(
    ("quiet", "minute", "wait_min"),
    [
        ((1320, 360), 1380, 420),
        ((1320, 360), 0, 360), ((1320, 360), 360, 0), ((1320, 360), 1319, 0), ((60, 120), 90, 30), ((60, 120), 120, 0),
    ],
)
def test_quiet_hours_hold_the_routine_and_nothing_else(quiet, minute, wait_min):
    policy = Policy({"quiet": list(quiet)})
    now = Instant(1000, MIDNIGHT + 60 * minute)
    assert policy.first_at([ROUTINE], now) == 1000 + 60 * wait_min
    assert max(policy.first_at([EVENT, ROUTINE], now), 1000) == 1000 and policy.first_at([ALARM], now) == 1000
    assert policy.allowed([ALARM, EVENT, ROUTINE], now) == ([ALARM, EVENT] if wait_min else [ALARM, EVENT, ROUTINE])


def test_without_a_clock_no_hour_is_quiet():
    policy = Policy({"quiet": [0, 1439]})
    assert policy.allowed([ROUTINE], Instant(1000, None)) == [ROUTINE]


def test_a_gap_marker_is_no_alarm():
    policy = Policy({"spread_s": 600})
    policy.start_at = 900
    assert policy.allowed([GAP, ROUTINE], Instant(100, None)) == [] and policy.allowed([ALARM, GAP], Instant(100, None)) == [ALARM]


class FewAtOnce:
    """A broker that serves so many connections a second, and refuses the others."""

    def __init__(self, a_second):
        self.a_second = a_second
        self.asked = {}

    def take(self, second):
        self.asked[second] = self.asked.get(second, 0) + 1
        return self.asked[second] <= self.a_second


def street(monkeypatch, nodes, spread_s, a_second, seed=1):
    """(most attempts in a second, second in which the last node got through) of a street that has its power back at second 0."""
    rng = random.Random(seed)
    second = 0
    monkeypatch.setattr(kerb_way.os, "urandom", rng.randbytes)
    monkeypatch.setattr(kerb_way, "mono_ms", lambda: second * 1000)
    broker = FewAtOnce(a_second)
    waiting = []
    for _ in range(nodes):
        bearer = SimpleNamespace(uplink=SimpleNamespace(retry_after_s=lambda: 0))
        way, policy = Way(bearer, {"confirm": "all", "spread_s": spread_s}), Policy({"spread_s": spread_s})
        policy.power_on(0)
        waiting.append((way, policy))
    while waiting:
        left = []
        for way, policy in waiting:
            at = max(policy.first_at([EVENT], Instant(second)), way.retry_at)
            if at > second or not broker.take(second):
                if at <= second:
                    way.failed(100)
                left.append((way, policy))
        last, waiting = second, left
        second = min((max(policy.first_at([EVENT], Instant(0)), way.retry_at) for way, policy in left), default=second)
    return max(broker.asked.values()), last


def test_a_street_of_500_with_the_spread_of_a_mains_node_asks_for_a_few_connections_a_second(monkeypatch):
    most, last = street(monkeypatch, 500, 60, 50)
    at_once, late = street(monkeypatch, 500, 0, 50)
    print(f"500 nodes: at most {most} attempts in a second and the last through after {last} s; without a spread {at_once} and {late} s")
    assert most <= 25 and last <= 61 and at_once == 500 and late > 300


def test_a_street_of_200_does_not_come_back_in_the_same_second(monkeypatch):
    at_once, last_at_once = street(monkeypatch, 200, 0, 10)
    spread, last_spread = street(monkeypatch, 200, 120, 10)
    assert at_once == 200
    assert spread <= 10
    assert last_spread <= 130 < last_at_once


def test_searching_stops_at_the_ceiling_of_the_day_and_an_alarm_does_not_break_it(monkeypatch):
    second = 0
    monkeypatch.setattr(kerb_way, "mono_ms", lambda: second * 1000)
    bearer = SimpleNamespace(uplink=SimpleNamespace(retry_after_s=lambda: 0))
    way = Way(bearer, {"confirm": "all", "ceiling_s": 60})
    spent = dict.fromkeys(range(30), 0)
    for second in range(0, 30 * 86400, 60):
        if second % 7200 == 0:
            way.hurry(second)
        if way.retry_at <= second:
            spent[second // 86400] += 20
            way.failed(20_000)
    assert sum(spent.values()) <= 30 * 60 + 20, "a month takes thirty times the ceiling, the alarms included, and one attempt"
    assert sum(spent.values()) >= 28 * 60, "it must go on looking"
    assert max(spent[day] for day in range(3, 30)) <= 80


def test_the_state_of_the_pauses_survives_deep_sleep():
    way = Way(SimpleNamespace(uplink=None), {"confirm": "all", "ceiling_s": 60})
    way.retry_at, way.down_at, way._failures, way._ceiling.at_s, way._ceiling.left = 5, 6, 7, 8, -9
    other = Way(SimpleNamespace(uplink=None), {"confirm": "all", "ceiling_s": 60})
    other.unpack(b"xx" + way.pack(), 2)
    assert other.pack() == way.pack()


def test_an_alarm_ends_the_pause_of_a_bearer_that_has_one_of_its_own(monkeypatch):
    monkeypatch.setattr(kerb_way, "mono_ms", lambda: 1000)
    allowed = [True, False]
    way = Way(SimpleNamespace(uplink=SimpleNamespace(hurry=lambda: allowed.pop(0))), {"confirm": "all"})
    way.retry_at = 500
    way.hurry(100)
    assert way.retry_at == 100
    way.retry_at = 500
    way.hurry(100)
    assert way.retry_at == 500, "the bearer has nothing left to spend"
