"""TLS in front of any broker of a run, for the nodes that want it, with certificates made for the run and worthless after it.

RSA, because its signatures are of one length: with ECDSA a handshake would take a byte more or less, and a run would not repeat.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import socket
import ssl
import tempfile
import threading
from collections.abc import Callable
from functools import cache
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from kerbstone.emulator.net.mqtt_watch import packet_length

# A run may show any year; the dates are also looked at by the clock of this machine.
_FROM, _TO = dt.datetime(2020, 1, 1, tzinfo=dt.UTC), dt.datetime(2090, 1, 1, tzinfo=dt.UTC)
_CHUNK = 65536


class RunAuthority:
    """An authority, and what the nodes of a run hold: `identity` are the values for /identity.json."""

    def __init__(self) -> None:
        self._key = _new_key()
        self._issued = 0
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Kerbstone emulated run")])
        own = self._sign(self._name, self._key, True, "")
        certificate, key = self.issue("device")
        encoding = serialization.Encoding.DER
        self.identity = {
            "mqtt_ca": own.public_bytes(encoding).hex(), "mqtt_cert": certificate.public_bytes(encoding).hex(),
            "mqtt_key": key.private_bytes(encoding, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()).hex(),
        }  # fmt: skip
        self.own = own

    def issue(self, name: str) -> tuple[x509.Certificate, rsa.RSAPrivateKey]:
        """A certificate for a host or a device, with its key."""
        key = _new_key()
        return self._sign(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]), key, False, name), key

    def _sign(self, subject: x509.Name, key: rsa.RSAPrivateKey, authority: bool, host: str) -> x509.Certificate:
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(self._name).public_key(key.public_key())
        self._issued += 1
        builder = builder.serial_number(self._issued).not_valid_before(_FROM).not_valid_after(_TO)
        builder = builder.add_extension(x509.BasicConstraints(authority, None), True)
        if host:
            builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), False)
        return builder.sign(self._key, hashes.SHA256())


def _new_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


@cache
def run_authority() -> RunAuthority:
    """One for all runs of a process: making keys takes a while."""
    return RunAuthority()


class TlsFront:
    """Listens on a loopback port as the server `name` and hands the clear bytes to `target`. A client that has a certificate shows it."""

    def __init__(self, authority: RunAuthority, name: str, target: tuple[str, int]):
        self._target = target
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate, key = authority.issue(name)
        with tempfile.TemporaryDirectory(prefix="kerbstone-") as folder:
            pem = Path(folder) / "server.pem"
            encoding = serialization.Encoding.PEM
            plain = key.private_bytes(encoding, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption())
            pem.touch(0o600)
            pem.write_bytes(plain + certificate.public_bytes(encoding))
            self._context.load_cert_chain(pem)
        self._context.load_verify_locations(cadata=authority.own.public_bytes(serialization.Encoding.DER))
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
