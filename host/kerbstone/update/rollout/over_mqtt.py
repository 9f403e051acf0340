"""A roll-out over MQTT: fragments on the topic of commands, reports on the topic of records (docs/mqtt.md)."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from types import TracebackType
from typing import Any

import paho.mqtt.client as paho

from kerbstone.errors import BrokerError
from kerbstone.listen import topics
from kerbstone.listen.broker import PATIENCE_S, BrokerAddress
from kerbstone.update.rollout.transport import Heard

MARK = b"KUF1"  # begins a fragment where there are no ports (kerb/update/inbox.py)
_SIZE = 480  # bytes: a node keeps packets of 672 bytes with their topic (kerb/uplink/mqtt_session.py)
_QOS = 1


class MqttTransport:
    """Keeps its session: while no run listens, the broker keeps what devices say. `name`: of the roll-out, which names the session.

    `pace_s`: between two fragments of a device. `patience_s`: a device that sleeps deeply reports no sooner than it wakes.
    """

    def __init__(self, address: BrokerAddress, name: str, prefix: str = "kerb", pace_s: float = 0.5, patience_s: int = 7200,
                 size: int = _SIZE):
        self.size = size
        self.patience_s = patience_s
        self._pace_s = pace_s
        self._address = address
        self._prefix = prefix
        self._next: dict[str, float] = {}
        self._heard: queue.SimpleQueue[Heard] = queue.SimpleQueue()
        self._ready = threading.Event()
        self._refusal = ""
        self._client = address.new_client(f"kerbstone-rollout-{name}", clean=False)
        self._client.reconnect_delay_set(1, 5)
        self._client.on_connect = self._connected
        self._client.on_subscribe = self._subscribed
        self._client.on_message = self._message

    def __enter__(self) -> MqttTransport:
        self._client.connect_async(self._address.host, self._address.port, keepalive=60)
        self._client.loop_start()
        if not self._ready.wait(PATIENCE_S) or self._refusal:
            self.close()
            if self._refusal:
                raise BrokerError(f"The MQTT broker at {self._address} refuses us ({self._refusal}): check user, password and rights.")
            raise BrokerError(f"No MQTT broker answers at {self._address}: start it, or name another with --via.")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Ends the connection; the session stays at the broker."""
        self._client.disconnect()
        self._client.loop_stop()

    def remove(self) -> None:
        """Ends the connection and the session: the roll-out is over."""
        self.close()
        last = self._address.new_client(self._client._client_id.decode(), clean=True)
        with contextlib.suppress(OSError):  # the broker is gone
            last.connect(self._address.host, self._address.port)
            end = time.monotonic() + 1.0
            while not last.is_connected() and time.monotonic() < end:
                last.loop(0.1)
            last.disconnect()

    def now_s(self) -> int:
        return int(time.time())

    def room(self, device: str) -> bool:
        return self._client.is_connected() and time.monotonic() >= self._next.get(device, 0.0)

    def send(self, device: str, fragment: bytes) -> bool:
        info = self._client.publish(topics.down(self._prefix, device), MARK + fragment, _QOS)
        if info.rc != paho.MQTT_ERR_SUCCESS:
            return False
        self._next[device] = time.monotonic() + self._pace_s
        return True

    def heard(self) -> list[Heard]:
        found = []
        with contextlib.suppress(queue.Empty):
            while True:
                found.append(self._heard.get_nowait())
        return found

    def forget(self, device: str) -> None:
        """A broker drops nothing that waits for a sleeping device; that is at most what lies between two of its reports."""
        self._next.pop(device, None)

    # -- called from paho's thread ------------------------------------------------------------------------

    def _connected(self, client: paho.Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            self._refusal = str(reason)
            self._ready.set()
        else:
            client.subscribe(topics.up_filter(self._prefix), _QOS)

    def _subscribed(self, _client: paho.Client, _data: Any, _mid: int, reasons: Any, _properties: Any) -> None:
        if any(reason.is_failure for reason in reasons):
            self._refusal = f"no right to subscribe to {topics.up_filter(self._prefix)}"
        self._ready.set()

    def _message(self, _client: paho.Client, _data: Any, message: paho.MQTTMessage) -> None:
        device = topics.device_of(self._prefix, message.topic)
        if device is not None and not message.retain:
            self._heard.put(Heard(device, bytes(message.payload), int(time.time())))
