"""A cell: nodes that can hear each other, on one kernel. Cells are independent, so they run in parallel."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from kerbstone.build.node import LoRaWanTable, Node
from kerbstone.emulator import console
from kerbstone.emulator.air.statistics import air_figures
from kerbstone.emulator.bench import Bench
from kerbstone.emulator.downlinks import DownlinkOrder
from kerbstone.emulator.faults.model import Order
from kerbstone.emulator.lns import Lns
from kerbstone.emulator.radio_cell import ORIGIN, Place, RadioCell
from kerbstone.emulator.runtime import Runtime
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
    tls_identity: dict[str, str] = field(default_factory=dict, repr=False)
    lns: Lns | None = None  # another network server than the bench one
    gateways: tuple[Place, ...] = (ORIGIN,)  # where those of a radio cell stand
    downlinks: tuple[DownlinkOrder, ...] = ()


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
    network: dict[str, Any] = field(default_factory=dict)  # what the bench network server knows of the node: Device.summary


@dataclass
class CellResult:
    events: list[tuple[int, str, str, dict[str, Any]]]
    nodes: list[NodeTrace]
    air: dict[str, Any] = field(default_factory=dict)  # air.statistics.air_figures; empty where nobody sent LoRa


def split(nodes: list[Node]) -> list[list[Node]]:
    """LoRaWAN nodes of a region share the air and make one cell; every other node is a cell of its own."""
    radio: dict[str, list[Node]] = {}
    rest = []
    for node in nodes:
        table = node.bearer(LoRaWanTable)
        if table:
            radio.setdefault(table.region, []).append(node)
        else:
            rest.append([node])
    return list(radio.values()) + rest


def run_cell(order: CellOrder, progress: Callable[[float], None]) -> CellResult:
    """Runs a cell to its end; `progress` is called with the share of virtual time that has passed."""
    with Bench(order.seed, order.start_utc, order.hosts, order.login, order.tls_identity, lns=order.lns, gateways=order.gateways) as bench:
        for node in order.nodes:
            bench.add(node, order.faults)
        bench.start()
        bench.arm(order.faults)
        for i, runtime in enumerate(bench.runtimes):
            # Not all in the same microsecond: a street is switched on by hand.
            bench.kernel.at(i * 7_000_000, runtime.device.power_on)
            for down in (d for d in order.downlinks if d.node == runtime.node.name):
                bench.kernel.at(down.at_us, bench.radio.send, runtime.identity.dev_eui, down.port, down.data, down.confirmed)
        for step in range(1, _SLICES + 1):
            bench.run(order.duration_us * step // _SLICES)
            progress(step / _SLICES)
        traces = []
        for runtime in bench.runtimes:
            traces.append(trace(runtime, bench.radio, order.duration_us))
            runtime.device.stop()
        return CellResult(bench.kernel.log.events, traces, air_figures(bench.kernel.log.events, order.duration_us))


def trace(runtime: Runtime, radio: RadioCell, duration_us: int) -> NodeTrace:
    """What there is to know of a node, `duration_us` after the start of the run; the node may go on."""
    ledger = runtime.device.ledger
    ledger.settle()
    return NodeTrace(
        name=runtime.node.name,
        device_id=runtime.identity.device_id,
        boots=runtime.device.boots,
        charge_uas={name: dict(m.charge_uas) for name, m in ledger.meters.items()},
        time_us={name: dict(m.time_us) for name, m in ledger.meters.items()},
        truth=runtime.site.truth(0, duration_us),
        account=console.read(runtime.console),
        wake_sums=runtime.device.wakes.so_far(),
        delivered=radio.arrivals(runtime.node.name),
        network=radio.network(runtime.identity.dev_eui),
    )
