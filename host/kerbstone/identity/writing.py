"""An identity goes onto a board, and the board proves it: whatever is cut between two steps goes on with the same identity."""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from kerbstone.bench import uf2
from kerbstone.books.books import Books
from kerbstone.build.board import BoardFile
from kerbstone.errors import IdentityError
from kerbstone.flash import rp2
from kerbstone.flash.link import Link
from kerbstone.identity import registry, secrets
from kerbstone.identity.place import NVS_KEYS, NVS_SPACE, SECTOR, sectors
from kerbstone.identity.record import Values, pack

_PROOF_BYTES = 16
_CHALLENGE_BYTES = 32
_NVS_SCRIPT = """from esp32 import NVS
n = NVS({space!r})
f = bytes.fromhex({frame!r})
for k in {keys!r}:
    n.set_blob(k, f)
    n.commit()
"""
# Every copy by itself: one that is damaged must not hide behind the other.
_ANSWER_SCRIPT = """import json
try:
    from kerb import identity, prove
except ImportError:
    print(json.dumps("no firmware"))
else:
    c = bytes.fromhex({challenge!r})
    a = []
    for f in identity.copies({at!r}):
        v = identity.parse(f)
        a.append(v and prove.answers(identity.Identity(v), c))
    print(json.dumps(a))
"""


@dataclass(frozen=True)
class Place:
    """A board: its port, and for an RP2040 the folder that its boot loader's drive becomes; None: where desktops mount it."""

    port: str
    board: BoardFile
    drive: Path | None = None


@dataclass(frozen=True)
class Outcome:
    """`state` as the books have it."""

    serial: str
    dev_eui: str
    chip_id: str
    state: str


def write(books: Books, place: Place, batch: str | None, step: Callable[[str], None] = lambda text: None) -> Outcome:
    """Binds the chip to its identity, writes it where the board does not have it yet, and lets the board prove it.

    `step` hears what comes next. Raises IdentityError, LinkError or BooksError; run again, it goes on.
    """
    step("chip")
    link = Link(place.port)
    try:
        chip_id = link.facts().chip_id
        step("bind")
        row = registry.bind(books, chip_id, batch)
        with books.look() as connection:
            values = secrets.read(connection, books, row.serial, row.key_version)
        if _differences(link, place, values):
            step("write")
            link = _put(link, place, pack(values))
            if _differences(link, place, values):
                raise IdentityError(f"{place.port}: the board reads back something else than was written: try another board.")
    finally:
        link.close()
    if row.state == registry.BOUND:
        step("written")
        registry.written(books, row.serial)
    step("prove")
    registry.proven(books, row.serial)
    return Outcome(row.serial, row.dev_eui, chip_id, registry.PROVEN)


def prove(books: Books, place: Place) -> Outcome:
    """Asks a board to prove every value of its identity against the books. Raises IdentityError that says which it cannot."""
    with Link(place.port) as link:
        chip_id = link.facts().chip_id
        with books.look() as connection:
            row = registry.find(connection, chip_id)
            values = secrets.read(connection, books, row.serial, row.key_version)
        wrong = _differences(link, place, values)
    if wrong:
        raise IdentityError(f"{place.port}: {row.serial} does not prove {', '.join(wrong)}; write its identity again.")
    if row.state in (registry.BOUND, registry.WRITTEN):
        registry.proven(books, row.serial)
    return Outcome(row.serial, row.dev_eui, chip_id, row.state if row.state == registry.REVOKED else registry.PROVEN)


def expected(values: Values, challenge: bytes) -> dict[str, str]:
    """What a board with these values answers; firmware/kerb/prove.py does the same."""
    found = {}
    for name, value in values.items():
        key = value.encode() if isinstance(value, str) else value
        proof = hmac.new(key, b"kerb prove 1\0" + name.encode() + b"\0" + challenge, hashlib.sha256).digest()
        found[name] = proof[:_PROOF_BYTES].hex()
    return found


def _differences(link: Link, place: Place, values: Values) -> list[str]:
    """Names that a copy on the board does not answer for as the books do, and "copy N" for one that is missing or damaged."""
    challenge = os.urandom(_CHALLENGE_BYTES)
    answers = link.ask(_ANSWER_SCRIPT.format(challenge=challenge.hex(), at=sectors(place.board)))
    if answers == "no firmware":
        raise IdentityError(f"{place.port}: the board has no kerb firmware that could answer: flash its node first.")
    right = expected(values, challenge)
    wrong = set()
    for number, answer in enumerate([*answers, None, None][: len(NVS_KEYS)], 1):
        if isinstance(answer, dict):
            wrong |= {name for name in right.keys() | answer.keys() if not hmac.compare_digest(right.get(name, ""), answer.get(name, ""))}
        else:
            wrong.add(f"copy {number}")
    return sorted(wrong)


def _put(link: Link, place: Place, frame: bytes) -> Link:
    """Writes both copies; returns the link to the board as it is afterwards."""
    if place.board.mcu != "rp2040":
        link.exec(_NVS_SCRIPT.format(space=NVS_SPACE, frame=frame.hex(), keys=NVS_KEYS))
        return link
    image = uf2.pack({address: frame.ljust(SECTOR, b"\xff") for address in sectors(place.board)})
    return Link(rp2.install(link, place.port, place.drive, "identity.uf2", image))
