"""Parking on the simulated bay: cars of several dipoles, drift, remanence, noise, and a comparator that decides when the node wakes."""

import math
import random
from dataclasses import dataclass

import pytest
from app_runs import new_app

from kerb.clock import Instant
from kerbstone.emulator.world.bay import Bay

SECOND = 1_000_000
DAY = 86_400 * SECOND
NOISE_UT, COUNT_UT = 0.9, 0.15  # LIS2MDL in low power mode at 10 Hz
BOOT_US = 400_000
MATCH_US = 60 * SECOND  # an event told within a minute counts
SUMMER, WINTER = 1_752_000_000, 1_768_000_000


@dataclass
class Pulse:
    """A tram's return current or a lorry: up within a few seconds, down again."""

    start_us: int
    end_us: int
    peak: tuple[float, float, float]

    def field(self, t_us: int) -> tuple[float, float, float]:
        ramp = min(1.0, (t_us - self.start_us) / 2e6, (self.end_us - t_us) / 2e6)
        return (self.peak[0] * ramp, self.peak[1] * ramp, self.peak[2] * ramp)


class Watch:
    """A node over the bay: sleeps, is woken by the comparator or by its period, and steps the application."""

    def __init__(self, bay: Bay, seed: int, period_s: int):
        self.bay, self.rng, self.period_us = bay, random.Random(seed), period_s * SECOND
        self.app = new_app("parking", {})
        self.base, self.threshold = (0.0, 0.0, 0.0), 5.0
        self.told: list[tuple[int, str]] = []
        self.wakes = 0

    def run(self, end_us: int) -> None:
        t, due = 20 * SECOND, 0
        while t < end_us:
            if t >= due:
                due = t + self.period_us
                t = self._measure(t, woken=False)
            elif self.bay.changing_until(t) > t:
                x, y, z = self._noisy(t)
                t = self._wake(t) if self._trips((x, y, z)) else t + SECOND // 10
            else:
                until = min(t + 60 * SECOND, self.bay.next_change(t), due)
                trip = self._noise_trip(t)
                t = self._wake(trip) if trip < until else until

    def _noisy(self, t: int) -> list[float]:
        return [round((b + self.rng.gauss(0, NOISE_UT)) / COUNT_UT) * COUNT_UT for b in self.bay.field(t)]

    def _trips(self, field) -> bool:
        return any(abs(b - o) > self.threshold for b, o in zip(field, self.base, strict=True))

    def _noise_trip(self, t: int) -> int:
        """When noise alone, ten samples a second on a resting field, crosses the threshold: drawn from its distribution."""
        quiet = 1.0
        for b, o in zip(self.bay.field(t), self.base, strict=True):
            for side in (b - o, o - b):
                quiet *= 1 - 0.5 * math.erfc((self.threshold - side) / NOISE_UT / math.sqrt(2))
        if quiet <= 0:
            return t
        return t + int(math.log(1 - self.rng.random()) / math.log(quiet)) * SECOND // 10 if quiet < 1 else 1 << 62

    def _wake(self, t: int) -> int:
        self.wakes += 1
        return self._measure(t + BOOT_US, woken=True)

    def _measure(self, t: int, woken: bool) -> int:
        while True:
            x, y, z = self._noisy(t)
            temp = round(self.bay.read("temp_c", t) * 8) / 8
            sample = {"bx_ut": x, "by_ut": y, "bz_ut": z, "chip_temp_c": temp, "wake_pin": woken, "quality": 0}
            again = 0
            for effect in self.app.step(sample, Instant(t // SECOND, None)):
                if effect[0] == "again":
                    again = effect[2]
                elif effect[0] == "set" and effect[2] == "baseline":
                    self.base = effect[3]
                elif effect[0] == "set":
                    self.threshold = effect[3]
                elif effect[0] == "report" and effect[3]["cause"] == "event":
                    self.told.append((t, effect[3]["state"]))
            if not again:
                return t + SECOND // 5
            t, woken = t + again * 1000, False


def f1(bay: Bay, told: list[tuple[int, str]], end_us: int) -> float:
    """Of arrivals and departures; each report counts once."""
    left, hits = list(told), 0
    events = [(e["t_us"], "occupied" if e["kind"] == "arrival" else "free") for e in bay.truth(0, end_us - MATCH_US)["events"]]
    for at, state in events:
        match = next((r for r in left if r[1] == state and -8 * SECOND <= r[0] - at <= MATCH_US), None)
        if match:
            left.remove(match)
            hits += 1
    assert len(events) > 20
    return 2 * hits / (len(events) + len([r for r in told if r[0] < end_us - MATCH_US]))


@pytest.mark.parametrize("start", [SUMMER, WINTER])
@pytest.mark.parametrize("period_s", [3_600, 21_600])
def test_995_of_1000_events_on_ordinary_bays(start, period_s):
    scores = []
    for seed in range(4):
        bay = Bay(start, random.Random(seed), {})
        watch = Watch(bay, seed, period_s)
        watch.run(10 * DAY)
        scores.append(f1(bay, watch.told, 10 * DAY))
        assert watch.wakes < 40 * 10, "at most 40 wakes a day, or the battery is empty early"
    assert sum(scores) / len(scores) >= 0.995


def test_97_of_100_events_beside_a_tram_line_and_a_lane_of_lorries():
    bay = Bay(SUMMER, random.Random(3), {})
    rng, t = random.Random(4), 700 * SECOND
    while t < 6 * DAY:
        t += round(rng.expovariate(1 / 1_200) * SECOND)
        axis = [rng.gauss(0, 1) for _ in range(3)]
        size = rng.uniform(0.5, 5) / math.sqrt(sum(a * a for a in axis))
        length = rng.uniform(2, 4) if rng.random() < 0.5 else rng.uniform(10, 60)
        bay.disturbances.append(Pulse(t, t + round(length * SECOND), (axis[0] * size, axis[1] * size, axis[2] * size)))
    watch = Watch(bay, 3, 3_600)
    watch.run(6 * DAY)
    assert f1(bay, watch.told, 6 * DAY) >= 0.97


def test_30_empty_days_without_one_false_event():
    bay = Bay(SUMMER, random.Random(9), {"first_arrival_s": 40 * 86_400})
    watch = Watch(bay, 9, 21_600)
    watch.run(30 * DAY)
    assert watch.told == []
