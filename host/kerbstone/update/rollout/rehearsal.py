"""A roll-out to emulated nodes of one node file, on the bench network and in virtual time: what would happen in the street."""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from kerbstone.books.books import Books
from kerbstone.build.check import check
from kerbstone.build.node import LoRaWanTable, Node
from kerbstone.emulator.bench import Bench
from kerbstone.emulator.faults.arm import check_orders
from kerbstone.emulator.faults.model import Order
from kerbstone.emulator.kernel import SECOND_US
from kerbstone.emulator.run import START_UTC
from kerbstone.errors import UpdateError
from kerbstone.update.keybook import PublicKey
from kerbstone.update.opened import open_bundle
from kerbstone.update.rollout.gate import Gate
from kerbstone.update.rollout.ledger import Ledger
from kerbstone.update.rollout.model import RUNNING, Rollout
from kerbstone.update.rollout.over_bench import BenchTransport
from kerbstone.update.rollout.runner import Runner
from kerbstone.update.trust import read_trust

_BEAT_S = 3600


@dataclass
class Outcome:
    """`installed`: nodes that ever put the update on trial. `uplinks`: frames that arrived; `heard_s`: when the last of each
    node did. `stopped_s`: when it was no longer running; None: it still was. `ran_s`: the end. Times: virtual seconds."""

    rollout: Rollout
    installed: set[str]
    uplinks: int
    heard_s: dict[str, int]
    stopped_s: int | None
    ran_s: int


@dataclass(frozen=True)
class Wish:
    """`nodes`: how many. `spread_s`: over which they are switched on. `settle_s`: when the roll-out begins. `step_s`: between two looks of
    the roll-out. `rest_s`: how long the nodes run on once it has stopped. `size`: bytes of a fragment. All times are virtual."""

    nodes: int
    rings: tuple[str, ...]
    gate: Gate
    for_s: int
    seed: int = 1
    spread_s: int = 600
    settle_s: int = 3600
    step_s: int = 120
    rest_s: int = 3600
    size: int = 51


def rehearse(node: Node, bundle: bytes, wish: Wish, progress: Callable[[Rollout, int], None] | None = None,
             faults: Sequence[Order] = ()) -> Outcome:
    """`progress` gets the roll-out and the virtual second at each step. `faults` strike nodes called NODE-001, NODE-002, ...

    Raises UpdateError when the node takes no updates or not this one's, FaultError, and what the bench raises.
    """
    if node.spec.update is None or node.bearer(LoRaWanTable) is None:
        raise UpdateError(f"{node.file.path.name} needs a table [update] and LoRaWAN, which the bench network carries.")
    check(node)
    trusted = read_trust(node.folder / node.spec.update.keys)
    about = open_bundle(bundle, [PublicKey(bytes.fromhex(kid), algorithm, bytes.fromhex(raw)) for kid, (algorithm, raw) in trusted.items()])
    with tempfile.TemporaryDirectory(prefix="kerbstone-") as folder, Bench(wish.seed, START_UTC) as bench:
        ledger = Ledger(Books.create(str(Path(folder, "books.db")), "rehearsal", secrets.token_hex(16)))
        fleet = [replace(node, name=f"{node.name}-{i + 1:03}") for i in range(wish.nodes)]
        check_orders(faults, fleet)
        runtimes = [bench.add(one, faults, batch=node) for one in fleet]
        bench.start()
        bench.arm(faults)
        for i, runtime in enumerate(runtimes):
            bench.kernel.after(i * wish.spread_s * SECOND_US // wish.nodes, runtime.device.power_on)
        bench.run(wish.settle_s * SECOND_US)
        transport = BenchTransport(bench, runtimes, wish.size)
        ids = [runtime.identity.device_id for runtime in runtimes]
        ledger.publish(node.name, bundle, about, ids, wish.rings, {}, wish.gate, transport.now_s())
        runner = Runner(ledger, node.name, transport, _BEAT_S)
        stopped_s, now_s = None, wish.settle_s
        runner.step()
        while now_s < (wish.for_s if stopped_s is None else stopped_s + wish.rest_s):
            now_s += wish.step_s
            bench.run(now_s * SECOND_US)
            runner.step()
            if progress:
                progress(runner.rollout, now_s)
            if runner.rollout.state != RUNNING and stopped_s is None:
                stopped_s = now_s
        runner.close()
        ledger.beat(node.name, runner.listening_s, transport.now_s())
        rollout = ledger.load(node.name)
        arrivals = bench.radio.listener.arrivals()
        installed = {runtime.node.name for runtime in runtimes if "kerb update installed" in runtime.console.read_text(errors="replace")}
        heard_s = {arrival.device: arrival.t_us // SECOND_US for arrival in arrivals}
        return Outcome(rollout, installed, len(arrivals), heard_s, stopped_s, now_s)
