"""Sockets of a device. TCP reaches real servers on the host; UDP reaches services of the emulated network.

The virtual clock stands still while real bytes travel; `LATENCY_US` is charged for each answer afterwards.
"""

from __future__ import annotations

import contextlib
import fcntl
import select
import socket
import sys
import termios
from dataclasses import dataclass, field
from struct import unpack

from kerbstone.emulator.board.device import Answer, Device
from kerbstone.emulator.engine import ops
from kerbstone.emulator.net import ntp
from kerbstone.emulator.net.mqtt_watch import MqttWatch
from kerbstone.emulator.net.wifi import Wifi

LATENCY_US = 40_000  # answer of a server on the internet: a round trip in one country
PATIENCE_S = 5.0  # real seconds an answer that must come may take
_NEXT_S = 0.03  # real seconds a broker on loopback may take to send the next message of a queue
_SILENCE_S = 0.25  # real seconds for protocols whose answers cannot be foreseen

# What a board computes to agree on TLS (ECDHE on P-256, one signature made and two checked), us: unconfirmed.
HANDSHAKE_US = {"esp32": 1_200_000, "rp2": 2_500_000}
_RECORD = 29  # bytes a record of AES-GCM has beside what it carries (RFC 5288)

TROUBLES = (
    "refused",  # nobody listens
    "half_open",  # the handshake succeeds, nothing else passes
    "deaf",  # the servers get everything, their answers do not come back
)

_EAGAIN, _ECONNREFUSED, _ENOTCONN, _ETIMEDOUT, _ECONNRESET, _EHOSTUNREACH = 11, 111, 107, 110, 104, 113


@dataclass
class Endpoint:
    """One socket of the firmware."""

    datagram: bool
    real: socket.socket | None = None
    watch: MqttWatch | None = None
    buffer: bytearray = field(default_factory=bytearray)
    late: list[tuple[int, bytes]] = field(default_factory=list)  # (virtual time at which it arrives, bytes)
    datagrams: list[bytes] = field(default_factory=list)
    peer: tuple[str, int] = ("0.0.0.0", 0)
    outstanding: bool = False
    tls: bool = False
    shaking: list[int] | None = None  # bytes sent and received while TLS is agreed on
    closed: bool = False


