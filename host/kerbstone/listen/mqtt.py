"""Listens to what devices publish and sends them commands.

The session is persistent, under a client id of this run only: while a broker restarts or the connection breaks, the broker keeps
what it has acknowledged to the devices. `close()` removes the session again, so that none grows on the broker for ever.

What arrives twice: a broker repeats with DUP what we did not acknowledge in time, and Arrival.dup says so. A device's own DUP ends
at the broker; its repeat looks like any message, and only the record in it can say what it is. RETAIN says nothing reliable (amqtt
sets it on messages it kept for a sleeping session, standard brokers on old ones of strangers), so it is passed on, not acted upon.

What may get lost: Mosquitto keeps 1,000 messages for a subscriber that is slower than the devices and then drops, having
acknowledged them (`max_queued_messages`). A run that can publish faster than we read must wait for us now and then: `wait_quiet`.
"""

from __future__ import annotations

import contextlib
import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import paho.mqtt.client as paho

from kerbstone.errors import BrokerError
from kerbstone.listen import topics
from kerbstone.listen.broker import PATIENCE_S, BrokerAddress

_QOS = 1
_RETRY_S = 1  # longest pause between attempts to come back


@dataclass(frozen=True)
class Arrival:
    """One message. `order` counts all arrivals of the listener from 0."""

    order: int
    device: str
    payload: bytes
    dup: bool  # the broker repeats what it sent to us before
    retained: bool


