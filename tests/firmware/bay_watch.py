"""A node over a simulated bay without the emulator: the application, a comparator, its noise and the link; and its score."""

from __future__ import annotations

import math
import random
import tomllib
from dataclasses import dataclass

from app_runs import new_app

from kerb.clock import Instant
from kerbstone.emulator.score import RULES
from kerbstone.emulator.world.bay import Bay
from kerbstone.paths import boards_dir

SECOND = 1_000_000
DAY = 86_400 * SECOND
COUNT_UT = 0.15  # LIS2MDL
WATCH_NOISE_UT, BURST_NOISE_UT = 0.9, 0.3  # rms an axis: low power at 10 Hz, and high resolution


@dataclass(frozen=True)
class Eyes:
    """Who watches while the node sleeps, and when what looks, us: as the emulated ready node takes them (tests/host/test_parking_wake.py).

    From the wake to the first of `kept` samples the watcher itself keeps, from one to the next; to the first look of the firmware, to the
    last one, from one to the next; to the first sample of the application. What was before is the mean of the last `past` looks but for the
    newest `late`.
    """

    period_us: int
    kept_us: int
    kept: int
    keep_us: int
    first_look_us: int
    last_look_us: int
    looks_us: int
    boot_us: int
    past: int = 0
    late: int = 0


COMPARATOR = Eyes(100_000, 0, 0, 1, 540_000, 680_000, 26_000, 850_000)
COPROCESSOR = Eyes(512_431, 20_500, 24, 20_400, 545_000, 700_000, 26_000, 860_000, past=32, late=8)
READY = tomllib.loads((boards_dir() / "nodes" / "parking.toml").read_text(encoding="utf-8"))["app"]
ACK_US = 1_500_000
SLEEP_MS = 3_000  # for as long the node sleeps, the comparator watching
RSSI_DB = -90.0


class Watch:
    """A node over the bay: sleeps, is woken by who watches or by its period, and steps the application."""

    def __init__(self, bay: Bay, seed: int, period_s: int = 21_600, witness: bool = False, eyes: Eyes = COPROCESSOR):
        self.eyes = eyes
        self.bay, self.rng, self.period_us, self.witness = bay, random.Random(seed), period_s * SECOND, witness
        # The ready node reckons with what the coprocessor keeps.
        self.app = new_app("parking", READY if eyes is COPROCESSOR else {})
        self.base, self.threshold = (0.0, 0.0, 0.0), 5.0
        self.told: list[tuple[int, str]] = []
        self.wakes = self.due = 0
        self.armed = 0  # us, since when who watches does

    def run(self, end_us: int) -> None:
        t, self.due = 20 * SECOND, 0
        while t < end_us:
            if t >= self.due:
                self.due = t + self.period_us
                t = self._measure(t)
            elif self.bay.changing_until(t) > t:
                t = self._wake(t) if self._trips(self._noisy(t, WATCH_NOISE_UT)) else t + self.eyes.period_us
            else:
                until = min(t + 60 * SECOND, self.bay.next_change(t), self.due)
                trip = self._noise_trip(t)
                # A change begins at any time between two looks.
                t = self._wake(trip) if trip < until else until + (0 if until == self.due else self.rng.randrange(self.eyes.period_us))

    def _noisy(self, t: int, noise_ut: float) -> list[float]:
        return [round((b + self.rng.gauss(0, noise_ut)) / COUNT_UT) * COUNT_UT for b in self.bay.field(t)]

    def _trips(self, field) -> bool:
        return any(abs(b - o) > self.threshold for b, o in zip(field, self.base, strict=True))

    def _noise_trip(self, t: int) -> int:
        """When noise alone, on a resting field, crosses the threshold: drawn from its distribution."""
        quiet = 1.0
        for b, o in zip(self.bay.field(t), self.base, strict=True):
            for side in (b - o, o - b):
                quiet *= 1 - 0.5 * math.erfc((self.threshold - side) / WATCH_NOISE_UT / math.sqrt(2))
        if quiet <= 0:
            return t
        return t + int(math.log(1 - self.rng.random()) / math.log(quiet)) * self.eyes.period_us if quiet < 1 else 1 << 62

    def _wake(self, t: int) -> int:
        self.wakes += 1
        eyes = self.eyes
        kept = range(t + eyes.kept_us, t + eyes.kept_us + eyes.kept * eyes.keep_us, eyes.keep_us)
        looks = range(t + eyes.first_look_us, t + eyes.last_look_us, eyes.looks_us)
        return self._measure(t + eyes.boot_us, [self._noisy(at, BURST_NOISE_UT) for at in (*kept, *looks)], self._before(t))

    def _before(self, t: int) -> tuple[float, ...] | None:
        """The mean of what the watcher remembers: None without it, or while that reaches back beyond its start."""
        eyes = self.eyes
        times = range(t - eyes.period_us * (eyes.past - 1), t - eyes.period_us * (eyes.late - 1), eyes.period_us)
        if not times or times[0] < self.armed:
            return None
        seen = [self._noisy(at, WATCH_NOISE_UT) for at in times]
        return tuple(sum(axis) / len(seen) for axis in zip(*seen, strict=True))

    def _carry_out(self, t: int, sample) -> tuple[int, bool]:
        """ms until the sensor is asked again, and whether something was reported."""
        again, told = 0, False
        for effect in self.app.step(sample, Instant(t // SECOND, None)):
            if effect[0] == "again":
                again = effect[2]
            elif effect[0] == "set" and effect[2] == "baseline":
                self.base = effect[3]
            elif effect[0] == "set":
                self.threshold = effect[3]
            elif effect[0] == "report":
                told = True
                if effect[3]["cause"] == "event":
                    self.told.append((t, effect[3]["state"]))
        return again, told

    def _measure(self, t: int, earlier: list[list[float]] | None = None, before: tuple[float, ...] | None = None) -> int:
        while True:
            x, y, z = self._noisy(t, BURST_NOISE_UT)
            temp = round(self.bay.read("temp_c", t) * 8) / 8
            sample = {"bx_ut": x, "by_ut": y, "bz_ut": z, "chip_temp_c": temp, "wake_pin": earlier is not None, "quality": 0}
            if earlier:
                sample["earlier"] = earlier
            if before:
                sample["before"] = before
            again, told = self._carry_out(t, sample)
            while told and self.witness:  # each report is acknowledged a second after it left
                t += ACK_US
                heard = RSSI_DB - self.bay.extra_loss_db(t)
                _, told = self._carry_out(t, {"rssi_db": round(heard), "quality": 0})
            if again >= SLEEP_MS:
                self.due = min(self.due, t + again * 1000)
            if not again or again >= SLEEP_MS:
                self.armed = t
                return t + SECOND // 5
            t, earlier, before = t + again * 1000, None, None


def score(bay: Bay, told: list[tuple[int, str]], end_us: int) -> dict[str, float]:
    """As the emulator scores a run: events within a minute, the state by the minute, the delay."""
    records = [{"sample_us": 0, "values": {"state": "free"}}, *({"sample_us": t, "values": {"state": s}} for t, s in told if t < end_us)]
    return RULES["parking"](records, bay.truth(0, end_us), end_us)
