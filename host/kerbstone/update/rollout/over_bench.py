"""A roll-out over the bench network: emulated nodes on LoRaWAN, fragments in the queue of the bench network server."""

from __future__ import annotations

from kerbstone.emulator.bench import Bench
from kerbstone.emulator.kernel import SECOND_US
from kerbstone.emulator.runtime import Runtime
from kerbstone.errors import UpdateError
from kerbstone.update.carry.lorawan import PORT, SPARE
from kerbstone.update.carry.pace import SETTLE_S, WINDOW
from kerbstone.update.rollout.transport import Heard

_AHEAD = 2  # downlinks in a device's queue: one leaves with each uplink


class BenchTransport:
    """Works on virtual time. `size`: 51 bytes fit every rate of EU868. Raises UpdateError when a node has no LoRaWAN."""

    window = WINDOW
    spare = SPARE
    at_once = False
    settle_s = SETTLE_S

    def __init__(self, bench: Bench, runtimes: list[Runtime], size: int = 51):
        self.size = size
        self._bench = bench
        self._ids = {runtime.identity.device_id: runtime for runtime in runtimes}
        self._names = {runtime.node.name: runtime.identity.device_id for runtime in runtimes}
        self._seen = 0
        server = bench.radio.server
        if server is None:
            raise UpdateError("The bench network carries LoRaWAN alone: rehearse with nodes whose [uplink] has kind = \"lorawan\".")
        self._server = server

    def now_s(self) -> int:
        return self._bench.start_utc + self._bench.kernel.now // SECOND_US

    def room(self, device: str) -> bool:
        return len(self._server.device(self._ids[device].identity.dev_eui).queue) < _AHEAD

    def send(self, device: str, fragment: bytes) -> None:
        self._bench.radio.send(self._ids[device].identity.dev_eui, PORT, fragment)

    def heard(self) -> list[Heard]:
        arrivals = self._bench.radio.listener.arrivals()
        fresh, self._seen = arrivals[self._seen :], len(arrivals)
        start = self._bench.start_utc
        return [Heard(self._names[a.device], a.payload, start + a.t_us // SECOND_US) for a in fresh if a.device in self._names]

    def forget(self, device: str) -> None:
        queue = self._server.device(self._ids[device].identity.dev_eui).queue
        for one in [one for one in queue if one.port == PORT]:
            queue.remove(one)
