"""What dimming and motion save at a light pole: the firmware's own application against the simulated pole, week by week.

    python tests/bench/light_savings.py [days]

Traffic is an assumption (host/kerbstone/emulator/world/passers.py: 890 passers a day on a residential street), the lamp a 50 W one of
the emulator's curve, the place the recorded weather's. The baseline is the same lamp at full power from sunset to sunrise.
"""

from __future__ import annotations

import random
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "host"), str(ROOT / "firmware"), str(ROOT / "tests/firmware")]

from float32 import install_micropython

install_micropython()

from kerb.apps.light import App
from kerb.clock import Instant
from kerbstone.emulator.world.pole import Pole

START_UTC = 1_775_174_400  # 2026-04-03: a night about as long as the year's mean
STEP_S = 5
PLACE = {"lat": 36.1, "lon": -79.95, "tz_min": -300, "summer_time": "us"}
NIGHT: dict[str, Any] = {"schedule": [["22:00", 30], ["05:30", 100]]}
PLANS: dict[str, tuple[dict[str, Any], float]] = {
    "full from dusk to dawn": ({}, 1.0),
    "30 % from 22:00 to 05:30": (NIGHT, 1.0),
    "the same, 80 % for 60 s at a motion": ({**NIGHT, "motion_level": 80, "motion_hold_s": 60}, 1.0),
    "the same with five times the traffic": ({**NIGHT, "motion_level": 80, "motion_hold_s": 60}, 5.0),
    "20 % all night, 100 % at a motion": ({"level": 20, "motion_level": 100, "motion_hold_s": 60}, 1.0),
    "full, constant light output from 85 %": ({"clo_start": 85, "clo_hours": 50_000}, 1.0),
}


def energy_kwh(plan: dict[str, Any], traffic: float, days: int) -> float:
    """What the lamp takes in `days`."""
    pole = Pole(START_UTC, random.Random(1), {"traffic": traffic})
    app = App({**PLACE, **plan})
    for t in range(STEP_S, days * 86_400, STEP_S):
        t_us = t * 1_000_000
        sample = {"quality": 0, "motion": pole.passers.near(t_us)}
        for effect in app.step(sample, Instant(t, START_UTC + t)):
            if effect[0] == "set" and effect[2] == "level":
                pole.act("dim_level", effect[3] / 100, t_us)
    return pole.energy_kwh(0, days * 86_400 * 1_000_000)


def main() -> None:
    days = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    full = 0.0
    for name, (plan, traffic) in PLANS.items():
        used = energy_kwh(plan, traffic, days)
        full = full or used
        print(f"{name:42s} {used / days * 1000:6.0f} Wh a day, saves {100 * (1 - used / full):5.1f} %")


if __name__ == "__main__":
    main()
