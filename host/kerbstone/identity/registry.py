"""Devices in the books: planned, minted, bound to a chip, written, proven, and what may follow on what."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import Connection, Row, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from kerbstone.books.audit import now
from kerbstone.books.books import Books, Change
from kerbstone.books.tables import batches, devices, members, secrets
from kerbstone.errors import IdentityError
from kerbstone.identity import ca, eui
from kerbstone.identity import secrets as secret
from kerbstone.identity.record import Values

PLANNED, MINTED, BOUND, WRITTEN, PROVEN, REVOKED, RETIRED = "planned", "minted", "bound", "written", "proven", "revoked", "retired"
LIVE = (MINTED, BOUND, WRITTEN, PROVEN)
_CHUNK = 500  # devices a transaction: what a kill loses at the most, and makes again


@dataclass(frozen=True)
class Plan:
    """A batch to be: `serials` with what is known of their places."""

    batch: str
    node: str
    join_eui: str
    production: bool
    serials: Sequence[tuple[str, dict[str, Any]]]


def plan(books: Books, wish: Plan) -> list[str]:
    """Enters a batch and gives each device its DevEUI; returns the EUIs. Raises IdentityError, and then nothing is entered."""
    join_eui = eui.parse_eui(wish.join_eui, "The JoinEUI")
    if len({serial for serial, _ in wish.serials}) != len(wish.serials):
        raise IdentityError("A serial stands twice in the plan: each device has its own.")
    with books.change("plan") as change:
        connection = change.connection
        if connection.execute(select(batches.c.name).where(batches.c.name == wish.batch)).first():
            raise IdentityError(f"There is a batch {wish.batch} already: choose another name.")
        if wish.production and eui.Block(join_eui).local:
            raise IdentityError(f"The JoinEUI {join_eui} is locally administered, and a production batch may not have it.")
        euis = eui.take(connection, len(wish.serials), wish.production)
        at = now()
        connection.execute(insert(batches), {
            "name": wish.batch, "node": wish.node, "join_eui": join_eui, "production": wish.production, "created": at,
        })
        rows = [
            {"serial": serial, "batch": wish.batch, "dev_eui": dev_eui, "join_eui": join_eui, "state": PLANNED, "key_version": 0,
             "place": place, "changed": at}
            for (serial, place), dev_eui in zip(wish.serials, euis, strict=True)
        ]
        try:
            connection.execute(insert(devices), rows)
        except IntegrityError as error:
            raise IdentityError("A serial of this plan is in the books already: choose others, or another prefix.") from error
        for row in rows:
            change.note("plan", str(row["serial"]), state=PLANNED, dev_eui=row["dev_eui"], batch=wish.batch)
    return euis


def mint(books: Books, batch: str, station: str | None, site: Values, tell: Callable[[int, int], None]) -> int:
    """Makes the keys of every planned device of a batch; returns how many. What a kill interrupts goes on where it stopped.

    `station`: the member who may open them until they are proven; default: oneself. Raises IdentityError, BooksError.
    """
    with books.look() as connection:
        waiting = connection.execute(
            select(devices.c.serial).where(devices.c.batch == batch, devices.c.state == PLANNED).order_by(devices.c.dev_eui)
        ).scalars().all()
        if not waiting and not connection.execute(select(batches.c.name).where(batches.c.name == batch)).first():
            raise IdentityError(f"There is no batch {batch}: `kerbstone identity plan` makes one.")
        writer = _writer(connection, books, station)
        has_ca = ca.certificate(connection) is not None
    if has_ca and not books.member.books_private:
        raise IdentityError("These books have a CA, whose key only an owner opens: let an owner mint, with --station for you.")
    for first in range(0, len(waiting), _CHUNK):
        with books.change("mint") as change:
            signer = ca.Signer(change.connection, books.member.books_private) if has_ca and books.member.books_private else None
            part = waiting[first : first + _CHUNK]
            for row in change.connection.execute(select(devices).where(devices.c.serial.in_(part), devices.c.state == PLANNED)).all():
                _mint_one(change, books, row, signer, site, writer, MINTED)
        tell(min(first + _CHUNK, len(waiting)), len(waiting))
    return len(waiting)


def _writer(connection: Connection, books: Books, station: str | None) -> tuple[str, bytes]:
    if station is None or station == books.member.name:
        return books.member.name, books.member.seal_public
    row = connection.execute(select(members.c.name, members.c.seal_public).where(members.c.name == station)).first()
    if row is None:
        raise IdentityError(f"The books have no member {station}: `kerbstone books member` adds one.")
    return row.name, row.seal_public


def _mint_one(change: Change, books: Books, row: Row[Any], signer: ca.Signer | None, site: Values, writer: tuple[str, bytes], state: str
              ) -> None:
    version = row.key_version + 1
    values, certificate = secret.make(row.serial, row.dev_eui, row.join_eui, signer, site)
    change.connection.execute(insert(secrets), secret.sealed(books, row.serial, version, values, writer))
    pem = certificate.public_bytes(Encoding.PEM).decode() if certificate else None
    _set(change, row.serial, "mint", state, key_version=version, certificate=pem)


def _set(change: Change, serial: str, action: str, state: str, note: dict[str, Any] | None = None, **values: Any) -> None:
    change.connection.execute(update(devices).where(devices.c.serial == serial).values(state=state, changed=now(), **values))
    shown = {k: v for k, v in values.items() if k in ("key_version", "chip_id")}
    change.note(action, serial, state=state, **shown, **(note or {}))


def find(connection: Connection, name: str) -> Row[Any]:
    """The device with this serial, DevEUI or chip id. Raises IdentityError."""
    key = name.strip()
    low = key.lower().replace("-", "").replace(":", "")
    row = connection.execute(
        select(devices).where((devices.c.serial == key) | (devices.c.dev_eui == low) | (devices.c.chip_id == low))
    ).first()
    if row is None:
        raise IdentityError(f"The books have no device {key}: `kerbstone identity list` shows them.")
    return row


def node_of(connection: Connection, batch: str) -> str:
    """The node that a batch's devices run. Raises IdentityError."""
    node: str | None = connection.execute(select(batches.c.node).where(batches.c.name == batch)).scalar()
    if node is None:
        raise IdentityError(f"There is no batch {batch}: `kerbstone identity plan` makes one.")
    return node


