"""One node in one process, with faults: what it said, what arrived, what was true."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kerbstone.build.node import Node, load_node
from kerbstone.emulator import run as runner
from kerbstone.emulator.cell import CellOrder, CellResult, run_cell
from kerbstone.emulator.console import Account
from kerbstone.emulator.faults.arm import check_orders
from kerbstone.emulator.faults.model import Order
from kerbstone.emulator.result import NodeResult
from kerbstone.emulator.tally import Arrival, tally
from kerbstone.listen.broker import EmbeddedBroker
from kerbstone.listen.mqtt import MqttListener
from kerbstone.paths import boards_dir

SEED = 5


@dataclass
class Life:
    """`events` of the cell, `account` from the console, `result` as `kerbstone emulate` would show it."""

    node: Node
    events: list[tuple[int, str, str, dict[str, Any]]]
    account: Account
    arrivals: list[Arrival]
    result: NodeResult

    def of(self, kind: str) -> list[tuple[int, dict[str, Any]]]:
        return [(e[0], e[3]) for e in self.events if e[2] == kind]

    def between(self, a_h: float, b_h: float) -> list[dict[str, Any]]:
        """Decoded records that were sampled in these hours."""
        return [r for r in self.result.records if a_h * 3.6e9 <= r["sample_us"] < b_h * 3.6e9]


def changed(name: str, folder: Path, *edits: tuple[str, str]) -> Node:
    """The ready-made node with its file changed by regular expressions, as a file of its own."""
    text = (boards_dir() / "nodes" / f"{name}.toml").read_text()
    for pattern, put in edits:
        text = re.sub(pattern, put, text)
    path = folder / f"{name}.toml"
    path.write_text(text)
    return load_node(str(path))


def _on_one_core(order: CellOrder) -> CellResult:
    """Kernel and interpreter take turns: across two cores, each turn costs five times as much, and far more on a busy machine."""
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[os.getpid() % len(cores)]})
    try:
        return run_cell(order, lambda share: None)
    finally:
        os.sched_setaffinity(0, cores)


def live(node: Node, seconds: float, orders: Sequence[Order] = (), seed: int = SEED) -> Life:
    """Runs the node in this process, with a broker or a network server of its own."""
    check_orders(orders, [node])
    order = CellOrder([node], seed, runner.START_UTC, int(seconds * 1_000_000), {}, None, tuple(orders))
    uplink = node.spec.uplink
    if uplink.kind == "mqtt":
        with EmbeddedBroker() as broker, MqttListener(broker.address, uplink.prefix) as listener:
            order.hosts = {uplink.broker: (broker.address.host, broker.address.port)}
            order.login = (broker.address.user, broker.address.password or "") if broker.address.user else None
            cell = _on_one_core(order)
            arrivals = runner._arrivals([cell], {node.name: listener})[node.name]
    else:
        cell = _on_one_core(order)
        arrivals = runner._arrivals([cell], {})[node.name]
    result = tally(node, cell.nodes[0], arrivals, order.start_utc, order.duration_us)
    return Life(node, cell.events, cell.nodes[0].account, arrivals, result)