class Sockets:
    """`hosts` maps the names the firmware knows to real (host, port) pairs; anything else does not resolve."""

    def __init__(self, device: Device, wifi: Wifi, hosts: dict[str, tuple[str, int]], start_utc: int):
        self.device = device
        self.wifi = wifi
        self._start_us = start_utc * 1_000_000
        self._names = {name: f"10.1.{i >> 8}.{i & 255}" for i, name in enumerate(sorted(hosts), 10)}
        self._real = {self._names[name]: target for name, target in hosts.items()}
        self._names["pool.ntp.org"] = "10.1.0.1"
        self._open: dict[int, Endpoint] = {}
        self._next = 0
        self.trouble = ""  # what is wrong with the way to the servers: see TROUBLES
        self.slow_us = 0  # by which answers of TCP servers are late
        self.clock_step_us = 0  # by which the time servers are wrong
        device.ops[ops.SOCK_SEND] = self._send
        device.ops[ops.SOCK_RECV] = self._receive
        device.calls.update(
            getaddrinfo=self._resolve, sock_open=self._new, sock_connect=self._connect, sock_close=self._close,
            tls_begin=self._tls_begin, tls_done=self._tls_done, tls_sent=self._tls_sent, tls_got=self._tls_got,
            sock_to=self._to, sock_peer=lambda i: list(self._open[i].peer), sock_poll=self._poll,
        )
        device.on_stop.append(self.drop_all)

    def drop_all(self) -> None:
        """The device lost its RAM: its connections vanish without a goodbye."""
        for endpoint in self._open.values():
            if endpoint.real:
                endpoint.real.close()
        self._open.clear()

    def break_connections(self) -> None:
        """Every TCP connection ends as by a reset of the server."""
        for endpoint in self._open.values():
            if endpoint.real:
                endpoint.real.close()
                endpoint.real, endpoint.closed = None, True
                endpoint.buffer.clear()

    def unread(self) -> int:
        """Bytes that servers have sent and the firmware has not asked for yet; -1 when no connection is open."""
        reals = [endpoint.real for endpoint in self._open.values() if endpoint.real and not endpoint.closed]
        waiting = bytearray(4)
        total = 0
        for real in reals:
            fcntl.ioctl(real, termios.FIONREAD, waiting)
            total += int.from_bytes(waiting, sys.byteorder)
        return total if reals else -1

    def _resolve(self, host: str) -> Answer | str:
        if not self.wifi.up:
            return (_EHOSTUNREACH, 0, b"", 0)
        if host in self._names:
            return self._names[host]
        if host.replace(".", "").isdigit():
            return host
        return (2, 0, b"", LATENCY_US)

    def _new(self, datagram: bool) -> int:
        self._next = self._next % 250 + 1
        self._open[self._next] = Endpoint(datagram)
        return self._next

    def _connect(self, i: int, host: str, port: int, timeout_ms: int) -> Answer | None:
        endpoint = self._open[i]
        if not self.wifi.up:
            return (_EHOSTUNREACH, 0, b"", 0)
        if endpoint.datagram:
            endpoint.peer = (host, port)
            return None
        target = self._real.get(host)
        if target is None or self.trouble == "refused":
            return (_ECONNREFUSED, 0, b"", LATENCY_US)
        try:
            endpoint.real = socket.create_connection(target, timeout=PATIENCE_S)
            endpoint.real.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError:
            return (_ECONNREFUSED, 0, b"", LATENCY_US)
        endpoint.peer = (host, port)
        endpoint.watch = MqttWatch() if port in (1883,) else None
        self.wifi.traffic(60, True)
        return (0, 0, b"", LATENCY_US)

    # -- TLS: the interpreter encrypts, and tells what it encrypted ----------------------------------------

    def _tls_begin(self, i: int) -> None:
        endpoint = self._open[i]
        endpoint.tls, endpoint.shaking, endpoint.watch = True, [0, 0], None

    def _tls_done(self, i: int) -> Answer:
        endpoint = self._open[i]
        sent, received = endpoint.shaking or (0, 0)
        endpoint.shaking, endpoint.watch = None, MqttWatch()
        # Charged together: how the network cut them differs from run to run.
        self.wifi.traffic(sent, True)
        self.wifi.traffic(received, False)
        return (0, 0, b"", HANDSHAKE_US[self.device.spec.limits.port])

    def _tls_sent(self, i: int, data: str) -> None:
        watch = self._open[i].watch
        if watch:
            self._note(watch, bytes.fromhex(data))

    def _tls_got(self, i: int, data: str) -> None:
        watch = self._open[i].watch
        if watch:
            clear = bytes.fromhex(data)
            # Charged as they are read, not as the network happened to cut them.
            self.wifi.traffic(len(clear) + _RECORD + 40, False)
            watch.received(clear)

    def _note(self, watch: MqttWatch, data: bytes) -> None:
        """Writes down what the device publishes: records, and apart from them its signs of life."""
        for publish in watch.sent(data):
            if publish.topic.endswith("/status"):
                self.device.kernel.log.write(self.device.spec.name, "presence", word=publish.payload.decode("utf-8", "replace"))
            else:
                self.device.kernel.log.write(self.device.spec.name, "publish", payload=publish.payload.hex(), dup=publish.dup)

    def _to(self, i: int, host: str, port: int) -> None:
        self._open[i].peer = (host, port)

    def _close(self, i: int) -> None:
        endpoint = self._open.pop(i, None)
        if endpoint and endpoint.real:
            endpoint.real.close()

    def _send(self, i: int, _b: int, data: bytes) -> Answer:
        endpoint = self._open.get(i)
        if endpoint is None or not self.wifi.up:
            return (_ENOTCONN, 0, b"", 0)
        if endpoint.shaking:
            endpoint.shaking[0] += len(data)
        else:
            self.wifi.traffic(len(data) + 40, True)
        if endpoint.datagram:
            if endpoint.peer == ("10.1.0.1", 123):
                # Half the round trip out: the server stamps then.
                reply = ntp.answer(data, self._start_us + self.device.kernel.now + LATENCY_US // 2 + self.clock_step_us)
                if reply:
                    endpoint.datagrams.append(reply)
            return (0, len(data), b"", 0)
        if endpoint.real is None:
            return (_ECONNRESET if endpoint.closed else _ENOTCONN, 0, b"", 0)
        if self.trouble == "half_open":
            return (0, len(data), b"", 0)
        try:
            endpoint.real.sendall(data)
        except OSError:
            return (_ECONNRESET, 0, b"", 0)
        if endpoint.watch and not endpoint.tls:
            self._note(endpoint.watch, data)
        endpoint.outstanding = True
        return (0, len(data), b"", 0)

    def _receive(self, i: int, count: int, data: bytes) -> Answer:
        endpoint = self._open.get(i)
        (timeout_ms,) = unpack("<i", data)
        if endpoint is None:
            return (_ENOTCONN, 0, b"", 0)
        if endpoint.datagram:
            if endpoint.datagrams:
                packet = endpoint.datagrams.pop(0)[:count]
                self.wifi.traffic(len(packet), False)
                return (0, len(packet), packet, LATENCY_US)
            return self._nothing(timeout_ms)
        latency = 0
        # mbedTLS asks for what a record still lacks. However the network cuts it, that is one read, and one way back.
        want = count if endpoint.tls else 1
        if len(endpoint.buffer) < want:
            charged = endpoint.outstanding or not endpoint.tls
            latency = LATENCY_US if self._fill(endpoint, want) and charged else 0
        if endpoint.buffer:
            got = bytes(endpoint.buffer[:count])
            del endpoint.buffer[:count]
            return (0, len(got), got, latency)
        if endpoint.closed:
            return (0, 0, b"", 0)
        return self._nothing(timeout_ms)

    def _nothing(self, timeout_ms: int) -> Answer:
        if timeout_ms == 0:
            return (_EAGAIN, 0, b"", 0)
        # A firmware that waits for ever would wait for ever: an hour, then its watchdog is to blame.
        return (_ETIMEDOUT, 0, b"", (timeout_ms if timeout_ms > 0 else 3_600_000) * 1000)

    def _fill(self, endpoint: Endpoint, want: int = 1) -> bool:
        """Takes what the server sent; stands still for what it must still send. True when the firmware may read something."""
        got = self._take(endpoint, want)
        if not endpoint.late:
            return got
        now = self.device.kernel.now
        while endpoint.late and endpoint.late[0][0] <= now:
            endpoint.buffer += endpoint.late.pop(0)[1]
            got = True
        return got and bool(endpoint.buffer)

    def _take(self, endpoint: Endpoint, want: int) -> bool:
        if endpoint.real is None or endpoint.closed or self.trouble == "half_open":
            return False
        watch = endpoint.watch
        got_any = False
        while True:
            ready, _, _ = select.select([endpoint.real], [], [], _patience_s(endpoint, got_any, want))
            if not ready:
                if self.trouble == "deaf":
                    endpoint.buffer.clear()
                    return False
                return got_any
            data = b""
            with contextlib.suppress(OSError):
                data = endpoint.real.recv(65536)
            if not data:
                endpoint.closed = True
                return got_any
            got_any = True
            endpoint.outstanding = False
            if self.slow_us:
                endpoint.late.append((self.device.kernel.now + self.slow_us, data))
            else:
                endpoint.buffer += data
            if endpoint.shaking:
                endpoint.shaking[1] += len(data)
            elif not endpoint.tls:
                self.wifi.traffic(len(data) + 40, False)
            if watch and not endpoint.tls:
                watch.received(data)

    def _poll(self, i: int, flags: int) -> int:
        endpoint = self._open.get(i)
        if endpoint is None:
            return flags & 1
        if flags & 1 and not endpoint.datagram and not endpoint.buffer:
            self._fill(endpoint)
        readable = bool(endpoint.buffer or endpoint.datagrams or endpoint.closed)
        return (flags & 4) | (1 if flags & 1 and readable else 0)


def _patience_s(endpoint: Endpoint, got_any: bool, want: int) -> float:
    """Real seconds to stand still for what the server must still send."""
    watch = endpoint.watch
    if endpoint.tls:
        there = len(endpoint.buffer)
        if there or endpoint.late:
            return PATIENCE_S if there and there < want else 0.0  # a record is on its way
        return PATIENCE_S if endpoint.shaking or (watch and watch.expecting) else 0.0
    if watch:
        acked, watch.acked = watch.acked, False
        return PATIENCE_S if watch.expecting else _NEXT_S if acked and not endpoint.buffer else 0.0
    return _SILENCE_S if endpoint.outstanding and not got_any else 0.0
