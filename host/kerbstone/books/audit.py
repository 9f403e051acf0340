"""The log of the books: append-only, each row bound to the one before, the head signed at the end of every command."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from sqlalchemy import Connection, func, insert, select

from kerbstone.books.tables import audit, checkpoints, devices, members

START = "0" * 64
_COLUMNS = ("seq", "at", "actor", "action", "subject", "details")


@dataclass(frozen=True)
class Entry:
    """What is to be logged: `details` never holds a secret."""

    action: str
    subject: str
    details: dict[str, Any]


def now() -> str:
    """UTC, to the second, ISO 8601."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _hash(previous: str, values: Iterable[Any]) -> str:
    row = json.dumps(list(values), separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(bytes.fromhex(previous) + row.encode()).hexdigest()


def _claim(seq: int, head: str) -> bytes:
    return b"kerbstone audit 1\0" + seq.to_bytes(8, "big") + bytes.fromhex(head)


def append(connection: Connection, actor: str, entries: Iterable[Entry]) -> None:
    """Writes the rows; the caller's transaction makes them one with what they tell of."""
    last = connection.execute(select(audit.c.seq, audit.c.hash).order_by(audit.c.seq.desc()).limit(1)).first()
    seq, head = (last.seq, last.hash) if last else (0, START)
    rows = []
    at = now()
    for entry in entries:
        seq += 1
        details = json.dumps(entry.details, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        values = (seq, at, actor, entry.action, entry.subject, details)
        previous, head = head, _hash(head, values)
        rows.append(dict(zip(_COLUMNS, values, strict=True)) | {"previous": previous, "hash": head})
    if rows:
        connection.execute(insert(audit), rows)


def sign(connection: Connection, signer: str, private: bytes) -> None:
    """A checkpoint: the member vouches for all rows so far."""
    last = connection.execute(select(audit.c.seq, audit.c.hash).order_by(audit.c.seq.desc()).limit(1)).first()
    if last is None or connection.execute(select(func.max(checkpoints.c.seq))).scalar() == last.seq:
        return
    signature = Ed25519PrivateKey.from_private_bytes(private).sign(_claim(last.seq, last.hash))
    connection.execute(insert(checkpoints), {"seq": last.seq, "hash": last.hash, "signer": signer, "signature": signature})


@dataclass(frozen=True)
class Verdict:
    """`wrong`: one sentence a finding. `head` is to be kept elsewhere: rows cut off the end show only against it."""

    rows: int
    signed: int
    head: str
    wrong: list[str]


def verify(connection: Connection, seen: str | None = None) -> Verdict:
    """Recomputes every row and signature, and compares the devices' states. `seen`: a head noted earlier must be among the rows."""
    wrong: list[str] = []
    expected, previous = 1, START
    hashes: dict[int, str] = {}
    states: dict[str, str] = {}
    keys: dict[str, str | None] = {}
    for row in connection.execute(select(audit).order_by(audit.c.seq)):
        if row.seq != expected:
            wrong.append(f"Row {expected} of the log is missing: row {row.seq} follows.")
        if row.previous != previous:
            wrong.append(f"Row {row.seq} of the log does not follow the row before it: one of the two was changed.")
        if _hash(row.previous, [getattr(row, name) for name in _COLUMNS]) != row.hash:
            wrong.append(f"Row {row.seq} of the log ({row.action} {row.subject}, {row.at}) was changed: its hash does not fit.")
        else:
            state = json.loads(row.details).get("state")
            if state:
                states[row.subject] = state
        if row.action == "member":
            keys[row.subject] = json.loads(row.details).get("sign")
        hashes[row.seq] = previous = row.hash
        expected = row.seq + 1
    for name, public in connection.execute(select(members.c.name, members.c.sign_public)):
        if keys.get(name) != public.hex():
            wrong.append(f"The key of member {name} is not the one in the log: it was changed.")
    signed = _verify_checkpoints(connection, hashes, wrong)
    for serial, state in connection.execute(select(devices.c.serial, devices.c.state)):
        if states.get(serial) != state:
            wrong.append(f"Device {serial} is {state} in the books and {states.get(serial, 'unknown')} in the log: its row was changed.")
    if seen and seen != START and seen not in hashes.values():
        wrong.append(f"The head {seen[:16]}... noted earlier is not in the log: rows were cut off or written anew.")
    return Verdict(len(hashes), signed, previous, wrong)


def _verify_checkpoints(connection: Connection, hashes: dict[int, str], wrong: list[str]) -> int:
    public = {row.name: row.sign_public for row in connection.execute(select(members.c.name, members.c.sign_public))}
    good, last = 0, 0
    for row in connection.execute(select(checkpoints).order_by(checkpoints.c.seq)):
        last = row.seq
        try:
            Ed25519PublicKey.from_public_bytes(public[row.signer]).verify(row.signature, _claim(row.seq, row.hash))
        except (KeyError, InvalidSignature, ValueError):
            wrong.append(f"The checkpoint at row {row.seq} is not signed by {row.signer}: it was changed.")
            continue
        if hashes.get(row.seq) != row.hash:
            wrong.append(f"Row {row.seq} of the log is not the one {row.signer} signed: the log was written anew up to there.")
            continue
        good += 1
    if hashes and last != max(hashes):
        wrong.append(f"The rows after {last} of the log are not signed: they were added by something else than kerbstone.")
    return good
