"""One run: cells in parallel, the broker beside them, everything brought together at the end."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack

from kerbstone.build.check import check
from kerbstone.build.node import Node
from kerbstone.emulator import log
from kerbstone.emulator.arrivals import Listener, coap_place, match, mqtt_place, published
from kerbstone.emulator.cell import CellOrder, CellResult, split
from kerbstone.emulator.engine import interpreter
from kerbstone.emulator.engine.shimset import shim_folder
from kerbstone.emulator.faults.arm import check_orders
from kerbstone.emulator.faults.model import Order
from kerbstone.emulator.lns import Lns
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
        progress: Progress | None = None, faults: Sequence[Order] = (), lns: Lns | None = None) -> RunResult:
    """Runs the nodes for `duration_us` of virtual time, with the faults that are asked for. `lns`: another LoRaWAN network server
    than the bench one.

    Raises NodeFileError, FaultError, EngineError or BrokerError before anything is started when it cannot work.
    """
    began = time.monotonic()
    _distinct(nodes)
    for node in nodes:
        check(node)
    check_orders(faults, nodes, own_server=lns is None)
    interpreter.find()
    shim_folder()
    with ExitStack() as stack:
        hosts: dict[str, tuple[str, int]] = {}
        login: tuple[str, str] | None = None
        listeners: dict[str, Listener] = {}  # by node
        over_mqtt = {n.name: place for n in nodes if (place := mqtt_place(n))}
        if over_mqtt:
            address = BrokerAddress.parse(broker) if broker else stack.enter_context(EmbeddedBroker()).address
            check_broker(address)
            login = (address.user, address.password or "") if address.user else None
            by_prefix: dict[str, Listener] = {}
            for name, (host, prefix) in over_mqtt.items():
                hosts[host] = (address.host, address.port)
                if prefix not in by_prefix:
                    by_prefix[prefix] = stack.enter_context(MqttListener(address, prefix))
                listeners[name] = by_prefix[prefix]
        over_coap = {n.name: place for n in nodes if (place := coap_place(n))}
        if over_coap:
            coap = stack.enter_context(CoapListener(paths={path for _, path in over_coap.values()}))
            for name, (host, _) in over_coap.items():
                hosts[host], listeners[name] = coap.address, coap
        orders = [CellOrder(c, seed, start_utc, duration_us, hosts, login, tuple(faults), lns) for c in split(nodes)]
        results = run_cells(orders, lambda order, share: _tell(progress, order, share))
        traces = {t.name: t for r in results for t in r.nodes}
        events = [e for r in results for e in r.events]
        arrivals = _arrivals(results, listeners)
    tallied = [tally(n, traces[n.name], arrivals[n.name], start_utc, duration_us) for n in nodes]
    for node, done in zip(nodes, tallied, strict=True):
        done.notes = exceeded(node, done.mah_per_day, duration_us) + done.notes
        events += [(r["t_us"], done.name, "decoded", {"values": r["values"], "sample_us": r["sample_us"]}) for r in done.records]
    return RunResult(seed, start_utc, duration_us, tallied, log.digest(events), len(events), time.monotonic() - began)


def _distinct(nodes: list[Node]) -> None:
    names = [n.name for n in nodes]
    for name in names:
        if names.count(name) > 1:
            raise NodeFileError(f"Two nodes are called {name!r}: give each file a name of its own.")


def _tell(progress: Progress | None, order: CellOrder, share: float) -> None:
    if progress:
        for node in order.nodes:
            progress(node.name, share)


def _arrivals(results: list[CellResult], listeners: dict[str, Listener]) -> dict[str, list[Arrival]]:
    """What came out at the other end, by node."""
    arrivals: dict[str, list[Arrival]] = {}
    events = [e for r in results for e in r.events]
    for trace in (t for r in results for t in r.nodes):
        if trace.name in listeners:
            arrivals[trace.name] = match(listeners[trace.name], trace.device_id, published(events, trace.name))
        else:
            arrivals[trace.name] = [Arrival(a.t_us, a.payload, a.dr, a.rssi_dbm) for a in trace.delivered]
    return arrivals
