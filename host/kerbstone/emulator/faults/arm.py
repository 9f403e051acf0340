"""Puts orders into a cell: checks them against the nodes, begins and ends them at their times."""

from __future__ import annotations

import random
from collections.abc import Sequence

from kerbstone.build.files import nearest
from kerbstone.build.node import LoRaWanTable, Node
from kerbstone.emulator.faults.catalogue import FAULTS
from kerbstone.emulator.faults.model import End, Fault, Order, Scene, Target
from kerbstone.emulator.identity import derive
from kerbstone.errors import FaultError


def check_orders(orders: Sequence[Order], nodes: Sequence[Node], own_server: bool = True) -> None:
    """Raises FaultError for the first order that strikes nothing in this run. `own_server`: LoRaWAN nodes have the bench network."""
    names = [n.name for n in nodes]
    for order in orders:
        if order.node and order.node not in names:
            raise FaultError(f"Fault {order.name} is for node {order.node!r}, which is not in this run; {nearest(order.node, names)}")
        reasons = [_unfit(order, n, own_server) for n in nodes if order.node in (None, n.name)]
        if all(reasons):
            raise FaultError(f"Fault {order.name} strikes nothing: {'; '.join(reasons)}.")


def _unfit(order: Order, node: Node, own_server: bool) -> str:
    if order.name == "clock_step" and not own_server and node.bearer(LoRaWanTable):
        return f"{node.name} gets its time from a network server that is not ours"
    return FAULTS[order.name].fits(node, order.values)


def free_blocks(orders: Sequence[Order], nodes: Sequence[Node]) -> dict[str, int]:
    """Blocks left free in the file systems that have to be small."""
    return {
        node.name: int(order.values["blocks"])
        for order in orders for node in nodes if order.name == "flash_full" and order.node in (None, node.name)
    }


def arm(orders: Sequence[Order], scene: Scene, first: int = 0) -> None:
    """Schedules every order that concerns this cell. `first`: how many orders the cell had before, so that no two share their chance."""
    for index, order in enumerate(orders, first):
        row = FAULTS[order.name]
        struck = [r for r in scene.nodes.values() if order.node in (None, r.node.name) and not row.fits(r.node, order.values)]
        if not struck:
            continue
        for runtime in [None] if row.place == "air" and order.node is None else struck:
            where = runtime.node.name if runtime else "air"
            rng = random.Random(derive(scene.seed, where, "fault", order.name, str(index)))
            target = Target(scene, order.name, runtime, order.values, rng)
            scene.kernel.at(order.at_us, _begin, row, order, target)


def _begin(row: Fault, order: Order, target: Target) -> None:
    if not row.instant:
        target.begins(**order.values)
    end = row.begin(target)
    if end and order.for_us is not None:
        target.kernel.after(order.for_us, _end, end, target)


def _end(end: End, target: Target) -> None:
    end()
    target.ends()
