"""A roll-out over MQTT: fragments on the topic of commands, reports on the topic of records (docs/mqtt.md)."""

from __future__ import annotations

import contextlib
import queue
import time
from types import TracebackType

from kerbstone.listen.broker import BrokerAddress
from kerbstone.listen.mqtt import Arrival, MqttListener
from kerbstone.update.carry.mqtt import MARK, OTHERWISE, SIZE
from kerbstone.update.carry.pace import SETTLE_S, WINDOW
from kerbstone.update.rollout.transport import Heard

_UNTAKEN = 1000  # fragments that wait for the broker: half a megabyte of ours


class MqttTransport:
    """Keeps its session: while no run listens, the broker keeps what devices say. `name`: of the roll-out, which names the session.

    `pace_s`: between two fragments of a device; a node that is awake waits a second for the next.
    """

    window = WINDOW
    spare = 0.0
    at_once = True

    def __init__(self, address: BrokerAddress, name: str, prefix: str = "kerb", pace_s: float = 0.0, size: int = SIZE,
                 settle_s: float = SETTLE_S):
        self.size, self.settle_s = size, settle_s
        self._pace_s = pace_s
        self._next: dict[str, float] = {}
        self._heard: queue.SimpleQueue[Heard] = queue.SimpleQueue()
        self._listener = MqttListener(address, prefix, self._arrived, f"rollout-{name}", OTHERWISE)

    def __enter__(self) -> MqttTransport:
        self._listener.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._listener.close()

    def remove(self) -> None:
        """Ends the connection and the session: the roll-out is over."""
        self._listener.end()

    def now_s(self) -> float:
        return time.time()

    def room(self, device: str) -> bool:
        if not self._listener.listening or self._listener.untaken >= _UNTAKEN:
            return False
        return not self._pace_s or time.monotonic() >= self._next.get(device, 0.0)

    def send(self, device: str, fragment: bytes) -> None:
        self._listener.post(device, MARK + fragment)
        if self._pace_s:
            self._next[device] = time.monotonic() + self._pace_s

    def heard(self) -> list[Heard]:
        found = []
        with contextlib.suppress(queue.Empty):
            while True:
                found.append(self._heard.get_nowait())
        return found

    def forget(self, device: str) -> None:
        """A broker drops nothing that waits for a sleeping device; that is the window at most."""
        self._next.pop(device, None)

    def _arrived(self, arrival: Arrival) -> None:
        if not arrival.retained:
            self._heard.put(Heard(arrival.device, arrival.payload, int(self.now_s())))
