"""The firmware's gas index against Sensirion's reference library, on long random walks, as a board computes it.

    python tests/conformance/gas_index.py [SAMPLES]

MicroPython runs kerb.apps.algo.gas_index in 64-bit and in 32-bit arithmetic; CPython runs sensirion-gas-index-algorithm. Prints the
share of equal samples and the largest difference of each series. Exit code 1 below 99.5 % or above a difference of 1.
"""

from __future__ import annotations

import random
import subprocess
import sys
import tempfile
from pathlib import Path

from run import HEAP, find_micropython, sources
from sensirion_gas_index_algorithm.nox_algorithm import NoxAlgorithm
from sensirion_gas_index_algorithm.voc_algorithm import VocAlgorithm

# reference, ticks of usual air, range of the sensor, size of an episode
KINDS = {"voc": (VocAlgorithm, 30_000, (20_001, 52_767), 7_000), "nox": (NoxAlgorithm, 17_000, (10_001, 42_767), 16_000)}
INTERVALS_S = (1, 10)
LEAST_EQUAL = 0.995
LARGEST = 1
_DEVICE = """
import sys
from kerb.apps.algo.gas_index import NOX, VOC, GasIndex
index = GasIndex(VOC if sys.argv[1] == "voc" else NOX, int(sys.argv[2]))
for line in sys.stdin:
    print(index.process(int(line)))
"""


def walk(kind: str, seed: int, samples: int) -> list[int]:
    """Ticks that wander through the whole range of the sensor: noise, slow drift, episodes of gas of both signs, invalid readings."""
    _, base, (low, high), size = KINDS[kind]
    rng = random.Random(f"{kind} {seed}")
    level, episode, left, out = float(base), 0.0, 0, []
    for _ in range(samples):
        level = min(max(level + rng.gauss(0, 6), low + 500), high - 500)
        left -= 1
        if left <= 0:
            episode, left = rng.choice((0.0, rng.uniform(-size, size))), rng.randint(30, 1500)
        value = round(level + episode + rng.gauss(0, 12))
        out.append(rng.choice((0, 65_000, 65_535)) if rng.random() < 0.0005 else min(max(value, 1), 64_999))
    return out


def reference(kind: str, interval_s: int, sraws: list[int]) -> list[int]:
    """What Sensirion's library answers."""
    made = KINDS[kind][0]()
    made._algorithm.init(made._algorithm_type, interval_s)
    return [made.process(sraw) for sraw in sraws]


def firmware(bits: str, kind: str, interval_s: int, sraws: list[int]) -> list[int]:
    """What the firmware answers under MicroPython."""
    with tempfile.TemporaryDirectory(prefix="kerbstone-gas-") as folder:
        path = ":".join(str(p) for p in sources(bits, Path(folder)))
        script = Path(folder, "walk.py")
        script.write_text(_DEVICE, encoding="utf-8")
        done = subprocess.run(
            [find_micropython(), "-X", f"heapsize={HEAP}", str(script), kind, str(interval_s)], input="\n".join(map(str, sraws)) + "\n",
            capture_output=True, text=True, env={"MICROPYPATH": path}, check=True,
        )  # fmt: skip
    return [int(line) for line in done.stdout.split()]


def agreement(kind: str, interval_s: int, seed: int, samples: int) -> dict[str, tuple[float, int, int]]:
    """{bits: (share of equal samples, largest difference, highest index)}."""
    sraws = walk(kind, seed, samples)
    theirs = reference(kind, interval_s, sraws)
    out = {}
    for bits in ("64", "32"):
        ours = firmware(bits, kind, interval_s, sraws)
        pairs = list(zip(ours, theirs, strict=True))
        out[bits] = (sum(a == b for a, b in pairs) / samples, max(abs(a - b) for a, b in pairs), max(theirs))
    return out


def main(samples: int) -> int:
    bad = 0
    for kind in KINDS:
        for interval_s in INTERVALS_S:
            for bits, (share, worst, top) in agreement(kind, interval_s, 1, samples).items():
                bad += share < LEAST_EQUAL or worst > LARGEST
                words = f"{100 * share:.3f} % of {samples} equal, largest difference {worst}, index up to {top}"
                print(f"{kind} {interval_s:2} s {bits} bit: {words}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 40_000))
