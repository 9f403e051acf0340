"""Certificates for tests: an authority, servers and devices, made when a test needs them and valid nowhere else."""

from __future__ import annotations

import datetime as dt
import ipaddress
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

# Valid for the host's clock and for the virtual one, whichever year it shows.
FROM, TO = dt.datetime(2020, 1, 1, tzinfo=dt.UTC), dt.datetime(2090, 1, 1, tzinfo=dt.UTC)


@dataclass(frozen=True)
class Pair:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey = field(repr=False)

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.DER)

    @property
    def key_der(self) -> bytes:
        return self.key.private_bytes(
            serialization.Encoding.DER, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
        )

    def write(self, folder: Path, name: str) -> tuple[Path, Path]:
        """PEM files as a broker reads them: (certificate, key)."""
        certificate, key = folder / f"{name}.crt", folder / f"{name}.key"
        certificate.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))
        key.write_bytes(
            self.key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
            )
        )
        key.chmod(0o600)
        return certificate, key


def _name(words: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, words)])


class Authority:
    def __init__(self, words: str = "Kerbstone test authority"):
        self._name = _name(words)
        key = ec.generate_private_key(ec.SECP256R1())
        builder = self._builder(self._name, key, FROM, TO).add_extension(x509.BasicConstraints(True, 0), True)
        self.own = Pair(builder.sign(key, hashes.SHA256()), key)

    def _builder(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, begins: dt.datetime, ends: dt.datetime
    ) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder().subject_name(subject).issuer_name(self._name).public_key(key.public_key())
            .serial_number(x509.random_serial_number()).not_valid_before(begins).not_valid_after(ends)
        )  # fmt: skip

    def issue(self, name: str, server: bool = True, begins: dt.datetime = FROM, ends: dt.datetime = TO) -> Pair:
        """A certificate for a server (`name`: its host name or address) or for a device."""
        key = ec.generate_private_key(ec.SECP256R1())
        usage = ExtendedKeyUsageOID.SERVER_AUTH if server else ExtendedKeyUsageOID.CLIENT_AUTH
        builder = self._builder(_name(name), key, begins, ends).add_extension(x509.BasicConstraints(False, None), True)
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), False)
        if server:
            digits = name.replace(".", "").isdigit()
            other: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(name)) if digits else x509.DNSName(name)
            builder = builder.add_extension(x509.SubjectAlternativeName([other]), False)
        return Pair(builder.sign(self.own.key, hashes.SHA256()), key)
