"""Certificates made for a run or a test and worthless after it.

RSA, because its signatures are of one length: with ECDSA a handshake would take a byte more or less, and a run would not repeat.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
from dataclasses import dataclass, field

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

# A run may show any year; the dates are also looked at by the clock of this machine.
FROM, TO = dt.datetime(2020, 1, 1, tzinfo=dt.UTC), dt.datetime(2090, 1, 1, tzinfo=dt.UTC)


@dataclass(frozen=True)
class Pair:
    """A certificate and its key, as bytes in DER (what a device holds) or PEM (what a broker reads)."""

    certificate: x509.Certificate
    _key: rsa.RSAPrivateKey = field(repr=False)

    def shown(self, encoding: Encoding = Encoding.DER) -> bytes:
        return self.certificate.public_bytes(encoding)

    def secret(self, encoding: Encoding = Encoding.DER) -> bytes:
        return self._key.private_bytes(encoding, PrivateFormat.TraditionalOpenSSL, NoEncryption())


class Authority:
    """`own`: its certificate, which devices know."""

    def __init__(self, words: str):
        self._key = _new_key()
        self._name = _name(words)
        self._issued = 0
        self.own = Pair(self._sign(self._name, self._key, (FROM, TO), True, None), self._key)

    def issue(self, name: str, begins: dt.datetime = FROM, ends: dt.datetime = TO) -> Pair:
        """For a server of this host name or IPv4 address, or a device."""
        key = _new_key()
        other: x509.GeneralName = x509.DNSName(name)
        if name.replace(".", "").isdigit():
            other = x509.IPAddress(ipaddress.ip_address(name))
        return Pair(self._sign(_name(name), key, (begins, ends), False, other), key)

    def _sign(
        self, subject: x509.Name, key: rsa.RSAPrivateKey, dates: tuple[dt.datetime, dt.datetime], authority: bool,
        other: x509.GeneralName | None,
    ) -> x509.Certificate:  # fmt: skip
        self._issued += 1
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(self._name).public_key(key.public_key())
        builder = builder.serial_number(self._issued).not_valid_before(dates[0]).not_valid_after(dates[1])
        builder = builder.add_extension(x509.BasicConstraints(authority, None), True)
        if other:
            builder = builder.add_extension(x509.SubjectAlternativeName([other]), False)
        return builder.sign(self._key, hashes.SHA256())


def _name(words: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, words)])


def _new_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)
