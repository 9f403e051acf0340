"""One run: cells in parallel, the broker beside them, everything brought together at the end."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from multiprocessing.managers import SyncManager
from typing import Any

from kerbstone.build.check import check
from kerbstone.build.node import MqttTable, Node
from kerbstone.emulator import log
from kerbstone.emulator.arrivals import match, published
from kerbstone.emulator.cell import CellOrder, CellResult, run_cell, split
from kerbstone.emulator.engine import interpreter
from kerbstone.emulator.engine.shimset import shim_folder
from kerbstone.emulator.result import RunResult
from kerbstone.emulator.tally import Arrival, tally
from kerbstone.errors import NodeFileError
from kerbstone.listen.broker import BrokerAddress, EmbeddedBroker
from kerbstone.listen.broker import check as check_broker
from kerbstone.listen.mqtt import MqttListener

Progress = Callable[[str, float], None]

# A Friday in spring; the weather is that of the same hour in the recorded year.
START_UTC = 1_775_174_400  # 2026-04-03T00:00:00Z


def run(nodes: list[Node], seed: int, duration_us: int, start_utc: int = START_UTC, broker: str | None = None,
        progress: Progress | None = None) -> RunResult:
    """Runs the nodes for `duration_us` of virtual time.

    Raises NodeFileError, EngineError or BrokerError before anything is started when it cannot work.
    """
    began = time.monotonic()
    _distinct(nodes)
    for node in nodes:
        check(node)
    interpreter.find()
    shim_folder()
    with ExitStack() as stack:
        hosts: dict[str, tuple[str, int]] = {}
        login: tuple[str, str] | None = None
        listeners: dict[str, MqttListener] = {}
        over_mqtt = [n for n in nodes if isinstance(n.spec.uplink, MqttTable)]
        if over_mqtt:
            address = BrokerAddress.parse(broker) if broker else stack.enter_context(EmbeddedBroker()).address
            check_broker(address)
            login = (address.user, address.password or "") if address.user else None
            for node in over_mqtt:
                uplink = node.spec.uplink
                assert isinstance(uplink, MqttTable)
                hosts[uplink.broker] = (address.host, address.port)
                if uplink.prefix not in listeners:
                    listeners[uplink.prefix] = stack.enter_context(MqttListener(address, uplink.prefix))
        results = _run_cells([CellOrder(c, seed, start_utc, duration_us, hosts, login) for c in split(nodes)], progress)
        traces = {t.name: t for r in results for t in r.nodes}
        events = [e for r in results for e in r.events]
        arrivals = _arrivals(nodes, results, listeners)
    tallied = [tally(n, traces[n.name], arrivals[n.name], start_utc, duration_us) for n in nodes]
    for done in tallied:
        events += [(r["t_us"], done.name, "decoded", {"values": r["values"], "sample_us": r["sample_us"]}) for r in done.records]
    return RunResult(seed, start_utc, duration_us, tallied, log.digest(events), len(events), time.monotonic() - began)


def _distinct(nodes: list[Node]) -> None:
    names = [n.name for n in nodes]
    for name in names:
        if names.count(name) > 1:
            raise NodeFileError(f"Two nodes are called {name!r}: give each file a name of its own.")


def _run_cells(orders: list[CellOrder], progress: Progress | None) -> list[CellResult]:
    cores = sorted(os.sched_getaffinity(0))
    context = multiprocessing.get_context("spawn")
    with SyncManager(ctx=context) as manager:
        reports: Any = manager.Queue()
        free: Any = manager.Queue()
        for core in cores:
            free.put(core)
        workers = min(len(orders), len(cores))
        with ProcessPoolExecutor(workers, context, initializer=_settle, initargs=(free,)) as pool:
            futures = [pool.submit(_work, order, reports, i) for i, order in enumerate(orders)]
            _follow(futures, reports, orders, progress)
            return [f.result() for f in futures]


def _settle(free: Any) -> None:
    """Gives a worker one core: interpreter and kernel take turns, and on one core a turn costs a fifth of what it costs across two."""
    os.sched_setaffinity(0, {free.get()})


def _work(order: CellOrder, reports: Any, index: int) -> CellResult:
    return run_cell(order, lambda share: reports.put((index, share)))


def _follow(futures: list[Any], reports: Any, orders: list[CellOrder], progress: Progress | None) -> None:
    """Hands on what the cells report until all are done or one has failed."""
    while True:
        pending = [f for f in futures if not f.done()]
        while not reports.empty():
            index, share = reports.get()
            if progress:
                for node in orders[index].nodes:
                    progress(node.name, share)
        failed = [f for f in futures if f.done() and f.exception()]
        if failed:
            for f in pending:
                f.cancel()
            raise failed[0].exception()
        if not pending:
            return
        time.sleep(0.05)


def _arrivals(nodes: list[Node], results: list[CellResult], listeners: dict[str, MqttListener]) -> dict[str, list[Arrival]]:
    """What came out at the other end, by node."""
    arrivals: dict[str, list[Arrival]] = {}
    events = [e for r in results for e in r.events]
    for result in results:
        for trace in result.nodes:
            node = next(n for n in nodes if n.name == trace.name)
            if isinstance(node.spec.uplink, MqttTable):
                mine = published(events, trace.name)
                arrivals[trace.name] = match(listeners[node.spec.uplink.prefix], trace.device_id, mine)
            else:
                arrivals[trace.name] = [Arrival(a.t_us, a.payload, a.dr, a.rssi_dbm) for a in trace.delivered]
    return arrivals
