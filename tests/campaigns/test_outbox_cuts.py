"""The outbox on a flash whose supply fails at every operation, clean and torn, and fails again while it recovers."""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

SCRIPT = Path(__file__).with_name("outbox_cuts.py")
FIRMWARE = SCRIPT.parents[2] / "firmware"
SEEDS_A_PROCESS = 14
ACTIONS = 60


def cuts(first: int, seeds: int, length: int, careless: bool = False) -> dict[str, Any]:
    """Runs the campaign of some seeds under MicroPython."""
    found = os.environ.get("MICROPYTHON") or str(Path(sys.prefix, "bin", "micropython"))
    done = subprocess.run(
        [found, "-X", "heapsize=4m", str(SCRIPT), json.dumps([first, seeds, length, careless])],
        env={**os.environ, "MICROPYPATH": str(FIRMWARE)}, capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return dict(json.loads(done.stdout.splitlines()[-1]))


def test_no_record_is_lost_changed_or_back_unmarked_after_twenty_thousand_cuts(capsys):
    """Each record is as before the action that was cut, or as after it, whatever is cut in the recovery too."""
    with ThreadPoolExecutor(2) as pool:
        shares = list(pool.map(lambda first: cuts(first, SEEDS_A_PROCESS, ACTIONS), (1, 1 + SEEDS_A_PROCESS)))
    assert [text for share in shares for text in share["problems"]] == []
    count = sum(share["cuts"] for share in shares)
    programmed, _ = shares[0]["wear"]
    with capsys.disabled():
        print(f"\noutbox: {count} cuts, clean and torn, two deep; {programmed:.1f} bytes programmed a byte of payload", file=sys.stderr)
    assert count >= 20_000


def test_the_judge_sees_an_outbox_that_writes_in_place():
    problems = cuts(1, 1, 30, careless=True)["problems"]
    assert any("(put)" in text for text in problems) or any("(try)" in text for text in problems)
