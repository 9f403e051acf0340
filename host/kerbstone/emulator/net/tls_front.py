"""TLS in front of any broker of a run, for the nodes that want it."""

from __future__ import annotations

import contextlib
import socket
import ssl
import tempfile
import threading
from collections.abc import Callable
from functools import cache
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding

from kerbstone.emulator.net.certificates import Authority
from kerbstone.emulator.net.mqtt_watch import packet_length

_CHUNK = 65536


@cache
def run_authority() -> Authority:
    """One for all runs of a process: making keys takes a while."""
    return Authority("Kerbstone emulated run")


@cache
def run_identity() -> dict[str, str]:
    """What the nodes of a run hold: values for /identity.json."""
    authority = run_authority()
    device = authority.issue("device")
    return {"mqtt_ca": authority.own.shown().hex(), "mqtt_cert": device.shown().hex(), "mqtt_key": device.secret().hex()}


class TlsFront:
    """Listens on a loopback port as the server `name` and hands the clear bytes to `target`. A client that has a certificate shows it."""

    def __init__(self, name: str, target: tuple[str, int]):
        self._target = target
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        pair = run_authority().issue(name)
        with tempfile.TemporaryDirectory(prefix="kerbstone-") as folder:
            pem = Path(folder) / "server.pem"
            pem.touch(0o600)
            pem.write_bytes(pair.secret(Encoding.PEM) + pair.shown(Encoding.PEM))
            self._context.load_cert_chain(pem)
        self._context.load_verify_locations(cadata=run_authority().own.shown())
        self._context.verify_mode = ssl.CERT_OPTIONAL
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address: tuple[str, int] = self._listener.getsockname()[:2]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with (
            contextlib.suppress(OSError), client, self._context.wrap_socket(client, server_side=True) as stream,
            socket.create_connection(self._target) as broker,
        ):
            broker.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            back = threading.Thread(target=_pump, args=(broker, stream, _packets), daemon=True)
            back.start()
            _pump(stream, broker, lambda data: [data])
            back.join(5)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def __enter__(self) -> TlsFront:
        return self

    def __exit__(self, *args: object) -> None:
        self.close()


def _packets(data: bytes) -> list[bytes]:
    """The MQTT packets in what a broker sent at once; the last may be cut."""
    found, at = [], 0
    while at < len(data):
        size = packet_length(data, at) or len(data)
        found.append(data[at : at + size])
        at += size
    return found


def _pump(source: socket.socket, sink: socket.socket, cut: Callable[[bytes], list[bytes]]) -> None:
    """Hands bytes on until the source ends, and then ends the sink's reading too.

    A packet of the broker becomes a record of its own, whether or not it came together with the next: a run must repeat.
    """
    with contextlib.suppress(OSError):
        while data := source.recv(_CHUNK):
            for piece in cut(data):
                sink.sendall(piece)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_RDWR)
