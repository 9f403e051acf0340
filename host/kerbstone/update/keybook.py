"""Signing keys in the books: sealed to the books, so that owners alone sign; a signature is a row of the log."""

from __future__ import annotations

import hashlib

import cbor2
from sqlalchemy import insert, select
from sqlalchemy import update as change_row

from kerbstone.books import wrap
from kerbstone.books.books import Books, Change
from kerbstone.books.tables import keys
from kerbstone.errors import UpdateError
from kerbstone.update.keys import NAMES, SigningKey, new_key

_PREFIX = "update/"
_LONGEST = 24
_KID_BYTES = 4


def create(books: Books, name: str, algorithm: str) -> SigningKey:
    """A fresh key. Raises UpdateError for a name that is taken or not a word, or an algorithm that is none of ours."""
    if algorithm not in NAMES:
        raise UpdateError(f"There is no algorithm {algorithm!r}: choose one of {', '.join(NAMES)}.")
    if not name.replace("-", "").replace("_", "").isalnum() or len(name) > _LONGEST:
        raise UpdateError(f"{name!r} is no name for a key: letters, digits, - and _, at most {_LONGEST}.")
    with books.change("sign") as change:
        if change.connection.execute(select(keys.c.name).where(keys.c.name == _PREFIX + name)).first():
            raise UpdateError(f"There is a signing key {name} already: give this one another name.")
        key = new_key(b"", NAMES[algorithm])
        key.kid = hashlib.sha256(key.public).digest()[:_KID_BYTES]
        public = cbor2.dumps([key.algorithm, key.kid, key.public], canonical=True)
        private = wrap.seal(books.public, key.private, (_PREFIX + name).encode())
        change.connection.execute(insert(keys), {"name": _PREFIX + name, "public": public, "private": private})
        change.note("update-key", name, algorithm=algorithm, id=key.kid.hex())
    return key


def public_keys(books: Books) -> dict[str, SigningKey]:
    """By name; their private halves are left where they are."""
    with books.look() as connection:
        rows = connection.execute(select(keys.c.name, keys.c.public).where(keys.c.name.startswith(_PREFIX)).order_by(keys.c.name)).all()
    found: dict[str, SigningKey] = {}
    for name, public in rows:
        algorithm, kid, raw = cbor2.loads(public)
        found[name.removeprefix(_PREFIX)] = PublicKey(kid, algorithm, raw)
    return found


class PublicKey(SigningKey):
    """A key without its private half: it does not sign."""

    def __init__(self, kid: bytes, algorithm: int, public: bytes):
        super().__init__(kid, algorithm, b"")
        self._public = public

    @property
    def public(self) -> bytes:
        return self._public


class Signer:
    """A key at work within one transaction: what it signs is in the log, and a used-up leaf of an LMS tree in the books, or nothing is."""

    def __init__(self, books: Books, change: Change, name: str):
        row = change.connection.execute(select(keys).where(keys.c.name == _PREFIX + name)).first()
        if row is None:
            raise UpdateError(f"There is no signing key {name} in the books: `kerbstone update key {name}` makes it.")
        if not books.member.books_private:
            raise UpdateError(f"{books.member.name} may not sign updates: ask an owner.")
        algorithm, kid, _ = cbor2.loads(row.public)
        private = wrap.unseal(books.member.books_private, row.private, row.name.encode())
        self.key = SigningKey(kid, algorithm, private)
        self._books, self._change, self._name, self._before = books, change, name, private

    def close(self, subject: str, bundle: bytes) -> None:
        """Writes down what was signed."""
        if self.key.private != self._before:
            sealed = wrap.seal(self._books.public, self.key.private, (_PREFIX + self._name).encode())
            self._change.connection.execute(change_row(keys).where(keys.c.name == _PREFIX + self._name).values(private=sealed))
        self._change.note("update-sign", subject, key=self._name, sha256=hashlib.sha256(bundle).hexdigest())
