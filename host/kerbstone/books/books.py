"""The books as the commands use them: opened by a member, changed in signed transactions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Self

from sqlalchemy import Connection, insert, select
from sqlalchemy.engine import Engine

from kerbstone.books import audit, members, wrap
from kerbstone.books.audit import Entry, Verdict
from kerbstone.books.members import Member
from kerbstone.books.store import begin, open_engine
from kerbstone.books.tables import keys
from kerbstone.books.tables import members as members_table
from kerbstone.errors import BooksError

_BOOKS_KEY = "books"


@dataclass
class Change:
    """A transaction: `connection` for the rows, `log` for what the audit log is to say of them."""

    connection: Connection
    log: list[Entry] = field(default_factory=list)

    def note(self, action: str, subject: str, **details: object) -> None:
        """Adds a row to the log. Details never hold a secret."""
        self.log.append(Entry(action, subject, details))


class Books:
    """Open books. Made with `create` or `enter`."""

    def __init__(self, engine: Engine, member: Member, public: bytes):
        self._engine = engine
        self.member = member
        self.public = public

    @classmethod
    def create(cls, url: str, name: str, passphrase: str) -> Self:
        """New books with one owner. Raises BooksError when there are books already."""
        engine = open_engine(url, create=True)
        private, public = wrap.new_pair()
        with begin(engine) as connection:
            if connection.execute(select(keys.c.name)).first():
                raise BooksError("There are books already: open them, or name another file.")
            signs = members.add(connection, name, "owner", passphrase, private)
            connection.execute(insert(keys), {"name": _BOOKS_KEY, "public": public})
            member = members.enter(connection, name, passphrase)
            audit.append(connection, name, [Entry("member", name, {"role": "owner", "sign": signs.hex()})])
            audit.sign(connection, name, member.sign_private)
        return cls(engine, member, public)

    @classmethod
    def enter(cls, url: str, name: str, passphrase: str) -> Self:
        """Opens them as a member. Raises BooksError with what is wrong."""
        engine = open_engine(url)
        with begin(engine) as connection:
            member = members.enter(connection, name, passphrase)
            public = connection.execute(select(keys.c.public).where(keys.c.name == _BOOKS_KEY)).scalar_one()
        return cls(engine, member, public)

    @contextmanager
    def change(self, action: str) -> Iterator[Change]:
        """All or nothing, with its rows in the log and the member's signature. Raises BooksError when the role may not."""
        self.member.need(action)
        with begin(self._engine) as connection:
            change = Change(connection)
            yield change
            audit.append(connection, self.member.name, change.log)
            audit.sign(connection, self.member.name, self.member.sign_private)

    @contextmanager
    def look(self) -> Iterator[Connection]:
        """For reading alone."""
        with begin(self._engine) as connection:
            yield connection

    def add_member(self, name: str, role: str, passphrase: str) -> None:
        """A new member; owners get the books' key from this one."""
        with self.change("member") as change:
            signs = members.add(change.connection, name, role, passphrase, self.member.books_private)
            change.note("member", name, role=role, sign=signs.hex())

    def list_members(self) -> list[tuple[str, str]]:
        """(name, role) of all."""
        with self.look() as connection:
            return list(connection.execute(select(members_table.c.name, members_table.c.role).order_by(members_table.c.name)).tuples())

    def close(self) -> None:
        """Gives the database free."""
        self._engine.dispose()


def verify(url: str, seen: str | None = None) -> Verdict:
    """Checks the log; nobody's passphrase is needed for that."""
    engine = open_engine(url)
    try:
        with begin(engine) as connection:
            return audit.verify(connection, seen)
    finally:
        engine.dispose()
