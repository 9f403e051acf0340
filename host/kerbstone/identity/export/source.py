"""The devices to be exported, with their keys, and where the file goes."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kerbstone.books.books import Books
from kerbstone.errors import IdentityError
from kerbstone.identity import registry, secrets
from kerbstone.identity.record import Values


@dataclass(frozen=True)
class Enrolled:
    """A device as an export sees it; its values stay out of the repr."""

    serial: str
    dev_eui: str
    join_eui: str
    certificate: str | None  # PEM
    place: dict[str, Any]
    key_version: int
    values: Values = field(repr=False)

    def text(self, name: str) -> str:
        """A value as text; bytes in hexadecimal."""
        value = self.values.get(name, "")
        return value.hex() if isinstance(value, bytes) else value


def collect(books: Books, batch: str | None, only: Sequence[str], to: str, tell: Callable[[int], None] = lambda n: None) -> list[Enrolled]:
    """Minted, written and proven devices of a batch, or those named; revoked and retired ones never. The log says what left the books.

    Raises IdentityError when there are none, BooksError when the role may not.
    """
    with books.change("export") as change:
        if only:
            rows = [registry.find(change.connection, name) for name in only]
            if dead := next((row for row in rows if row.state not in registry.LIVE), None):
                raise IdentityError(f"{dead.serial} is {dead.state} and is not exported: leave it out.")
        else:
            rows = registry.listing(change.connection, batch, registry.LIVE)
        if not rows:
            raise IdentityError("There is no minted device to export: `kerbstone identity mint` makes keys for planned ones.")
        opened = secrets.read_many(change.connection, books, [(row.serial, row.key_version) for row in rows], tell)
        for row in rows:
            change.note("export", row.serial, to=to, key_version=row.key_version)
    return [
        Enrolled(row.serial, row.dev_eui, row.join_eui, row.certificate, row.place, row.key_version, opened[row.serial]) for row in rows
    ]


def write_private(path: Path, data: bytes) -> None:
    """A new file that nobody but this user reads; "-" is standard output. Raises IdentityError; nothing is overwritten."""
    if str(path) == "-":
        sys.stdout.buffer.write(data)
        return
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise IdentityError(f"{path} exists already, and an export is not overwritten: name another file.") from error
    except OSError as error:
        raise IdentityError(f"{path} cannot be written: {error.strerror}.") from error
    with open(descriptor, "wb") as f:
        f.write(data)
