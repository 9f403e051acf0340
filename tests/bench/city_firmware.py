"""Many LoRaWAN nodes, each the whole firmware of a parking bay in deep sleep on its emulated board; it reports each hour and whenever a
car comes or goes."""

from __future__ import annotations

import math
import random
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from kerbstone.build.node import Node, load_node
from kerbstone.emulator.air.statistics import air_figures
from kerbstone.emulator.bench import Bench
from kerbstone.emulator.radio_cell import ORIGIN, Place
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
