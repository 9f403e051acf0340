"""Who may open the books, and to do what. A member's private keys lie in the books under the member's own passphrase."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Connection, insert, select

from kerbstone.books import wrap
from kerbstone.books.tables import members
from kerbstone.errors import BooksError

# What each role may do. A station flashes: it mints and writes, and reads back only what it has under way itself.
MAY: Mapping[str, frozenset[str]] = {
    "owner": frozenset({
        "plan", "mint", "write", "prove", "rotate", "revoke", "retire", "export", "import", "commission", "member", "block", "sign",
        "rollout", "halt",
    }),
    "station": frozenset({"mint", "write", "prove", "commission", "halt"}),
    "auditor": frozenset(),
}
_WORDS = {  # actions that are no verbs
    "member": "add members", "block": "add blocks of EUIs", "sign": "sign certificates", "rollout": "roll out updates",
}  # fmt: skip
LEAST_PASSPHRASE = 12  # characters


@dataclass(frozen=True)
class Member:
    """A member with the books open: private halves stay out of the repr."""

    name: str
    role: str
    seal_public: bytes
    seal_private: bytes = field(repr=False)
    sign_private: bytes = field(repr=False)
    books_private: bytes | None = field(repr=False)

    def need(self, action: str) -> None:
        """Raises BooksError when the role may not."""
        if action not in MAY[self.role]:
            article = "an" if self.role[0] in "ao" else "a"
            raise BooksError(f"{self.name} is {article} {self.role} and may not {_WORDS.get(action, action)}: ask an owner.")


def add(connection: Connection, name: str, role: str, passphrase: str, books_private: bytes | None) -> bytes:
    """Writes a new member and returns the public key it signs with. `books_private` is given to owners only."""
    if role not in MAY:
        raise BooksError(f"There is no role {role!r}: choose one of {', '.join(MAY)}.")
    if not name or not name.replace("-", "").replace("_", "").isalnum() or len(name) > 64:
        raise BooksError(f"{name!r} is no name for a member: use up to 64 letters, digits, - and _.")
    if len(passphrase) < LEAST_PASSPHRASE:
        raise BooksError(f"The passphrase is too short: use {LEAST_PASSPHRASE} characters or more.")
    if connection.execute(select(members.c.name).where(members.c.name == name)).first():
        raise BooksError(f"There is a member {name} already: choose another name.")
    seal_private, seal_public = wrap.new_pair()
    signer = Ed25519PrivateKey.generate()
    salt = os.urandom(wrap.SALT_BYTES)
    public = signer.public_key().public_bytes_raw()
    pair = wrap.wrap(wrap.passphrase_key(passphrase, salt), seal_private + signer.private_bytes_raw(), name.encode())
    connection.execute(
        insert(members),
        {
            "name": name, "role": role, "salt": salt, "seal_public": seal_public, "sign_public": public, "private": pair,
            "books_private": wrap.seal(seal_public, books_private, name.encode()) if books_private and role == "owner" else None,
        },
    )
    return public


def enter(connection: Connection, name: str, passphrase: str) -> Member:
    """The member's keys. Raises BooksError for an unknown name or a wrong passphrase."""
    row = connection.execute(select(members).where(members.c.name == name)).first()
    if row is None:
        raise BooksError(f"The books have no member {name}: name one with --as.")
    try:
        pair = wrap.unwrap(wrap.passphrase_key(passphrase, row.salt), row.private, name.encode())
    except BooksError as error:
        raise BooksError(f"The passphrase of {name} is wrong.") from error
    seal_private, sign_private = pair[:32], pair[32:]
    books = wrap.unseal(seal_private, row.books_private, name.encode()) if row.books_private else None
    return Member(name, row.role, row.seal_public, seal_private, sign_private, books)
