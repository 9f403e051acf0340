"""`make bench`: speed and memory in one run. Prints a table and writes results.json beside this file.

Absolute seconds depend on the machine; the ratios do not: wakes a second stands beside one process a wake
measured in the same call.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "host"), str(ROOT / "tests"), str(Path(__file__).parent)]

import bearers
import flashing
import lorawan
import nbiot
import update_carry
import verification
from heap import heap_peaks
from sizes import app_heap, mpy_sizes

from kerbstone.build.firmware import compile_file
from kerbstone.build.node import load_node
from kerbstone.cli.emulate import STREET
from kerbstone.emulator.bench import Bench
from kerbstone.emulator.cell import CellOrder, run_cell
from kerbstone.emulator.run import START_UTC, run
from kerbstone.listen.broker import EmbeddedBroker

WEEK_US = 7 * 86_400_000_000
DAY_US = 86_400_000_000
_YEAR_SAMPLE_DAYS = 10
GROUPS = {
    "core": "kerb/*.py", "drivers": "kerb/drivers/*.py", "apps": "kerb/apps/**/*.py", "lorawan": "kerb/uplink/lorawan/*.py",
    "mqtt": "kerb/uplink/[!cn]*.py", "nbiot": "kerb/uplink/[cn]*.py", "modem": "kerb/modem/**/*.py", "radio": "kerb/radio/*.py",
    "update": "kerb/update/*.py",
}


def street(duration_us: int) -> tuple[float, str]:
    """Wall seconds and log hash of a run of the street."""
    began = time.perf_counter()
    result = run([load_node(n) for n in STREET], 1, duration_us)
    assert all(n.lost == 0 for n in result.nodes), [(n.name, n.lost) for n in result.nodes]
    return time.perf_counter() - began, result.event_log_sha256


def wakes_per_second() -> float:
    """Boot, mount, one I2C read, decide, keep the result in RTC memory, sleep: on one core."""
    from bare_board import BareBoard
    from kerbstone.emulator.parts.base import PartContext
    from kerbstone.emulator.parts.sht4x import Sht4x
    from kerbstone.emulator.world.constant import Constant

    def climate(board: BareBoard) -> None:
        site = Constant(0, random.Random(1), {"temp_c": 21.0, "rh_pct": 50.0})
        board.i2c.attach(5, 0x44, Sht4x(PartContext("climate", board.kernel, site, random.Random(1), board.device.ledger.meter("climate"))))

    main = """
import machine
r = machine.RTC()
i2c = machine.I2C(0, scl=machine.Pin(6), sda=machine.Pin(5))
i2c.writeto(0x44, b"\\x89")
import time
time.sleep_ms(2)
serial = i2c.readfrom(0x44, 6)
r.memory(b"%d" % (int(r.memory() or b"0") + len(serial)))
machine.deepsleep(1000)
"""
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    try:
        with BareBoard(main, setup=climate) as board:
            began = time.perf_counter()
            board.run(1400)
            assert not board.lines, board.lines[-1]
            return board.device.boots / (time.perf_counter() - began)
    finally:
        os.sched_setaffinity(0, cores)


def device_year_s() -> float:
    """Wall seconds on one core for a year of a bin that wakes every 15 minutes, from ten days of it."""
    node = load_node("bins")
    for part in node.spec.parts.values():
        part.period_s = 900
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    try:
        began = time.perf_counter()
        run_cell(CellOrder([node], 1, START_UTC, _YEAR_SAMPLE_DAYS * DAY_US, {}), lambda share: None)
        return (time.perf_counter() - began) * 365 / _YEAR_SAMPLE_DAYS
    finally:
        os.sched_setaffinity(0, cores)


def crowd_mb(count: int = 100) -> tuple[float, float]:
    """(proportional memory of all processes, room of all files), MB, with `count` nodes awake at once."""
    light = load_node("light")
    with EmbeddedBroker() as broker, Bench(1, START_UTC, {"broker.local": (broker.address.host, broker.address.port)}) as bench:
        for i in range(count):
            bench.add(replace(light, name=f"light{i:03}")).device.power_on()
        bench.run(60_000_000)
        assert all(r.device.process for r in bench.runtimes)
        memory = sum(_pss_kb(pid) for pid in _family(os.getpid())) / 1024
        room = sum(f.stat().st_blocks for f in bench.folder.rglob("*") if f.is_file()) * 512 / 2**20
    return memory, room


def _family(pid: int) -> list[int]:
    """A process and everything below it."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    family = [pid]
    for member in family:
        family += [child for child, parent in parents.items() if parent == member]
    return family


def _pss_kb(pid: int) -> int:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    return 0


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
    memory_mb, files_mb = crowd_mb()
    results = {
        "street_day_s": round(day_s, 1),
        "street_week_s": round(week_s, 1),
        "same_seed_same_log": first == second,
        "wakes_per_second": round(wakes),
        "process_per_wake_per_second": round(plain, 1),
        "wakes_ratio": round(wakes / plain, 1),
        "device_year_s": round(device_year_s()),
        "hundred_nodes_memory_mb": round(memory_mb),
        "hundred_nodes_files_mb": round(files_mb),
        "heap_peak_bytes": heap_peaks(),
        "mpy_bytes": mpy_bytes(),
        "driver_mpy_bytes": mpy_sizes("drivers"),
        "app_mpy_bytes": mpy_sizes("apps"),
        "app_heap_bytes": app_heap(),
        "lorawan": lorawan.figures(),
        "delivery": bearers.figures(),
        "nbiot_mpy_bytes": nbiot.mpy_sizes(),
        "nbiot_mah_per_report": nbiot.figures(),
        "flash_boards": flashing.figures(),
        "update_carry": update_carry.figures(),
        # Needs an image of MicroPython, which cannot be shipped.
        "update_verification": verification.figures(Path(os.environ["KERBSTONE_UF2"])) if "KERBSTONE_UF2" in os.environ else None,
    }
    for name, value in results.items():
        print(f"{name:30} {value}")
    Path(__file__).with_name("results.json").write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
