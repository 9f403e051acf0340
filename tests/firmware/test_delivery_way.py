"""How long a bearer is left alone after a failure: an outage makes the pause grow, a link that always loses some does not."""

import random
from types import SimpleNamespace

import pytest

from kerb import way as kerb_way
from kerb.way import Way

TABLE = [30, 60, 120, 300, 900, 3600, 3600]
RECEIPT = SimpleNamespace(acknowledged=True)
EVERY_S, HOURS = 600, 8


class Clock:
    def __init__(self, monkeypatch):
        self.s = 0
        monkeypatch.setattr(kerb_way, "mono_ms", lambda: self.s * 1000)


@pytest.fixture
def clock(monkeypatch):
    return Clock(monkeypatch)


def new_way():
    return Way(SimpleNamespace(uplink=SimpleNamespace(retry_after_s=lambda: 0)), {"confirm": "all"})


def attempt(way, clock, works):
    """One frame; the pause it is followed by."""
    way.count(RECEIPT if works else None)
    if works:
        way.works()
        return 0
    way.failed(3000)
    return way.retry_at - clock.s


def test_on_a_link_that_works_the_first_silence_is_news(clock):
    way = new_way()
    for _ in range(50):
        attempt(way, clock, True)
    assert [attempt(way, clock, False) for _ in TABLE] == TABLE


def test_an_outage_is_forgotten_after_a_day_of_receipts(clock):
    way = new_way()
    for _ in range(30):
        attempt(way, clock, False)
    for _ in range(24):
        attempt(way, clock, True)
    assert [attempt(way, clock, False) for _ in TABLE] == TABLE


def test_what_is_usual_outlasts_deep_sleep(clock):
    way, woken = new_way(), new_way()
    for works in [False, False, True] * 10:
        attempt(way, clock, works)
    woken.unpack(way.pack(), 0)
    assert len(way.pack()) == kerb_way.STATE_BYTES
    pauses = [attempt(woken, clock, False) for _ in range(12)]
    assert pauses == [attempt(way, clock, False) for _ in range(12)]
    assert pauses[5] < 120 and sorted(pauses) == pauses


def test_even_on_a_lossy_link_an_outage_comes_to_a_look_an_hour(clock):
    way = new_way()
    for works in [False, False, True] * 50:
        attempt(way, clock, works)
    pauses = [attempt(way, clock, False) for _ in range(60)]
    assert pauses[-1] == 3600 and sum(pauses[:30]) < 6 * 3600


def waiting_after(way, clock, loss, rng):
    """Records that still wait after eight hours with one every ten minutes, over a link that loses this share each way."""
    clock.s = queue = 0
    due = EVERY_S
    while True:
        at = min(due, max(way.retry_at, clock.s)) if queue else due
        if at >= HOURS * 3600:
            return queue
        clock.s = max(at, clock.s)
        if clock.s >= due:
            queue, due = queue + 1, due + EVERY_S
        while queue and way.retry_at <= clock.s:
            clock.s += 3
            queue -= not attempt(way, clock, rng.random() < (1 - loss) ** 2)


@pytest.mark.parametrize(("loss", "drained"), [(0.1, 1.0), (0.2, 0.998), (0.33, 0.99), (0.5, 0.85)])
def test_a_link_that_loses_a_share_each_way_drains_its_queue(clock, loss, drained):
    rng = random.Random(1)
    lives = [waiting_after(new_way(), clock, loss, rng) for _ in range(1000)]
    assert sum(left <= 2 for left in lives) >= drained * len(lives), sorted(lives)[-10:]
