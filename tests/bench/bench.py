"""`make bench`: speed and memory in one run. Prints a table and writes results.json beside this file.

Absolute seconds depend on the machine; the ratios do not: wakes a second stands beside one process a wake
measured in the same call.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "host"), str(ROOT / "tests"), str(Path(__file__).parent)]

import lorawan
from heap import heap_peaks

from kerbstone.build.firmware import compile_file
from kerbstone.build.node import load_node
from kerbstone.cli.emulate import STREET
from kerbstone.emulator.run import run

WEEK_US = 7 * 86_400_000_000
DAY_US = 86_400_000_000
GROUPS = {
    "core": "kerb/*.py", "drivers": "kerb/drivers/*.py", "apps": "kerb/apps/**/*.py", "lorawan": "kerb/uplink/lorawan/*.py",
    "mqtt": "kerb/uplink/*.py", "radio": "kerb/radio/*.py",
}


def street(duration_us: int) -> tuple[float, str]:
    """Wall seconds and log hash of a run of the street."""
    began = time.perf_counter()
    result = run([load_node(n) for n in STREET], 1, duration_us)
    assert all(n.lost == 0 for n in result.nodes), [(n.name, n.lost) for n in result.nodes]
    return time.perf_counter() - began, result.event_log_sha256


def wakes_per_second() -> float:
    """Boot, mount, read RTC memory, decide, sleep: on one core."""
    from bare_board import BareBoard

    main = "import machine\nr = machine.RTC()\nr.memory(b'%d' % (int(r.memory() or b'0') + 1))\nmachine.deepsleep(1000)\n"
    with BareBoard(main) as board:
        began = time.perf_counter()
        board.run(1400)
        return board.device.boots / (time.perf_counter() - began)


def processes_per_second() -> float:
    """The plain way: one interpreter process a wake, through the console script."""
    with tempfile.NamedTemporaryFile("w", suffix=".py") as script:
        script.write("pass\n")
        script.flush()
        began = time.perf_counter()
        for _ in range(20):
            subprocess.run([sys.executable, "-m", "micropython_unix", script.name], check=True)
        return 20 / (time.perf_counter() - began)


def mpy_bytes() -> dict[str, int]:
    firmware = ROOT / "firmware"
    return {
        group: sum(len(compile_file(p, str(p.relative_to(firmware)))) for p in firmware.glob(pattern)) for group, pattern in GROUPS.items()
    }


def main() -> None:
    day_s, first = street(DAY_US)
    _, second = street(DAY_US)
    week_s, _ = street(WEEK_US)
    wakes, plain = wakes_per_second(), processes_per_second()
    results = {
        "street_day_s": round(day_s, 1),
        "street_week_s": round(week_s, 1),
        "same_seed_same_log": first == second,
        "wakes_per_second": round(wakes),
        "process_per_wake_per_second": round(plain, 1),
        "wakes_ratio": round(wakes / plain, 1),
        "heap_peak_bytes": heap_peaks(),
        "mpy_bytes": mpy_bytes(),
        "lorawan": lorawan.figures(),
    }
    for name, value in results.items():
        print(f"{name:30} {value}")
    Path(__file__).with_name("results.json").write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
