"""A waste container with an echo sensor under its lid."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from typing import Any, ClassVar

from kerbstone.emulator.world.bin_adversaries import Adversaries, chosen
from kerbstone.emulator.world.bin_rubbish import Lift, Rubbish
from kerbstone.emulator.world.noise import uniform_at
from kerbstone.emulator.world.outdoor import Outdoor

_PING_US = 100_000  # each ping of a burst finds or loses its echo on its own
_LOST_ECHO = 0.01  # share of pings lost over ordinary rubbish
_LOST_SOFT = 0.6  # over a soft surface
_SWING_US = 5_000_000  # up to the full tilt, and down again
_TIPPED_DEG = 125.0  # what it takes to pour; lifters turn a bin by 120 to 140 degrees (not confirmed)
_FIRE_LOOKBACK_US = 3_600_000_000
_ADVERSE = 0x5DEECE66D  # keeps their draws apart from the echoes'


class Bin(Outdoor):
    """Quantities distance_mm (nan = no echo), tilt_deg, temp_c (under the lid), battery_v and the weather."""

    KIND: ClassVar[str] = "bins"
    OPTIONS: ClassVar[dict[str, Any]] = {
        **Outdoor.OPTIONS,
        "height_mm": 1200,  # of the rubbish when full (1100-litre container, EN 840)
        "headroom_mm": 250,  # from the sensor down to that level
        "deposits_per_day": 40,
        "deposit_mm": 9.0,  # mean rise of the level by one deposit; their size is exponential
        "rough_mm": 15.0,  # the surface under the sensor against the mean level
        "weekdays": (0, 2, 4),  # of the lorry, 0 = Monday
        "start_pct": 5.0,
        "adversaries": (),  # names of bin_adversaries.NAMES, or "all"
    }

    def __init__(self, start_utc: int, rng: random.Random, options: Mapping[str, Any]):
        super().__init__(start_utc, rng, options)
        self.height_mm = float(self.options["height_mm"])
        self.echo_seed = self.rng.getrandbits(63)
        self.tilt_seed = self.rng.getrandbits(63)
        self.rubbish = Rubbish(
            self.clock,
            self.rng,
            height_mm=self.height_mm,
            deposits_per_day=self.options["deposits_per_day"],
            deposit_mm=self.options["deposit_mm"],
            rough_mm=self.options["rough_mm"],
            weekdays=self.options["weekdays"],
            start_level_mm=self.height_mm * self.options["start_pct"] / 100,
        )
        self.adversaries = Adversaries(chosen(self.options["adversaries"]), self.echo_seed ^ _ADVERSE)
        self.quantities |= {"distance_mm": self.distance_mm, "tilt_deg": self.tilt_deg, "temp_c": self.temp_c}

    def distance_mm(self, t_us: int) -> float:
        """Of what a ping hears, from the sensor; nan while the bin or its lid is tipped or when it comes back to nobody."""
        fill = self.rubbish.at(t_us)
        if self._lift(t_us) or self.adversaries.lean_deg(fill, t_us):
            return math.nan
        ping = t_us // _PING_US
        if uniform_at(self.echo_seed, ping) < self.adversaries.lost(fill, _LOST_SOFT if fill.soft else _LOST_ECHO):
            return math.nan
        surface = max(0.0, min(self.height_mm, fill.level_mm + fill.rough_mm + self.adversaries.pile_mm(fill)))
        return self.adversaries.heard_mm(self.height_mm + self.options["headroom_mm"] - surface, ping)

    def tilt_deg(self, t_us: int) -> float:
        """0 to 2 degrees as the lorry set it down; up to 125 and back while it is lifted; 90 on its side or with an open lid."""
        lift = self._lift(t_us)
        if lift:
            return _TIPPED_DEG * min(1.0, (t_us - lift.start_us) / _SWING_US, (lift.end_us - t_us) / _SWING_US)
        leaning = self.adversaries.lean_deg(self.rubbish.at(t_us), t_us)
        if leaning:
            return leaning
        last = self.rubbish.last_lift(t_us)
        return 2.0 * uniform_at(self.tilt_seed, last.start_us if last else 0)

    def temp_c(self, t_us: int) -> float:
        """Under the lid."""
        return self.adversaries.temp_c(self._temp.at(t_us), self.clock.hour(t_us), self._fire_us(t_us), t_us)

    def fill_pct(self, t_us: int) -> float:
        """Level of the rubbish, % of the height."""
        return 100.0 * self.rubbish.at(t_us).level_mm / self.height_mm

    def next_change(self, t_us: int) -> int:
        """The next deposit (a step) or lift, or when the bin or its lid falls or is put right."""
        lift = self.rubbish.next_lift_us(t_us)
        leaning = self.adversaries.leaning(self.rubbish.at(t_us)) or ()
        return min(t for t in (self.rubbish.after(t_us).t_us, lift, *leaning) if t is not None and t > t_us)

    def changing_until(self, t_us: int) -> int:
        """The end of the lift under way at t_us."""
        lift = self._lift(t_us)
        return lift.end_us if lift else t_us

    def truth(self, t0_us: int, t1_us: int) -> dict[str, Any]:
        """Series fill_pct (from each instant on) and temp_c; events emptied with from_pct and to_pct, and fire."""
        truth = super().truth(t0_us, t1_us)
        self.rubbish.know(t1_us)
        steps = [[f.t_us, round(100 * f.level_mm / self.height_mm, 2)] for f in self.rubbish.fills if t0_us < f.t_us <= t1_us]
        truth["series"]["fill_pct"] = [[t0_us, round(self.fill_pct(t0_us), 2)], *steps]
        truth["events"] = [self._emptied(lift) for lift in self.rubbish.lifts if t0_us <= lift.tipped_us < t1_us]
        fires = [us for us in map(self.adversaries.burns_us, self.rubbish.fills) if us is not None and t0_us <= us < t1_us]
        truth["events"] += [{"t_us": us, "kind": "fire"} for us in fires]
        return truth

    def _fire_us(self, t_us: int) -> int | None:
        """The beginning of the last fire, if it was within the hour."""
        if not self.adversaries.burn:
            return None
        for fill in self.rubbish.between(t_us - _FIRE_LOOKBACK_US, t_us):
            since = self.adversaries.burns_us(fill)
            if since is not None:
                return since
        return None

    def _emptied(self, lift: Lift) -> dict[str, Any]:
        return {
            "t_us": lift.tipped_us,
            "kind": "emptied",
            "from_pct": round(100 * lift.from_mm / self.height_mm, 2),
            "to_pct": round(100 * lift.to_mm / self.height_mm, 2),
        }

    def _lift(self, t_us: int) -> Lift | None:
        """The lift under way at t_us."""
        lift = self.rubbish.last_lift(t_us)
        return lift if lift and t_us < lift.end_us else None
