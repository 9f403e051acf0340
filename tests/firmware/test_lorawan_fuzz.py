"""100,000 hostile downlinks on the node's own interpreter, under the heap of a board."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from kerbstone.build.regions import region_table

ROOT = Path(__file__).parents[2]
REGIONS = ("EU868", "US915", "AU915", "AS923-1")
COUNT = 25_000


def test_a_hundred_thousand_mutated_downlinks_change_nothing_and_raise_nothing(tmp_path):
    program = os.environ.get("MICROPYTHON") or shutil.which("micropython") or os.path.join(sys.prefix, "bin", "micropython")
    task = tmp_path / "task.json"
    task.write_text(json.dumps({"count": COUNT, "regions": [region_table(name) for name in REGIONS]}))
    run = subprocess.run(
        [program, "-X", "heapsize=56wk", str(ROOT / "tests/firmware/lorawan_fuzz.py"), str(task)],
        env={**os.environ, "MICROPYPATH": str(ROOT / "firmware")}, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout + run.stderr
    found = json.loads(run.stdout)
    assert found["wrong"] == []
    assert found["refused"] + found["taken"] + found["mixed"] >= len(REGIONS) * COUNT
    assert found["taken"] > 0.04 * len(REGIONS) * COUNT, "signed frames of any content are among them"
