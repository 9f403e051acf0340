"""A city's worth of LoRaWAN nodes on its gateways: delivery and airtime beside the ALOHA expectation, with and without rate adaptation.

Every node is the whole firmware of a parking bay in deep sleep, that reports each hour and whenever a car comes or goes. Nodes stand
anywhere in a circle around the first gateway. All begin at DR0 after their join; the rows differ in who may change that.

    python tests/bench/lorawan_city.py --nodes 500 --hours 24
"""

from __future__ import annotations

import argparse
import json
import math
import random
import resource
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

from kerbstone.build.node import Node, load_node
from kerbstone.emulator.air.statistics import air_figures
from kerbstone.emulator.bench import Bench
from kerbstone.emulator.radio_cell import ORIGIN, Place, read_place
from kerbstone.emulator.run import START_UTC

HOUR_US = 3_600_000_000
NODE = """
[node]
board = "xiao_esp32s3_wio_sx1262"
app = "parking"
[parts.mag]
driver = "lis2mdl"
bus = "i2c.main"
period_s = {period_s}
wake_pin = 1
[parts.battery]
driver = "battery"
period_s = 86400
[app]
heartbeat_s = {period_s}
[uplink]
kind = "lorawan"
region = "EU868"
confirm = "none"
adr = {adr}
{dr}
"""
ROWS = {  # what rules the data rate -> (adr, dr)
    "DR0 for ever": (False, 0),
    "ADR from DR0": (True, 0),
    "ADR from the join's": (True, None),
}


def town(folder: Path, count: int, radius_m: float, seed: int, adr: bool, dr: int | None, period_s: int) -> list[Node]:
    """Nodes spread evenly over a disc."""
    file = folder / "bay.toml"
    file.write_text(NODE.format(adr=str(adr).lower(), dr="" if dr is None else f"dr = {dr}", period_s=period_s))
    model, rng = load_node(str(file)), random.Random(seed)
    nodes = []
    for i in range(count):
        world = model.spec.world.model_copy(update={"gateway_m": max(10.0, radius_m * math.sqrt(rng.random()))})
        nodes.append(replace(model, name=f"bay-{i:03}", spec=model.spec.model_copy(update={"world": world})))
    return nodes


def live(
    count: int, hours: float, adr: bool, dr: int | None, seed: int = 1, radius_m: float = 1500.0, period_s: int = 3600,
    gateways: tuple[Place, ...] = (ORIGIN,), warm_up_h: float = 0.0,
) -> dict[str, Any]:  # fmt: skip
    """Figures of a run; the first `warm_up_h` hours, in which the nodes join and adaptation settles, are left out of them."""
    began = time.monotonic()
    rng = random.Random(seed + 1)
    with tempfile.TemporaryDirectory() as folder, Bench(seed, START_UTC, gateways=gateways) as bench:
        for node in town(Path(folder), count, radius_m, seed, adr, dr, period_s):
            bench.add(node)
        bench.start()
        for runtime in bench.runtimes:
            bench.kernel.at(rng.randrange(period_s * 1_000_000), runtime.device.power_on)
        from_us, until_us = int(warm_up_h * HOUR_US), int(hours * HOUR_US)
        bench.run(until_us)
        known = [bench.radio.network(runtime.identity.dev_eui) for runtime in bench.runtimes]
        figures = air_figures([e for e in bench.kernel.log.events if e[0] >= from_us], until_us - from_us)
        charge = sum(sum(states.values()) for r in bench.runtimes for states in _settled(r).values())
        return figures | {
            "nodes": count, "joined": sum(bool(n["counts"].get("joins")) for n in known),
            "wakes": sum(r.device.boots for r in bench.runtimes),
            "mah_per_day": charge / 3.6e6 / count / (hours / 24), "wall_s": time.monotonic() - began,
            "rate_commands": sum(n["counts"].get("LinkADRReq", 0) for n in known),
        }  # fmt: skip


def _settled(runtime: Any) -> dict[str, dict[str, float]]:
    runtime.device.ledger.settle()
    return {name: meter.charge_uas for name, meter in runtime.device.ledger.meters.items()}


def line(name: str, f: dict[str, Any]) -> str:
    lost = " ".join(f"{why.replace(' ', '_')}:{n}" for why, n in f["lost"].items()) or "-"
    return (
        f"{name:20} {f['joined']:4}/{f['nodes']:<4} {f['uplinks']:7} {f['mean_airtime_ms']:8.0f} ms {f['airtime_s']:8.0f} s"
        f" {f['delivery']:9.2%} {f['aloha']:8.2%}  {f['too_weak']:6}  {f['mah_per_day']:6.2f}  {f['wall_s']:6.0f} s  {lost}"
        f"  SF {json.dumps(f['by_sf'])}"
    )


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ask.add_argument("--nodes", type=int, default=500)
    ask.add_argument("--hours", type=float, default=24.0)
    ask.add_argument("--seed", type=int, default=1)
    ask.add_argument("--radius", type=float, default=1500.0, help="metres")
    ask.add_argument("--gateway", action="append", type=read_place, help="X,Y in metres; repeatable")
    ask.add_argument("--row", action="append", choices=list(ROWS), help="only these rows")
    ask.add_argument("--warm-up", type=float, default=0.0, help="hours that the figures leave out")
    ask.add_argument("--processes", type=int, default=2, help="rows that run at once")
    ask.add_argument("--json", action="store_true")
    given = ask.parse_args()
    rows = given.row or list(ROWS)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(max(soft, 8192), hard), hard))
    places = tuple(given.gateway or [ORIGIN])
    fixed = (given.seed, given.radius, 3600, places, given.warm_up)
    with ProcessPoolExecutor(given.processes) as pool:
        runs = {row: pool.submit(live, given.nodes, given.hours, *ROWS[row], *fixed) for row in rows}
        done = {row: run.result() for row, run in runs.items()}
    if given.json:
        json.dump(done, sys.stdout, indent=1)
        return
    print(f"{given.nodes} nodes within {given.radius:g} m, {len(places)} gateway(s), {given.hours:g} h, seed {given.seed}, EU868")
    print(f"{'':20} {'joined':>9} {'uplinks':>7} {'mean air':>11} {'air':>10} {'delivered':>9} {'ALOHA':>8}  {'weak':>6}  {'mAh/d':>6}"
          f"  {'took':>8}  lost")  # fmt: skip
    for row, figures in done.items():
        print(line(row, figures))


if __name__ == "__main__":
    main()
