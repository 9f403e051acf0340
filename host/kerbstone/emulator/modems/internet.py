"""What lies behind the network: names, and real servers on loopback, reached while the virtual clock stands still."""

from __future__ import annotations

import contextlib
import select
import socket
from collections.abc import Callable
from functools import partial
from typing import Protocol

from aiocoap import Message
from aiocoap.error import UnparsableMessage

from kerbstone.emulator.modems.radio import Radio
from kerbstone.emulator.net import ntp
from kerbstone.emulator.net.mqtt_watch import MqttWatch, Publish
from kerbstone.listen.coap import damaged

PATIENCE_S = 5.0  # real seconds an answer that must come may take
_SILENCE_S = 0.15  # real seconds for protocols whose answers cannot be foreseen
_HEADERS = 28  # IPv4 and UDP; a TCP segment has 40
_NTP_NAME, _NTP_ADDRESS = "pool.ntp.org", "10.1.0.1"
_COAP_PORTS = (5683,)
_MQTT_PORTS = (1883,)
_POST = 2


class Watch(Protocol):
    """Knows which answers are due."""

    def received(self, data: bytes) -> None: ...

    @property
    def expecting(self) -> bool: ...


class CoapWatch:
    """Follows CoAP over UDP just far enough to know whether an answer is due (RFC 7252, sections 3 and 4)."""

    def __init__(self) -> None:
        self._open: set[bytes] = set()  # message ids of CON and tokens of requests not yet answered
        self._posted: set[bytes] = set()

    @staticmethod
    def _parts(data: bytes) -> tuple[int, int, bytes, bytes] | None:
        """Type, code, message id, token."""
        if len(data) < 4 or data[0] >> 6 != 1 or data[0] & 15 > 8:
            return None
        return data[0] >> 4 & 3, data[1], b"m" + data[2:4], b"t" + data[4 : 4 + (data[0] & 15)]

    def sent(self, data: bytes) -> list[Publish]:
        """Takes what the device sent; returns the payload of a POST the server does not know yet."""
        parts = self._parts(data)
        if parts is None:
            return []
        kind, code, mid, token = parts
        try:
            message = Message.decode(data)
        except (UnparsableMessage, ValueError):
            return []  # damaged before it reached the modem: nobody answers it
        if kind == 0:
            self._open.add(mid)
            if 1 <= code < 32:
                self._open.add(token)
        if code != _POST or mid in self._posted or damaged(message):
            return []
        self._posted.add(mid)
        return [Publish("", message.payload, False)]

    def received(self, data: bytes) -> None:
        parts = self._parts(data)
        if parts is None:
            return
        kind, code, mid, token = parts
        if kind >= 2:
            self._open.discard(mid)
        if code >= 64:
            self._open.discard(token)
        elif kind == 3:
            self._open.clear()

    @property
    def expecting(self) -> bool:
        return bool(self._open)


def take(real: socket.socket, watch: Watch | None, first_s: float) -> tuple[list[bytes], bool]:
    """What a server has sent, in its pieces; whether it has closed. Stands still for what `watch` says must still come.

    `first_s`: how long to wait for the first piece when nobody knows whether there will be one.
    """
    pieces: list[bytes] = []
    while True:
        patience = (PATIENCE_S if watch.expecting else 0.0) if watch else (0.0 if pieces else first_s)
        ready, _, _ = select.select([real], [], [], patience)
        if not ready:
            return pieces, False
        try:
            data = real.recv(65536)
        except OSError:
            return pieces, real.type == socket.SOCK_STREAM
        if not data and real.type == socket.SOCK_STREAM:
            return pieces, True
        pieces.append(data)
        if watch:
            watch.received(data)


class Internet:
    """`hosts`: names to real (host, port); anything else does not resolve. `on_post(payload, again)`: a record is on its way to a server,
    for the event log."""

    def __init__(self, hosts: dict[str, tuple[str, int]], on_post: Callable[[bytes, bool], None]):
        self.hosts, self.on_post = hosts, on_post
        self.dead = False  # fault: nothing passes until the modem starts again
        self.trouble = ""  # "": all well; "refused", "half_open" or "deaf", as for the sockets of a Wi-Fi node

    def resolve(self, name: str) -> str | None:
        """The address of a name, or of an address itself; None: no such name."""
        if name == _NTP_NAME:
            return _NTP_ADDRESS
        if name in self.hosts:
            return f"10.1.{sorted(self.hosts).index(name) >> 8}.{(sorted(self.hosts).index(name) & 255) + 10}"
        parts = name.split(".")
        return name if len(parts) == 4 and all(p.isdigit() and int(p) < 256 for p in parts) else None

    def real(self, address: str) -> tuple[str, int] | None:
        """The real server behind an address of the emulated network; 127.0.0.1 is not routed."""
        return next((target for name, target in self.hosts.items() if self.resolve(name) == address), None)


