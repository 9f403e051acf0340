"""Mutated transcripts of modems on the node's own interpreter, under the heap of a board; 100,000 with KERBSTONE_CAMPAIGN=full."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
COUNT = 100_000 if os.environ.get("KERBSTONE_CAMPAIGN") == "full" else 20_000


def test_mutated_transcripts_end_in_time_and_grow_nothing():
    program = os.environ.get("MICROPYTHON") or shutil.which("micropython") or os.path.join(sys.prefix, "bin", "micropython")
    here = ROOT / "tests" / "firmware"
    run = subprocess.run(
        [program, "-X", "heapsize=56wk", str(here / "modem_fuzz.py"), str(COUNT)],
        env={**os.environ, "MICROPYPATH": str(ROOT / "firmware")}, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout + run.stderr
    found = json.loads(run.stdout)
    assert found["wrong"] == []
    assert sum(found[kind] for kind in ("answered", "silent", "refused", "restarted")) == COUNT
    assert min(found[kind] for kind in ("answered", "silent", "refused", "restarted")) > COUNT // 100, "every end is among them"
    assert max(found["heap"]) - found["heap"][0] < 2048
