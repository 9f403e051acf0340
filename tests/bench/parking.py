"""How well the parking application tells cars from all else: several seeds, with and without adversaries, and 30 quiet days.

python tests/bench/parking.py [seeds] [days] [first seed] [comparator]. Not part of the tests: some minutes on two cores.
"""

from __future__ import annotations

import random
import statistics
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / "firmware"), str(TESTS), str(TESTS.parent / "firmware"), str(TESTS.parent / "host")]

from bay_watch import COMPARATOR, COPROCESSOR, DAY, Watch, score

from kerbstone.emulator.world.bay import Bay

SUMMER, WINTER = 1_752_000_000, 1_768_000_000
HARD = ("neighbours", "lorries", "weak_cars", "remanence", "drift", "mount", "fading")
ROWS = {  # name: adversaries, second witness
    "ordinary": ((), False),
    "adversaries": (HARD, False),
    "adversaries, witness": (HARD, True),
    "tram line": ((*HARD, "tram"), False),
    "tram line, witness": ((*HARD, "tram"), True),
}
FIGURES = ("f1", "precision", "recall", "state_minutes_right_pct", "event_delay_median_s", "arrival_delay_median_s")


def one(name: str, seed: int, days: int, comparator: bool = False) -> dict[str, float]:
    """One bay of a row; even seeds in summer, odd ones in winter."""
    adversaries, witness = ROWS[name]
    bay = Bay(WINTER if seed % 2 else SUMMER, random.Random(seed), {"adversaries": adversaries})
    watch = Watch(bay, seed, witness=witness, eyes=COMPARATOR if comparator else COPROCESSOR)
    watch.run(days * DAY)
    return {**score(bay, watch.told, days * DAY), "wakes": watch.wakes / days}


def quiet(seed: int, days: int, comparator: bool = False) -> tuple[int, int]:
    """False arrivals, and reports that the field was unsure, over an empty bay with everything around it but a tram."""
    others = tuple(name for name in HARD if name != "weak_cars")
    bay = Bay(SUMMER, random.Random(seed), {"adversaries": others, "first_arrival_s": (days + 10) * 86_400})
    watch = Watch(bay, seed, eyes=COMPARATOR if comparator else COPROCESSOR)
    watch.run(days * DAY)
    states = [state for _, state in watch.told]
    return states.count("occupied"), states.count("unsure")


def main(seeds: int = 10, days: int = 6, first: int = 500, comparator: bool = False) -> None:
    numbers = range(first, first + seeds)
    with ProcessPoolExecutor(2) as pool:
        empty = [pool.submit(quiet, seed, 30, comparator) for seed in list(numbers)[:2]]
        rows = {name: [pool.submit(one, name, seed, days, comparator) for seed in numbers] for name in ROWS}
        print("| bay | " + " | ".join(FIGURES) + " | wakes a day | worst f1 |")
        for name, jobs in rows.items():
            found = [job.result() for job in jobs]
            means = [f"{statistics.fmean(f[key] for f in found):.4f}" for key in FIGURES]
            wakes = statistics.fmean(f["wakes"] for f in found)
            print(f"| {name} | {' | '.join(means)} | {wakes:.0f} | {min(f['f1'] for f in found):.3f} |", flush=True)
        for seed, job in zip(numbers, empty, strict=False):
            false, unsure = job.result()
            print(f"30 quiet days, seed {seed}: {false} false arrivals, {unsure} times unsure")


if __name__ == "__main__":
    main(*(int(word) for word in sys.argv[1:4]), comparator="comparator" in sys.argv)
