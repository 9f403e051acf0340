"""The secret half of an identity: made here, sealed at once, opened only to be written or exported."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable

import cbor2
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import Connection, Row, select, update

from kerbstone.books import wrap
from kerbstone.books.books import Books
from kerbstone.books.tables import secrets
from kerbstone.errors import IdentityError
from kerbstone.identity import ca
from kerbstone.identity.record import Values

# Values of a record that are no secret: what is shown, exported without a warning and printed on labels.
PUBLIC = frozenset({"device_id", "dev_eui", "join_eui", "mqtt_user", "mqtt_psk_id", "mqtt_cert", "mqtt_ca"})
_KEY_BYTES = 16


def make(serial: str, dev_eui: str, join_eui: str, signer: ca.Signer | None, site: Values) -> tuple[Values, x509.Certificate | None]:
    """All values of a device's record, fresh from the system's random source, and its certificate where there is a CA.

    The TLS key is made with the certificate: without a CA a device has its PSK and password.
    """
    values: Values = {
        "device_id": serial, "dev_eui": dev_eui, "join_eui": join_eui,
        "app_key": os.urandom(_KEY_BYTES).hex(),
        "device_key": os.urandom(32),  # commands and proofs end to end
        "mqtt_user": serial, "mqtt_password": os.urandom(_KEY_BYTES).hex(),
        "mqtt_psk_id": serial, "mqtt_psk": os.urandom(_KEY_BYTES),
        **site,
    }
    if signer is None:
        return values, None
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = signer.sign(serial, key.public_key())
    values["mqtt_key"] = ca.key_bytes(key)
    values["mqtt_cert"] = certificate.public_bytes(Encoding.DER)
    return values, certificate


def sealed(books: Books, serial: str, version: int, values: Values, member: tuple[str, bytes] | None) -> dict[str, object]:
    """The row that keeps the values; `member` (name, public key) may open it until the board has proven itself."""
    context = f"{serial}/{version}".encode()
    key = os.urandom(32)
    return {
        "serial": serial, "key_version": version, "blob": wrap.wrap(key, cbor2.dumps(values, canonical=True), context),
        "for_books": wrap.seal(books.public, key, context),
        "for_member": wrap.seal(member[1], key, context) if member else None, "member": member[0] if member else None,
    }


def opened(books: Books, row: Row[tuple[object, ...]]) -> Values:
    """The values of a row. Raises IdentityError when this member may not open it, BooksError when it was changed."""
    context = f"{row.serial}/{row.key_version}".encode()
    if books.member.books_private:
        key = wrap.unseal(books.member.books_private, row.for_books, context)
    elif row.for_member and row.member == books.member.name:
        key = wrap.unseal(books.member.seal_private, row.for_member, context)
    else:
        raise IdentityError(f"{books.member.name} may not open the keys of {row.serial}: they are proven, or another station has them.")
    values: Values = cbor2.loads(wrap.unwrap(key, row.blob, context))
    return values


def read(connection: Connection, books: Books, serial: str, version: int) -> Values:
    """The values of one device. Raises IdentityError when it has none."""
    found = secrets.c.serial == serial, secrets.c.key_version == version
    row = connection.execute(select(secrets).where(*found)).first()
    if row is None:
        raise IdentityError(f"{serial} has no keys in the books: `kerbstone identity mint` makes them, and a retired device has none.")
    return opened(books, row)


def forget_member(connection: Connection, serial: str) -> None:
    """The board has its keys: from now on only an owner opens them."""
    connection.execute(update(secrets).where(secrets.c.serial == serial).values(for_member=None, member=None))


def read_many(connection: Connection, books: Books, serials: Iterable[tuple[str, int]], tell: Callable[[int], None] = lambda n: None
              ) -> dict[str, Values]:
    """The values of many devices by serial, in one pass over the table."""
    wanted = dict(serials)
    found = {}
    for row in connection.execute(select(secrets)):
        if wanted.get(row.serial) == row.key_version:
            found[row.serial] = opened(books, row)
            tell(len(found))
    if missing := [serial for serial in wanted if serial not in found]:
        raise IdentityError(f"{missing[0]} has no keys in the books ({len(missing)} such devices): mint them, or leave retired ones out.")
    return found
