"""A city's worth of LoRaWAN nodes on its gateways: delivery and airtime beside the ALOHA expectation, with and without rate adaptation.

Nodes stand anywhere in a circle around the origin and report each hour and when a car comes or goes, unconfirmed. All begin at the rate
that the row says; the figures begin when the first hours, in which 500 nodes join, are over.

    python tests/bench/lorawan_city.py --nodes 500 --hours 24
    python tests/bench/lorawan_city.py --how firmware --nodes 40 --hours 4
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
import city_firmware
import city_mac

from kerbstone.emulator.radio_cell import ORIGIN, read_place

HOW = {
    "mac": (city_mac.live, "the firmware's own MAC code in one process, its radio, board and application left out"),
    "firmware": (city_firmware.live, "the whole firmware of each node on its emulated board"),
}
ROWS = {  # what rules the data rate -> (adr, dr)
    "DR0 for ever": (False, 0),
    "ADR from DR0": (True, 0),
    "ADR from the join's": (True, None),
}
HEAD = f"{'':20} {'joined':>9} {'uplinks':>7} {'mean air':>11} {'air':>10} {'delivered':>9} {'kept':>7} {'ALOHA':>7} {'weak':>5}  lost"


def line(name: str, f: dict[str, Any]) -> str:
    """`delivered`: of the frames in reach; `kept`: of those that no downlink of the gateway itself drowned."""
    kept = f["delivered"] / max(f["delivered"] + f["lost"].get("collision", 0), 1)
    lost = " ".join(f"{why.replace(' ', '_')}:{n}" for why, n in f["lost"].items()) or "-"
    return (
        f"{name:20} {f['joined']:4}/{f['nodes']:<4} {f['uplinks']:7} {f['mean_airtime_ms']:8.0f} ms {f['airtime_s']:8.0f} s"
        f" {f['delivery']:9.2%} {kept:7.2%} {f['aloha']:7.2%} {f['too_weak']:5}  {lost}  SF {json.dumps(f['by_sf'])}"
    )


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ask.add_argument("--how", choices=list(HOW), default="mac")
    ask.add_argument("--nodes", type=int, default=500)
    ask.add_argument("--hours", type=float, default=24.0, help="that the figures are of")
    ask.add_argument("--warm-up", type=float, default=2.0, help="hours before them")
    ask.add_argument("--seed", type=int, default=1)
    ask.add_argument("--radius", type=float, default=1500.0, help="metres")
    ask.add_argument("--gateway", action="append", type=read_place, help="X,Y in metres; repeatable")
    ask.add_argument("--row", action="append", choices=list(ROWS), help="only these rows")
    ask.add_argument("--processes", type=int, default=2, help="rows that run at once")
    ask.add_argument("--json", action="store_true")
    given = ask.parse_args()
    live, about = HOW[given.how]
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(max(soft, 8192), hard), hard))
    places = tuple(given.gateway or [ORIGIN])
    fixed = (given.seed, given.radius, 3600, places, given.warm_up)
    out = sys.stderr if given.json else sys.stdout
    print(f"{given.nodes} nodes within {given.radius:g} m, {len(places)} gateway(s), {given.hours:g} h after {given.warm_up:g} h, "
          f"seed {given.seed}, EU868: {about}\n{HEAD}", file=out, flush=True)  # fmt: skip
    done = {}
    with ProcessPoolExecutor(given.processes) as pool:
        runs = {pool.submit(live, given.nodes, given.hours + given.warm_up, *ROWS[row], *fixed): row for row in given.row or ROWS}
        for run in as_completed(runs):
            done[runs[run]] = run.result()
            print(line(runs[run], run.result()), file=out, flush=True)
    if given.json:
        json.dump(done, sys.stdout, indent=1)


if __name__ == "__main__":
    main()
