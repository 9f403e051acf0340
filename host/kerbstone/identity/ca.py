"""Device certificates: ECDSA P-256, X.509 (RFC 5280), shaped as IEEE 802.1AR asks (serialNumber in the subject, no end of validity)."""

from __future__ import annotations

from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from sqlalchemy import Connection, insert, select

from kerbstone.books import wrap
from kerbstone.books.books import Books, Change
from kerbstone.books.tables import keys
from kerbstone.errors import IdentityError

_CA = "ca"
_FOREVER = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)  # RFC 5280, 4.1.2.5: no well-defined end
_CA_YEARS = 30


def create(change: Change, books: Books, name: str) -> str:
    """A CA of one's own; its key is sealed to the books. Returns the certificate (PEM)."""
    if change.connection.execute(select(keys.c.name).where(keys.c.name == _CA)).first():
        raise IdentityError("The books have a CA already: `kerbstone identity ca` shows its certificate.")
    key = ec.generate_private_key(ec.SECP256R1())
    who = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    start = datetime.now(UTC).replace(microsecond=0)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(who).issuer_name(who).public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start).not_valid_after(start.replace(year=start.year + _CA_YEARS, day=min(start.day, 28)))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(
            x509.KeyUsage(False, False, False, False, False, key_cert_sign=True, crl_sign=True, encipher_only=False, decipher_only=False),
            critical=True,
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, SHA256())
    )
    public = certificate.public_bytes(serialization.Encoding.DER)
    private = wrap.seal(books.public, key_bytes(key), _CA.encode())
    change.connection.execute(insert(keys), {"name": _CA, "public": public, "private": private})
    change.note("ca", name, certificate=certificate.fingerprint(SHA256()).hex())
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def key_bytes(key: ec.EllipticCurvePrivateKey) -> bytes:
    """PKCS #8, DER."""
    return key.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def certificate(connection: Connection) -> x509.Certificate | None:
    """The CA's certificate, or None where the books have none."""
    row = connection.execute(select(keys.c.public).where(keys.c.name == _CA)).first()
    return x509.load_der_x509_certificate(row.public) if row else None


class Signer:
    """The CA at work. Needs the books' private key, so an owner."""

    def __init__(self, connection: Connection, books_private: bytes):
        row = connection.execute(select(keys).where(keys.c.name == _CA)).one()
        self._issuer = x509.load_der_x509_certificate(row.public)
        key = serialization.load_der_private_key(wrap.unseal(books_private, row.private, _CA.encode()), None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        self._key = key
        self._authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key())

    def sign(self, serial: str, public: ec.EllipticCurvePublicKey) -> x509.Certificate:
        """A device's certificate: for TLS clients, valid without end, the serial number in the subject."""
        return (
            x509.CertificateBuilder()
            .subject_name(_device_name(serial)).issuer_name(self._issuer.subject).public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(datetime.now(UTC).replace(microsecond=0)).not_valid_after(_FOREVER)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(
                x509.KeyUsage(True, False, False, False, False, False, False, encipher_only=False, decipher_only=False),
                critical=True,
            )
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
            .add_extension(self._authority, critical=False)
            .sign(self._key, SHA256())
        )


def request(serial: str, key: ec.EllipticCurvePrivateKey) -> str:
    """A CSR (PEM) for a CA that is somebody else's."""
    csr = x509.CertificateSigningRequestBuilder().subject_name(_device_name(serial)).sign(key, SHA256())
    return csr.public_bytes(serialization.Encoding.PEM).decode()


def _device_name(serial: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, serial), x509.NameAttribute(NameOID.SERIAL_NUMBER, serial)])
