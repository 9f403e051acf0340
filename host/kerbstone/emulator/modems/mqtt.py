"""The MQTT client inside a modem: talks to a real broker while the virtual clock stands still."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import paho.mqtt.client as paho

from kerbstone.emulator.kernel import SECOND_US, Event
from kerbstone.emulator.modems.internet import PATIENCE_S, Internet
from kerbstone.emulator.modems.radio import Radio

_SEGMENT = 40  # headers of TCP and IPv4
NO_NETWORK = -1
_TURN_S = 0.01


@dataclass
class Login:
    """What CONNECT carries."""

    client_id: str = ""
    user: str = ""
    password: str = field(default="", repr=False)
    keepalive_s: int = 60
    clean: bool = True
    v311: bool = True
    will: tuple[str, bytes, int, bool] | None = None  # topic, payload, QoS, retain


class MqttClient:
    """`on_message(topic, payload)`; `on_lost()` when the connection ends by itself."""

    def __init__(self, radio: Radio, internet: Internet, on_message: Callable[[str, bytes], None], on_lost: Callable[[], None],
                 pings: bool = True):
        self.radio, self.internet = radio, internet
        self.on_message, self.on_lost = on_message, on_lost
        self.pings = pings
        self.connected = False
        self.dead = False  # fault: the network forgot the connection, the modem does not know
        self._client: paho.Client | None = None
        self._got: dict[str, Any] = {}
        self._keepalive_s = 0
        self._ping: Event | None = None

    # -- each operation ------------------------------------------------------------------------------------

    def reach(self, address: str, port: int, done: Callable[[bool], None]) -> None:
        """Whether a TCP connection can be opened; for modems that open first and log in later."""
        self.radio.send(3 * _SEGMENT, lambda ok: self._later(lambda: done(ok and self._target(address) is not None)))

    def _target(self, address: str) -> tuple[str, int] | None:
        return None if self.internet.trouble == "refused" or self.internet.dead else self.internet.real(address)

    def login(self, address: str, port: int, login: Login, done: Callable[[int], None]) -> None:
        """`done(code)`: 0 connected, 1-5 the return code of CONNACK, NO_NETWORK."""
        size = _SEGMENT + 16 + len(login.client_id) + len(login.user) + len(login.password)
        self.radio.send(size, lambda ok: self._answered(self._connect(address, login) if ok else NO_NETWORK, done))

    def _connect(self, address: str, login: Login) -> int:
        self.drop()
        target = self._target(address)
        if target is None:
            return NO_NETWORK
        version = paho.MQTTv311 if login.v311 else paho.MQTTv31
        client = paho.Client(paho.CallbackAPIVersion.VERSION2, login.client_id, clean_session=login.clean or not login.client_id,
                             protocol=version)
        client.connect_timeout = PATIENCE_S
        if login.user:
            client.username_pw_set(login.user, login.password or None)
        if login.will:
            client.will_set(*login.will)
        self._got = {}
        client.on_connect = lambda _c, _d, _f, reason, _p: self._got.update(connack=reason)
        client.on_publish = lambda _c, _d, mid, _r, _p: self._got.update(puback=mid)
        client.on_subscribe = lambda _c, _d, _m, reasons, _p: self._got.update(suback=reasons)
        client.on_unsubscribe = lambda _c, _d, _m, _r, _p: self._got.update(unsuback=True)
        client.on_message = lambda _c, _d, message: self._message(message)
        client.on_disconnect = lambda _c, _d, _f, _r, _p: self._got.update(gone=True)
        try:
            client.connect(*target, keepalive=login.keepalive_s)
        except OSError:
            return NO_NETWORK
        self._client = client
        if self.internet.trouble in ("half_open", "deaf") or not self._turn("connack"):
            self.drop()
            return NO_NETWORK
        reason = self._got["connack"]
        if reason.is_failure:
            self.drop()
            return {"Unsupported protocol version": 1, "Client identifier not valid": 2, "Server unavailable": 3,
                    "Bad user name or password": 4, "Not authorized": 5}.get(str(reason), 3)  # fmt: skip
        self.connected, self._keepalive_s, self.dead = True, login.keepalive_s, False
        self._arm()
        return 0

    def publish(self, topic: str, payload: bytes, qos: int, retain: bool, done: Callable[[bool], None]) -> None:
        size = _SEGMENT + 4 + len(topic) + len(payload)
        self._say(size, qos > 0, done, lambda: self._publish(topic, payload, qos, retain))

    def _publish(self, topic: str, payload: bytes, qos: int, retain: bool) -> bool:
        assert self._client
        self.internet.on_post(payload, False)
        self._got.pop("puback", None)
        self._client.publish(topic, payload, qos, retain)
        return self._turn("puback")

    def subscribe(self, topic: str, qos: int, done: Callable[[int], None]) -> None:
        """`done(granted)`: QoS, 128 when the broker refuses, NO_NETWORK."""
        def answered(ok: bool) -> None:
            done(self._granted() if ok else NO_NETWORK)

        self._say(_SEGMENT + 6 + len(topic), True, answered, lambda: self._ask("suback", topic, qos))

    def _granted(self) -> int:
        reasons = self._got.get("suback") or [None]
        return 128 if reasons[0] is None or reasons[0].is_failure else int(reasons[0].value)

    def unsubscribe(self, topic: str, done: Callable[[bool], None]) -> None:
        self._say(_SEGMENT + 6 + len(topic), True, done, lambda: self._ask("unsuback", topic, 0))

    def _ask(self, answer: str, topic: str, qos: int) -> bool:
        assert self._client
        self._got.pop(answer, None)
        if answer == "suback":
            self._client.subscribe(topic, qos)
        else:
            self._client.unsubscribe(topic)
        return self._turn(answer)

    def disconnect(self, done: Callable[[bool], None]) -> None:
        def leave(ok: bool) -> None:
            if self._client and ok:
                self._client.disconnect()
                self._turn("gone")
            self.drop()
            done(ok)

        self.radio.send(_SEGMENT + 2, leave)

    def drop(self) -> None:
        """Vanishes without a goodbye."""
        client, self._client = self._client, None
        self.connected = False
        if self._ping:
            self._ping.cancel()
            self._ping = None
        if client:
            client.on_disconnect = None
            with contextlib.suppress(OSError):
                sock = client.socket()
                if sock:
                    sock.close()

    # -- how each is done ----------------------------------------------------------------------------------

    def _say(self, size: int, waits: bool, done: Callable[[bool], None], act: Callable[[], bool]) -> None:
        def left(ok: bool) -> None:
            if not ok or not self.connected or self._client is None:
                done(False)
                return
            if self.dead or self.internet.dead:
                self._later(lambda: done(False))
                return
            arrived = act()
            self._arm()
            if waits:
                self._answered(arrived and self.internet.trouble != "deaf", done)
            else:
                done(arrived)

        self.radio.send(size, left)

    def _answered(self, value: Any, done: Callable[[Any], None]) -> None:
        """The answer comes back over the air; one that is lost there comes again by TCP."""
        self._later(lambda: self.radio.receive(_SEGMENT + 4, lambda: done(value)) if self.radio.registered else done(value))

    def _later(self, fn: Callable[[], None]) -> None:
        self.radio.kernel.after(self.radio.cell.latency_ms * 1000, fn)

    def _turn(self, wanted: str) -> bool:
        """Lets the client work until `wanted` has come; False when it has not in PATIENCE_S."""
        end = time.monotonic() + PATIENCE_S
        while wanted not in self._got and self._client:
            if time.monotonic() > end or self._client.loop(_TURN_S) != paho.MQTT_ERR_SUCCESS:
                break
        if "gone" in self._got and wanted != "gone":
            self._lost()
        return wanted in self._got

    def _message(self, message: paho.MQTTMessage) -> None:
        topic, payload = message.topic, bytes(message.payload)
        self._later(lambda: self.radio.receive(_SEGMENT + len(topic) + len(payload), lambda: self.on_message(topic, payload)))

    def _arm(self) -> None:
        if self._ping:
            self._ping.cancel()
            self._ping = None
        if self.pings and self._keepalive_s and self.connected:
            self._ping = self.radio.kernel.after(self._keepalive_s * SECOND_US, self._keep_alive)

    def _keep_alive(self) -> None:
        self._ping = None
        self.radio.send(_SEGMENT + 2, lambda ok: self._pinged() if ok else self._lost())

    def _pinged(self) -> None:
        if not self.connected or self._client is None:
            return
        self.poll()
        if self.dead or self.internet.dead:
            self._lost()
        else:
            self._arm()

    def poll(self) -> None:
        """Takes what the broker has sent by now."""
        if self._client:
            for _ in range(3):
                self._client.loop(0)
            if "gone" in self._got:
                self._lost()

    def _lost(self) -> None:
        if self.connected:
            self.drop()
            self._later(self.on_lost)
