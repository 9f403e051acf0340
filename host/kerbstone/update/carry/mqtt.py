"""Bundles over MQTT: fragments as commands on the device's down topic, QoS 1, not retained. The broker keeps them while a device sleeps,
so no more are with it than the window; what a device says of them brings the next.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from types import TracebackType

from kerbstone.listen.broker import BrokerAddress
from kerbstone.listen.mqtt import Arrival, MqttListener
from kerbstone.update.carry.push import Push
from kerbstone.update.carry.reports import Report

MARK = b"KUF1"  # begins a fragment where there are no ports (kerb/update/inbox.py)
SIZE = 480  # bytes of a fragment: with its mark below the 512 a device takes
OTHERWISE = "start it, or name another with --via"


class MqttCarrier(Push):
    """In a `with`. `on_report(device, report)` is called in a thread of its own, as everything that the devices' messages bring about."""

    def __init__(self, address: BrokerAddress, prefix: str = "kerb", on_report: Callable[[str, Report], None] | None = None):
        self._arrivals: queue.SimpleQueue[Arrival | None] = queue.SimpleQueue()
        self._listener = MqttListener(address, prefix, self._arrivals.put, otherwise=OTHERWISE)
        self._on_report = on_report
        self._thread = threading.Thread(target=self._live, name="updates over MQTT", daemon=True)
        super().__init__(lambda device, piece: self._listener.command(device, MARK + piece), SIZE, at_once=True)

    def _live(self) -> None:
        # Not in paho's own thread: that one must acknowledge what we publish.
        while (arrival := self._arrivals.get()) is not None:
            for report in self.heard(arrival.device, arrival.payload):
                if self._on_report:
                    self._on_report(arrival.device, report)

    def __enter__(self) -> MqttCarrier:
        """Raises BrokerError when the broker does not answer."""
        self._listener.start()
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._arrivals.put(None)
        self._thread.join()
        self._listener.close()
