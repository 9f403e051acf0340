"""One run: cells in parallel, the broker beside them, everything brought together at the end."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack

from kerbstone.build.check import check
from kerbstone.build.node import MqttTable, Node
from kerbstone.emulator import log
from kerbstone.emulator.arrivals import Listener, Outlet, match, outlets, published
from kerbstone.emulator.cell import CellOrder, CellResult, split
from kerbstone.emulator.downlinks import DownlinkOrder, check_downlinks
from kerbstone.emulator.engine import interpreter
from kerbstone.emulator.engine.shimset import shim_folder
from kerbstone.emulator.faults.arm import check_orders
from kerbstone.emulator.faults.model import Order
from kerbstone.emulator.lns import Lns
from kerbstone.emulator.net.tls_front import TlsFront, run_identity
from kerbstone.emulator.radio_cell import ORIGIN, Place
from kerbstone.emulator.result import RunResult
from kerbstone.emulator.tally import Arrival, tally
from kerbstone.emulator.workers import run_cells
from kerbstone.energy.budget import exceeded
from kerbstone.errors import NodeFileError
from kerbstone.listen.broker import BrokerAddress, EmbeddedBroker
from kerbstone.listen.broker import check as check_broker
from kerbstone.listen.coap import CoapListener
from kerbstone.listen.mqtt import MqttListener

Progress = Callable[[str, float], None]

# A Friday in spring; the weather is that of the same hour in the recorded year.
START_UTC = 1_775_174_400  # 2026-04-03T00:00:00Z


def run(nodes: list[Node], seed: int, duration_us: int, start_utc: int = START_UTC, broker: str | None = None,
        progress: Progress | None = None, faults: Sequence[Order] = (), lns: Lns | None = None,
        gateways: Sequence[Place] = (ORIGIN,), downlinks: Sequence[DownlinkOrder] = ()) -> RunResult:
    """Runs the nodes for `duration_us` of virtual time, with the faults that are asked for. `lns`: another LoRaWAN network server
    than the bench one. `gateways`: where they stand, in metres from the point that a node's `gateway_m` counts from. `downlinks`:
    what the bench network server is to send.

    Raises NodeFileError, FaultError, EngineError or BrokerError before anything is started when it cannot work.
    """
    began = time.monotonic()
    _distinct(nodes)
    for node in nodes:
        check(node)
        table = node.bearer(MqttTable)
        if table and table.tls == "psk":
            raise NodeFileError(f"{node.name}: the emulator's broker has no TLS-PSK, since Python has none: emulate with tls = \"mutual\".")
    check_orders(faults, nodes, own_server=lns is None)
    check_downlinks(downlinks, nodes, own_server=lns is None)
    interpreter.find()
    shim_folder()
    with ExitStack() as stack:
        hosts: dict[str, tuple[str, int]] = {}
        login: tuple[str, str] | None = None
        identity: dict[str, str] = {}
        listeners: dict[str, list[tuple[Outlet, Listener]]] = {n.name: [] for n in nodes}
        over = [(n.name, outlet) for n in nodes for outlet in outlets(n)]
        over_mqtt = [(name, outlet) for name, outlet in over if outlet.protocol == "mqtt"]
        over_coap = [(name, outlet) for name, outlet in over if outlet.protocol == "coap"]
        if over_mqtt:
            address = BrokerAddress.parse(broker) if broker else stack.enter_context(EmbeddedBroker()).address
            check_broker(address)
            login = (address.user, address.password or "") if address.user else None
            by_prefix: dict[str, MqttListener] = {}
            for name, outlet in over_mqtt:
                hosts[outlet.host] = (address.host, address.port)
                if outlet.tls:
                    identity = run_identity()
                    hosts[outlet.host] = stack.enter_context(TlsFront(outlet.host, (address.host, address.port))).address
                if outlet.path not in by_prefix:
                    by_prefix[outlet.path] = stack.enter_context(MqttListener(address, outlet.path))
                listeners[name].append((outlet, by_prefix[outlet.path]))
        if over_coap:
            coap = stack.enter_context(CoapListener(paths={outlet.path for _, outlet in over_coap}))
            for name, outlet in over_coap:
                hosts[outlet.host] = coap.address
                listeners[name].append((outlet, coap))
        rest = (tuple(faults), identity, lns, tuple(gateways), tuple(downlinks))
        orders = [CellOrder(c, seed, start_utc, duration_us, hosts, login, *rest) for c in split(nodes)]
        results = run_cells(orders, lambda order, share: _tell(progress, order, share))
        traces = {t.name: t for r in results for t in r.nodes}
        events = [e for r in results for e in r.events]
        arrivals = _arrivals(results, listeners)
    tallied = [tally(n, traces[n.name], arrivals[n.name], start_utc, duration_us) for n in nodes]
    for node, done in zip(nodes, tallied, strict=True):
        done.notes = exceeded(node, done.mah_per_day, duration_us) + done.notes
        events += [(r["t_us"], done.name, "decoded", {"values": r["values"], "sample_us": r["sample_us"]}) for r in done.records]
    air = [r.air for r in results if r.air]
    return RunResult(seed, start_utc, duration_us, tallied, log.digest(events), len(events), time.monotonic() - began, air)


def _distinct(nodes: list[Node]) -> None:
    names = [n.name for n in nodes]
    for name in names:
        if names.count(name) > 1:
            raise NodeFileError(f"Two nodes are called {name!r}: give each file a name of its own.")


def _tell(progress: Progress | None, order: CellOrder, share: float) -> None:
    if progress:
        for node in order.nodes:
            progress(node.name, share)


def _arrivals(results: list[CellResult], listeners: dict[str, list[tuple[Outlet, Listener]]]) -> dict[str, list[Arrival]]:
    """What came out at the other end, by node."""
    arrivals: dict[str, list[Arrival]] = {}
    events = [e for r in results for e in r.events]
    for trace in (t for r in results for t in r.nodes):
        found = [Arrival(a.t_us, a.payload, a.dr, a.rssi_dbm) for a in trace.delivered]
        for outlet, listener in listeners[trace.name]:
            found += match(listener, trace.device_id, published(events, trace.name, outlet.modem))
        arrivals[trace.name] = sorted(found, key=lambda arrival: arrival.t_us)
    return arrivals
