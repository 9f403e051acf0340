"""The battery's forecast, CPython against MicroPython; a report that no frame carries today."""

import json
import random
from types import SimpleNamespace

import pytest

from interpreter import micropython
from kerb import cycle, forecast, health
from kerbstone.build.cells import cells

CURVE = [round(1000 * volt) for volt in cells().cell["inr18650_35e"].curve_v or ()]
FLAT = [3680, 3670, 3670, 3668, 3666, 3664, 3662, 3660, 3650, 3600, 2000]


def millivolt(curve, share):
    """The voltage at a share of the charge."""
    at = (1 - share) * (len(curve) - 1)
    i = min(int(at), len(curve) - 2)
    return curve[i] + (curve[i + 1] - curve[i]) * (at - i)


def life(curve, days, upto, noise_mv=7, seed=1):
    """Daily points of a battery that lasts `days`."""
    rng = random.Random(seed)
    return [(24 * day, round(millivolt(curve, 1 - day / days) + rng.gauss(0, noise_mv))) for day in range(upto)]


class Blobs(dict):
    def put(self, name, data):
        self[name] = data


def told(points, curve):
    """The forecast after each point, as a node computes it that keeps sixteen."""
    store = Blobs()
    return [forecast.look(store, curve, hour, mv) for hour, mv in points]


@pytest.mark.parametrize("days", [30, 100, 400])
def test_a_falling_voltage_says_when_it_ends_and_only_when_it_is_sure(days):
    found = told(life(CURVE, days, int(0.8 * days)), CURVE)
    assert found[:3] == [None] * 3
    late = [(day, left) for day, left in enumerate(found) if left is not None and day > days / 3]
    off = [abs(left - (days - day)) / (days - day) for day, left in late]
    print(f"{days} days: {len(late)} forecasts, worst {100 * max(off):.0f} % off, mean {100 * sum(off) / len(off):.0f} %")
    assert len(late) > days / 4 and max(off) < 0.5 and sum(off) / len(off) < 0.2


def test_a_young_battery_a_flat_one_and_one_that_is_charged_get_no_forecast():
    assert set(told(life(CURVE, 3650, 12), CURVE)) == {None}
    flat = [left for left in told(life(FLAT, 3650, 30), FLAT) if left is not None]
    assert not flat
    assert set(told([(24 * day, 3700 + 10 * day) for day in range(10)], CURVE)) == {None}


def test_a_new_battery_begins_anew():
    points = life(CURVE, 20, 18)
    again = [(hour + 24 * 18, mv) for hour, mv in life(CURVE, 20, 4)]
    assert told(points, CURVE)[-1] is not None
    assert told([*points, *again], CURVE)[18:21] == [None] * 3


def test_micropython_computes_the_same_days():
    cases = [life(CURVE, days, upto, seed=days + upto) for days in (20, 90, 300) for upto in (4, 9, 16)]
    script = "import json\nfrom kerb import forecast\nprint(json.dumps([forecast.days(c, {}) for c in {}]))"
    shown = micropython(script.format(CURVE, cases))
    ours = [forecast.days(case, CURVE) for case in cases]
    theirs = json.loads(shown.splitlines()[-1])
    assert ours == theirs and any(ours)


def test_a_report_that_no_frame_carries_today_is_not_stored(monkeypatch):
    monkeypatch.setattr(cycle, "settings", lambda: {"period_s": 86400})
    monkeypatch.setattr(health, "mono_ms", lambda: 5_000_000)
    monkeypatch.setattr(health, "report", lambda node: b"report")
    kept, stored = {"hlt": bytes(4)}, []
    way = SimpleNamespace(down_at=0, uplink=SimpleNamespace(mtu=11))
    node = SimpleNamespace(
        retained=SimpleNamespace(get=kept.get, put=kept.__setitem__), ways=[way], outbox=[], config={"parts": {}}, env={},
        delivery=SimpleNamespace(store=lambda frame, priority: stored.append(frame)),
    )
    health.scheduled(node)
    assert not stored and int.from_bytes(kept["hlt"], "little") == 5000 + 3600
    way.uplink.mtu = 51
    health.scheduled(node)
    assert stored == [b"report"] and int.from_bytes(kept["hlt"], "little") == 5000 + 86400