class MqttListener:
    """Collects the records of all devices under a topic prefix. Every method may be called from any thread.

    `on_arrival` is called for each arrival from the network thread; it must return soon. `session`: name of one that stays at the broker
    from one run to the next; then `on_arrival` alone gets what comes, since it may be the messages of months. `otherwise`: what a person
    can do when no broker answers.
    """

    def __init__(self, address: BrokerAddress, prefix: str = "kerb", on_arrival: Callable[[Arrival], None] | None = None,
                 session: str | None = None, otherwise: str = "start one or leave out --broker"):
        self._address = address
        self._prefix = prefix
        self._filter = topics.up_filter(prefix)
        self._on_arrival = on_arrival
        self._changed = threading.Condition()
        self._arrivals: list[Arrival] = []
        self._counts: Counter[str] = Counter()
        self._listening = False
        self._refusal = ""
        self._otherwise = otherwise
        self._stays = session is not None
        self._client_id = f"kerbstone-{session or secrets.token_hex(6)}"
        self._order = 0
        self._untaken = 0  # commands that the broker has not acknowledged
        self._client = self._new_client(clean=False)

    def _new_client(self, clean: bool) -> paho.Client:
        client = self._address.new_client(self._client_id, clean)
        client.reconnect_delay_set(1, _RETRY_S)
        client.on_connect = self._connected
        client.on_disconnect = self._disconnected
        client.on_subscribe = self._subscribed
        client.on_message = self._message
        client.on_publish = self._published
        return client

    def start(self) -> None:
        """Connects and subscribes; returns when the broker has confirmed it. Raises BrokerError after PATIENCE_S."""
        self._client.connect_async(self._address.host, self._address.port, keepalive=60)
        self._client.loop_start()
        if not self.wait_listening(PATIENCE_S):
            refusal = self._refusal
            self._client.disconnect()
            self._client.loop_stop()
            if refusal:
                raise BrokerError(f"The MQTT broker at {self._address} refuses us ({refusal}): check user, password and rights.")
            raise BrokerError(f"No MQTT broker answers at {self._address}; {self._otherwise}.")

    def wait_listening(self, timeout_s: float) -> bool:
        """True once the broker has confirmed our subscription on the present connection."""
        with self._changed:
            return self._changed.wait_for(lambda: self._listening or bool(self._refusal), timeout_s) and self._listening

    @property
    def listening(self) -> bool:
        return self._listening

    def arrivals(self) -> list[Arrival]:
        """Everything so far, in order."""
        with self._changed:
            return list(self._arrivals)

    def wait_quiet(self, expected: Mapping[str, int], timeout_s: float, settle_s: float = 0.05) -> dict[str, int]:
        """Waits until each device has delivered as many messages as expected and nothing more has come for `settle_s`.

        Messages the broker repeats with DUP do not count. Returns what is missing, by device; empty when all is there.
        """
        end = time.monotonic() + timeout_s
        with self._changed:
            self._changed.wait_for(lambda: not self._missing(expected), timeout_s)
            seen = -1
            while len(self._arrivals) > seen and time.monotonic() < end:
                seen = len(self._arrivals)
                self._changed.wait(settle_s)
            return self._missing(expected)

    def command(self, device: str, payload: bytes, timeout_s: float = PATIENCE_S) -> None:
        """Sends a command; returns when the broker has it. It keeps it until the device wakes. Raises BrokerError when it does not."""
        info = self._publish(device, payload)
        taken = False
        with contextlib.suppress(RuntimeError):  # not connected just now
            info.wait_for_publish(timeout_s)
            taken = info.is_published()
        if not taken:
            raise BrokerError(f"The MQTT broker at {self._address} did not take the command for {device}; look whether it runs.")

    def post(self, device: str, payload: bytes) -> None:
        """Sends a command and does not wait for the broker; without a connection it leaves with the next."""
        self._publish(device, payload)

    @property
    def untaken(self) -> int:
        """How many commands the broker has not acknowledged yet."""
        with self._changed:
            return self._untaken

    def _publish(self, device: str, payload: bytes) -> paho.MQTTMessageInfo:
        with self._changed:
            self._untaken += 1
        return self._client.publish(topics.down(self._prefix, device), payload, _QOS)

    def close(self) -> None:
        """Ends the connection; the session is removed from the broker unless it has a name."""
        self._client.disconnect()
        self._client.loop_stop()
        if not self._stays:
            self._remove()

    def end(self) -> None:
        """Ends the connection and removes the session, though it has a name."""
        self._stays = False
        self.close()

    def _remove(self) -> None:
        # A connection with CleanSession 1 under the same client id is how MQTT 3.1.1 deletes a session.
        last = self._address.new_client(self._client_id, clean=True)
        with contextlib.suppress(OSError):  # the broker is gone, and its session of us with it or not
            last.connect(self._address.host, self._address.port)
            end = time.monotonic() + 1.0
            while not last.is_connected() and time.monotonic() < end:
                last.loop(0.1)
            last.disconnect()

    def __enter__(self) -> MqttListener:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _missing(self, expected: Mapping[str, int]) -> dict[str, int]:
        return {device: count - self._counts[device] for device, count in expected.items() if count > self._counts[device]}

    # -- called from paho's thread ------------------------------------------------------------------------

    def _connected(self, client: paho.Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            with self._changed:
                self._refusal = str(reason)
                self._changed.notify_all()
            return
        # Even when the broker kept the session: one that restarted without its memory may say so and not know the subscription.
        client.subscribe(self._filter, _QOS)

    def _subscribed(self, _client: paho.Client, _data: Any, _mid: int, reasons: Any, _properties: Any) -> None:
        with self._changed:
            if any(reason.is_failure for reason in reasons):
                self._refusal = f"no right to subscribe to {self._filter}"
            else:
                self._listening = True
            self._changed.notify_all()

    def _disconnected(self, _client: paho.Client, _data: Any, _flags: Any, _reason: Any, _properties: Any) -> None:
        with self._changed:
            self._listening = False
            self._changed.notify_all()

    def _message(self, _client: paho.Client, _data: Any, message: paho.MQTTMessage) -> None:
        device = topics.device_of(self._prefix, message.topic)
        if device is None:
            return
        with self._changed:
            arrival = Arrival(self._order, device, bytes(message.payload), bool(message.dup), bool(message.retain))
            self._order += 1
            if not self._stays:
                self._arrivals.append(arrival)
                if not arrival.dup:
                    self._counts[device] += 1
            self._changed.notify_all()
        if self._on_arrival:
            self._on_arrival(arrival)

    def _published(self, _client: paho.Client, _data: Any, _mid: int, _reason: Any, _properties: Any) -> None:
        with self._changed:
            self._untaken -= 1
