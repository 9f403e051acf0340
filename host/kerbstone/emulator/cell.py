"""A cell: nodes that can hear each other, on one kernel. Cells are independent, so they run in parallel."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kerbstone.build.node import LoRaWanTable, Node
from kerbstone.emulator import console
from kerbstone.emulator.engine import interpreter
from kerbstone.emulator.engine.process import Zygote
from kerbstone.emulator.engine.shimset import shim_folder
from kerbstone.emulator.faults.arm import arm, free_blocks
from kerbstone.emulator.faults.model import Order, Scene
from kerbstone.emulator.kernel import Kernel
from kerbstone.emulator.lns import Lns
from kerbstone.emulator.radio_cell import RadioCell
from kerbstone.emulator.runtime import Runtime, Surroundings, build
from kerbstone.emulator.wakes import WakeSum
from kerbstone.listen.lorawan import Arrival

_SLICES = 240  # how often a run reports how far it is


@dataclass
class CellOrder:
    """What to run. Picklable."""

    nodes: list[Node]
    seed: int
    start_utc: int
    duration_us: int
    hosts: dict[str, tuple[str, int]]
    login: tuple[str, str] | None = field(default=None, repr=False)  # MQTT user and password
    faults: tuple[Order, ...] = ()
    lns: Lns | None = None  # another network server than the bench one


@dataclass
class NodeTrace:
    """Raw material of one node's result."""

    name: str
    device_id: str
    boots: int
    charge_uas: dict[str, dict[str, float]]
    time_us: dict[str, dict[str, int]]
    truth: dict[str, Any]
    account: console.Account
    wake_sums: list[WakeSum] = field(default_factory=list)
    delivered: list[Arrival] = field(default_factory=list)  # by the network server; empty for another bearer


@dataclass
class CellResult:
    events: list[tuple[int, str, str, dict[str, Any]]]
    nodes: list[NodeTrace]


def split(nodes: list[Node]) -> list[list[Node]]:
    """LoRaWAN nodes of a region share the air and make one cell; every other node is a cell of its own."""
    radio: dict[str, list[Node]] = {}
    rest = []
    for node in nodes:
        if isinstance(node.spec.uplink, LoRaWanTable):
            radio.setdefault(node.spec.uplink.region, []).append(node)
        else:
            rest.append([node])
    return list(radio.values()) + rest


def run_cell(order: CellOrder, progress: Callable[[float], None]) -> CellResult:
    """Runs a cell to its end; `progress` is called with the share of virtual time that has passed."""
    kernel = Kernel()
    found = interpreter.find()
    with tempfile.TemporaryDirectory(prefix="kerbstone-") as folder, Zygote(found) as zygote:
        radio = RadioCell(kernel, order.seed, order.start_utc, order.lns)
        around = Surroundings(
            kernel, zygote, found, shim_folder(), Path(folder), order.seed, order.start_utc, order.hosts, order.login, radio.channel,
            free_blocks(order.faults, order.nodes),
        )
        runtimes: list[Runtime] = []
        try:
            for node in order.nodes:
                runtime = build(around, node)
                runtimes.append(runtime)
                radio.register(runtime)
            radio.start()
            arm(order.faults, Scene(kernel, order.seed, {r.node.name: r for r in runtimes}, radio))
            for i, runtime in enumerate(runtimes):
                # Not all in the same microsecond: a street is switched on by hand.
                kernel.at(i * 7_000_000, runtime.device.power_on)
            for step in range(1, _SLICES + 1):
                kernel.run(order.duration_us * step // _SLICES)
                progress(step / _SLICES)
            return CellResult(kernel.log.events, [_trace(r, radio, order.duration_us) for r in runtimes])
        finally:
            for runtime in runtimes:
                runtime.close()
            radio.close()


def _trace(runtime: Runtime, radio: RadioCell, duration_us: int) -> NodeTrace:
    ledger = runtime.device.ledger
    ledger.settle()
    runtime.device.wakes.end()
    runtime.device.stop()
    return NodeTrace(
        name=runtime.node.name,
        device_id=runtime.identity.device_id,
        boots=runtime.device.boots,
        charge_uas={name: dict(m.charge_uas) for name, m in ledger.meters.items()},
        time_us={name: dict(m.time_us) for name, m in ledger.meters.items()},
        truth=runtime.site.truth(0, duration_us),
        account=console.read(runtime.console),
        wake_sums=runtime.device.wakes.sums(),
        delivered=radio.arrivals(runtime.node.name),
    )
