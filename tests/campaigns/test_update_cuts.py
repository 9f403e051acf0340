"""Updates on a flash whose supply fails at every operation, clean and torn, and fails again in the recovery.

By default clean and torn cuts take turns, and the second cut of an installation that goes on is a sample; KERBSTONE_CAMPAIGN=full has all.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any

from kerbstone.update.bundle import Update, fragments, listing, rotation
from kerbstone.update.keys import SigningKey
from update_bench import CLASS, VENDOR, small_lms

SCRIPT = Path(__file__).with_name("update_cuts.py")
FIRMWARE = SCRIPT.parents[2] / "firmware"
FULL = os.environ.get("KERBSTONE_CAMPAIGN") == "full"


def applications(rng: random.Random, count: int) -> list[dict[str, bytes]]:
    """Applications, each a change of the one before."""
    app = {"kerb/node.mpy": rng.randbytes(700), "kerb/apps/bins.mpy": rng.randbytes(300), "kerb/cbor.mpy": rng.randbytes(5000)}
    found = [app]
    for i in range(count):
        at = rng.randrange(200)
        old = app["kerb/apps/bins.mpy"]
        app = {**app, "kerb/apps/bins.mpy": old[:at] + rng.randbytes(20) + old[at + 5 :], f"kerb/new{i}.mpy": rng.randbytes(40)}
        if i == 1:
            del app["kerb/new0.mpy"]
        found.append(app)
    return found


def order(chip: str, keys: list[SigningKey], careless: bool = False) -> dict[str, Any]:
    rng = random.Random(chip)
    apps = applications(rng, 4)
    bundles = [
        Update(VENDOR, CLASS, i + 1, new, old).bundle(keys[0]) for i, (old, new) in enumerate(pairwise(apps))
    ]
    pieces = [[p.hex() for p in fragments(b, 400, coded=6)[1:]] for b in bundles]
    count = 3 if FULL else 2
    return {
        "chip": chip, "apps": [{path: data.hex() for path, data in app.items()} for app in apps], "list": listing(apps[0]).decode(),
        "bundles": pieces[:count], "failing": pieces[count], "careless": careless, "stride": 1 if FULL else 101, "all": FULL,
        "rotation": [p.hex() for p in fragments(rotation(keys[0], VENDOR, CLASS, 9, keys), 400)],
        "config": {
            "vendor": VENDOR.hex(), "class": CLASS.hex(), "keys": {k.kid.hex(): [k.algorithm, k.public.hex()] for k in keys},
        },
    }


def cuts(tmp_path: Path, chip: str, careless: bool = False) -> dict[str, Any]:
    """Runs the campaign under MicroPython."""
    keys = [small_lms(i) for i in (1, 2)]  # the quickest to verify
    path = tmp_path / f"{chip}.json"
    path.write_text(json.dumps(order(chip, keys, careless)))
    found = os.environ.get("MICROPYTHON") or str(Path(sys.prefix, "bin", "micropython"))
    done = subprocess.run(
        [found, "-X", "heapsize=8m", str(SCRIPT), str(path)],
        env={**os.environ, "MICROPYPATH": str(FIRMWARE)}, capture_output=True, text=True, timeout=1800, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-1000:] + done.stderr[-2000:]
    return dict(json.loads(done.stdout.splitlines()[-1]))


def test_the_old_or_the_new_application_starts_whole_after_every_cut(tmp_path: Path, capsys):
    with ThreadPoolExecutor(2) as pool:
        shares = list(pool.map(lambda chip: cuts(tmp_path, chip), ("esp32", "rp2")))
    assert [text for share in shares for text in share["problems"]] == []
    assert all("update keys 9" in share["told"] for share in shares), shares[0]["told"]
    count = sum(share["cuts"] for share in shares)
    with capsys.disabled():
        print(f"\nupdates: {count} cuts on two chips, clean and torn, two deep", file=sys.stderr)
    assert count >= (10_000 if FULL else 1_000)


def test_the_judge_sees_a_selector_written_in_place(tmp_path: Path):
    assert cuts(tmp_path, "esp32", careless=True)["problems"]
