"""The bench of one test: nodes by file or name, on one clock, with a broker where one is needed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path

from kerbstone.build.node import Node, load_node
from kerbstone.emulator.air.network import NetworkServer
from kerbstone.emulator.arrivals import Listener, Outlet, match, outlets, published
from kerbstone.emulator.bench import Bench
from kerbstone.emulator.cell import NodeTrace
from kerbstone.emulator.faults import fault
from kerbstone.emulator.faults.arm import check_orders, free_blocks
from kerbstone.emulator.faults.model import Order
from kerbstone.emulator.run import START_UTC
from kerbstone.emulator.tally import Arrival
from kerbstone.energy.budget import judge
from kerbstone.errors import FaultError, KerbstoneError
from kerbstone.listen.broker import BrokerAddress
from kerbstone.listen.coap import CoapListener
from kerbstone.listen.mqtt import MqttListener
from kerbstone.testing.node import KerbNode
from kerbstone.testing.site import PinnedSite


class TestBench:
    """Callable: `bench("river.toml")` builds a node and switches it on. `broker()` gives the address when the first node needs it."""

    __test__ = False  # not a test for pytest to collect

    def __init__(self, broker: Callable[[], BrokerAddress], seed: int = 1, start_utc: int = START_UTC):
        self._broker = broker
        self._listeners: dict[str, Listener] = {}
        self._stack = ExitStack()
        self.bench = self._stack.enter_context(Bench(seed, start_utc, over_site=self._pinned))
        self._names: set[str] = set()
        self.nodes: list[KerbNode] = []

    def _pinned(self, site: object) -> PinnedSite:
        return PinnedSite(site, self.bench.kernel)  # type: ignore[arg-type]

    def __call__(self, node: str | Path | Node, faults: Sequence[Order] = ()) -> KerbNode:
        """`faults` strike this node, from the moment it is switched on; see kerbstone.emulator.faults.fault.

        Raises NodeFileError, FaultError, EngineError or BrokerError with one sentence when the node cannot be built.
        """
        loaded = node if isinstance(node, Node) else load_node(str(node))
        if loaded.name in self._names:
            raise KerbstoneError(f"There is a node {loaded.name!r} on this bench already: give the second file another name.")
        orders = [replace(order, node=order.node or loaded.name) for order in faults]
        check_orders(orders, [*(n.node for n in self.nodes), loaded])
        listening = [(outlet.modem, self._listener(outlet)) for outlet in outlets(loaded)]
        arrivals = partial(self._listened, listening, loaded.name)
        runtime = self.bench.add(loaded, orders)
        self.bench.start()
        self._arm(orders)
        self._names.add(loaded.name)
        self.nodes.append(KerbNode(self.bench, runtime, arrivals, self._command(loaded)))
        return self.nodes[-1]

    def strike(self, name: str, /, node: str | None = None, at: str | None = None, lasts: str | None = None, **given: object) -> None:
        """A fault of the catalogue (`kerbstone faults`) strikes the nodes that are here: `at` counts from now.

        Raises FaultError when there is no such fault, or nothing for it to strike.
        """
        order = fault(name, node, at, lasts, **given)
        if free_blocks([order], [n.node for n in self.nodes]):
            raise FaultError(f"Fault {name} is there from the beginning or not at all: give it to kerb_node(..., faults=[fault(...)]).")
        check_orders([order], [n.node for n in self.nodes])
        self._arm([order])

    def _arm(self, orders: Sequence[Order]) -> None:
        now = self.bench.kernel.now
        self.bench.arm([replace(order, at_us=now + order.at_us) for order in orders])

    @property
    def network(self) -> NetworkServer:
        """The LoRaWAN network server of the nodes here. Raises KerbstoneError when none of them speaks LoRaWAN."""
        if self.bench.radio.server is None:
            raise KerbstoneError("No node of this test speaks LoRaWAN yet, so there is no network server: switch one on first.")
        return self.bench.radio.server

    def judge(self) -> None:
        """Raises BudgetError for the first node that drew more than the [budget] of its file, if it ran for a day or longer."""
        for node in self.nodes:
            judge(node.node, node.mah_per_day, node.on_for_us)

    def _listener(self, outlet: Outlet) -> Listener:
        """What listens at the other end of a bearer, and is where the node looks for it."""
        key = f"{outlet.protocol} {outlet.path}"
        if outlet.protocol == "mqtt":
            address = self._broker()
            self.bench.hosts[outlet.host] = (address.host, address.port)
            if key not in self._listeners:
                self._listeners[key] = self._stack.enter_context(MqttListener(address, outlet.path))
            return self._listeners[key]
        if key not in self._listeners:
            self._listeners[key] = self._stack.enter_context(CoapListener(paths=(outlet.path,)))
        listener = self._listeners[key]
        assert isinstance(listener, CoapListener)
        self.bench.hosts[outlet.host] = listener.address
        return listener

    def _listened(self, listening: Sequence[tuple[bool, Listener]], name: str, seen: NodeTrace) -> list[Arrival]:
        found = _over_the_air(seen)
        for modem, listener in listening:
            found += match(listener, seen.device_id, published(self.bench.kernel.log.events, name, modem))
        return sorted(found, key=lambda arrival: arrival.t_us)

    def _command(self, node: Node) -> Callable[[str, bytes], None]:
        """Sends to a device behind the broker of a node."""
        for outlet in outlets(node):
            listener = self._listeners.get(f"{outlet.protocol} {outlet.path}")
            if isinstance(listener, MqttListener):
                return listener.command
        return _no_broker

    def close(self) -> None:
        self._stack.close()


def _no_broker(device: str, message: bytes) -> None:
    raise KerbstoneError(f"{device} is not behind a broker.")


def _over_the_air(seen: NodeTrace) -> list[Arrival]:
    return [Arrival(a.t_us, a.payload, a.dr, a.rssi_dbm) for a in seen.delivered]