class Socket:
    """One socket inside a modem. `on_data(bytes)` for each piece, `on_close()` when the other side ends it."""

    def __init__(self, radio: Radio, internet: Internet, datagram: bool, on_data: Callable[[bytes], None], on_close: Callable[[], None]):
        self.radio, self.internet, self.datagram = radio, internet, datagram
        self.on_data, self.on_close = on_data, on_close
        self.address, self.port = "", 0
        self.open = False
        self.dead = False  # fault: the network forgot it and nobody said so
        self._real: socket.socket | None = None
        self._coap: CoapWatch | None = None
        self._elsewhere = CoapWatch()  # of datagrams to other ports: the servers of a run answer at any, one that noise has made too
        self._mqtt: MqttWatch | None = None

    def connect(self, address: str, port: int, done: Callable[[bool], None]) -> None:
        """`done(ok)`: at once for UDP, after the handshake for TCP."""
        self.address, self.port = address, port
        if self.datagram:
            self._coap = CoapWatch() if port in _COAP_PORTS else None
            self.open = True
            done(True)
        else:
            self.radio.send(3 * 40, lambda ok: self._dial(done) if ok else done(False))

    def _dial(self, done: Callable[[bool], None]) -> None:
        target = self.internet.real(self.address)
        ok = False
        if target and self.internet.trouble != "refused" and not self.internet.dead:
            with contextlib.suppress(OSError):
                self._real = socket.create_connection(target, timeout=PATIENCE_S)
                self._real.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._mqtt = MqttWatch() if self.port in _MQTT_PORTS else None
                ok = self.open = True
        self._after_latency(lambda: done(ok))

    def _after_latency(self, fn: Callable[[], None]) -> None:
        self.radio.kernel.after(self.radio.cell.latency_ms * 1000, fn)

    def send(self, data: bytes, done: Callable[[bool], None], address: str = "", port: int = 0) -> None:
        """`done(ok)`: the data have left the modem, or could not. Answers come by `on_data`."""
        to = (address or self.address, port or self.port)
        self.radio.send(len(data) + (_HEADERS if self.datagram else 40), lambda ok: self._left(data, to, done, ok))

    def _left(self, data: bytes, to: tuple[str, int], done: Callable[[bool], None], ok: bool) -> None:
        if ok and self.open and not self.dead and not self.internet.dead and self.radio.rng.random() >= self.radio.cell.loss:
            self._pass_on(data, to)
        done(ok and self.open)

    def _pass_on(self, data: bytes, to: tuple[str, int]) -> None:
        radio = self.radio
        if to == (_NTP_ADDRESS, 123):
            reply = ntp.answer(data, radio.cell.utc_us + radio.cell.latency_ms * 500)
            if reply:
                self._after_latency(lambda: self._arrive(reply))
            return
        if self.datagram and self._real is None:
            target = self.internet.real(to[0])
            if target is None:
                return
            self._real = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self._real.connect(target)
        if self._real is None or self.internet.trouble == "half_open" or (self.datagram and self.internet.trouble == "refused"):
            return
        watch: CoapWatch | MqttWatch | None = self._coap or self._mqtt or (self._elsewhere if self.datagram else None)
        try:
            self._real.sendall(data)
        except OSError:
            self._closed()
            return
        for publish in watch.sent(data) if watch else ():
            self.internet.on_post(publish.payload, publish.dup)
        self.poll(_SILENCE_S)

    def poll(self, first_s: float = 0.0) -> None:
        """Takes what the server has sent by now; it arrives after its way back."""
        if self._real is None:
            return
        pieces, closed = take(self._real, self._coap or self._mqtt, first_s)
        if self.internet.trouble == "deaf":
            return
        for piece in pieces:
            self._after_latency(partial(self._arrive, piece))
        if closed:
            self._after_latency(self._closed)

    def _arrive(self, data: bytes) -> None:
        self.radio.receive(len(data), lambda: self.on_data(data) if self.open else None)

    def _closed(self) -> None:
        if self.open:
            self.close()
            self.on_close()

    def close(self) -> None:
        """Ends it without a word to the modem."""
        self.open = False
        if self._real:
            self._real.close()
            self._real = None
