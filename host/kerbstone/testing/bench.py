"""The bench of one test: nodes by file or name, on one clock, with a broker where one is needed."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from kerbstone.build.node import MqttTable, Node, load_node
from kerbstone.emulator.arrivals import match, published
from kerbstone.emulator.bench import Bench
from kerbstone.emulator.cell import NodeTrace
from kerbstone.emulator.run import START_UTC
from kerbstone.emulator.tally import Arrival
from kerbstone.errors import KerbstoneError
from kerbstone.listen.broker import BrokerAddress
from kerbstone.listen.mqtt import MqttListener
from kerbstone.testing.node import KerbNode
from kerbstone.testing.site import PinnedSite


class TestBench:
    """Callable: `bench("river.toml")` builds a node and switches it on. `broker()` gives the address when the first node needs it."""

    __test__ = False  # not a test for pytest to collect

    def __init__(self, broker: Callable[[], BrokerAddress], seed: int = 1, start_utc: int = START_UTC):
        self._broker = broker
        self._listeners: dict[str, MqttListener] = {}
        self._stack = ExitStack()
        self.bench = self._stack.enter_context(Bench(seed, start_utc, over_site=self._pinned))
        self._names: set[str] = set()

    def _pinned(self, site: object) -> PinnedSite:
        return PinnedSite(site, self.bench.kernel)  # type: ignore[arg-type]

    def __call__(self, node: str | Path | Node) -> KerbNode:
        """Raises NodeFileError, EngineError or BrokerError with one sentence when the node cannot be built."""
        loaded = node if isinstance(node, Node) else load_node(str(node))
        if loaded.name in self._names:
            raise KerbstoneError(f"There is a node {loaded.name!r} on this bench already: give the second file another name.")
        arrivals = self._over_mqtt(loaded, loaded.spec.uplink) if isinstance(loaded.spec.uplink, MqttTable) else _over_the_air
        runtime = self.bench.add(loaded)
        self.bench.start()
        self._names.add(loaded.name)
        return KerbNode(self.bench, runtime, arrivals)

    def _over_mqtt(self, node: Node, uplink: MqttTable) -> Callable[[NodeTrace], list[Arrival]]:
        address = self._broker()
        self.bench.hosts[uplink.broker] = (address.host, address.port)
        if uplink.prefix not in self._listeners:
            self._listeners[uplink.prefix] = self._stack.enter_context(MqttListener(address, uplink.prefix))
        listener, log = self._listeners[uplink.prefix], self.bench.kernel.log
        return lambda seen: match(listener, seen.device_id, published(log.events, node.name))

    def close(self) -> None:
        self._stack.close()


def _over_the_air(seen: NodeTrace) -> list[Arrival]:
    return [Arrival(a.t_us, a.payload, a.dr, a.rssi_dbm) for a in seen.delivered]