def bind(books: Books, chip_id: str, batch: str | None) -> Row[Any]:
    """The one identity of this chip, for ever: the one it has, or the next of the batch that nobody has yet.

    Raises IdentityError when it is revoked or retired, or the batch has none left.
    """
    with books.change("write") as change:
        connection = change.connection
        row = connection.execute(select(devices).where(devices.c.chip_id == chip_id)).first()
        if row is not None:
            if row.state in (REVOKED, RETIRED):
                raise IdentityError(f"Chip {chip_id} is {row.serial}, which is {row.state}: it gets no other identity; use another board.")
            return row
        query = select(devices).where(devices.c.state == MINTED, devices.c.chip_id.is_(None)).order_by(devices.c.dev_eui).limit(1)
        row = connection.execute(query.where(devices.c.batch == batch) if batch else query).first()
        if row is None:
            where = f"Batch {batch} has" if batch else "The books have"
            raise IdentityError(f"{where} no minted identity left: plan and mint more.")
        _set(change, row.serial, "bind", BOUND, chip_id=chip_id)
        return find(connection, row.serial)


def written(books: Books, serial: str) -> None:
    """The board has the record and read it back."""
    with books.change("write") as change:
        _set(change, serial, "write", WRITTEN)


def proven(books: Books, serial: str) -> None:
    """The board has answered a challenge with every value: only owners open the keys from now on."""
    with books.change("prove") as change:
        if find(change.connection, serial).state != PROVEN:
            _set(change, serial, "prove", PROVEN)
            secret.forget_member(change.connection, serial)


def rotate(books: Books, serial: str, station: str | None, site: Values) -> None:
    """New keys for the same EUI and chip; the old ones stay in the books until the device is retired. To be written to the board next."""
    with books.change("rotate") as change:
        row = find(change.connection, serial)
        if row.state not in LIVE:
            raise IdentityError(f"{row.serial} is {row.state}: only minted, written or proven devices get new keys.")
        signer = None
        if ca.certificate(change.connection):
            assert books.member.books_private is not None  # owners alone may rotate
            signer = ca.Signer(change.connection, books.member.books_private)
        writer = _writer(change.connection, books, station)
        _mint_one(change, books, row, signer, site, writer, BOUND if row.chip_id else MINTED)


def revoke(books: Books, serial: str, reason: str) -> None:
    """No longer trusted: exports leave it out, and its chip gets no other identity."""
    with books.change("revoke") as change:
        row = find(change.connection, serial)
        if row.state in (REVOKED, RETIRED):
            raise IdentityError(f"{row.serial} is {row.state} already.")
        _set(change, row.serial, "revoke", REVOKED, {"reason": reason})


def retire(books: Books, serial: str) -> None:
    """Out of service: its keys are destroyed, its EUI and chip are never used again."""
    with books.change("retire") as change:
        row = find(change.connection, serial)
        if row.state == RETIRED:
            raise IdentityError(f"{row.serial} is retired already.")
        change.connection.execute(delete(secrets).where(secrets.c.serial == row.serial))
        _set(change, row.serial, "retire", RETIRED)


def listing(connection: Connection, batch: str | None = None, states: Sequence[str] = ()) -> list[Row[Any]]:
    """Devices, without secrets, in the order of their EUIs."""
    query = select(devices).order_by(devices.c.dev_eui)
    if batch:
        query = query.where(devices.c.batch == batch)
    if states:
        query = query.where(devices.c.state.in_(states))
    return list(connection.execute(query).all())
