"""Kills a process that enrols devices at its n-th step, for every n: each SQL statement, each commit, each word to a board.

Run as a program, so that forks happen without threads: `identity_kills.py FOLDER [PORT BOARD [DRIVE]]` prints one line of JSON.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import event, select
from sqlalchemy.engine import Engine

sys.path.insert(0, str(Path(__file__).parents[1]))
from enrolled_board import PASSPHRASE, new_books
from kerbstone.books.books import Books, verify
from kerbstone.books.store import open_engine
from kerbstone.books.tables import devices, secrets
from kerbstone.build.board import load_board
from kerbstone.flash.link import Link
from kerbstone.identity import registry, writing

_PER_RUN = 400  # more steps than any run has


def killed_at(n: int, work: Callable[[], None]) -> bool:
    """Runs `work` in a child that kills itself at its n-th step; False when it came through."""
    pid = os.fork()
    if pid:
        _, status = os.waitpid(pid, 0)
        if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
            return True
        assert status == 0, f"the run failed by itself at step {n}: {status}"
        return False
    left = [n]

    def step(*_args: object) -> None:
        if not left[0]:
            os.kill(os.getpid(), signal.SIGKILL)
        left[0] -= 1

    event.listen(Engine, "before_cursor_execute", step)
    event.listen(Engine, "commit", step)
    plain = Link.exec

    def counted(self: Link, script: str, timeout_s: float = 30.0) -> str:
        step()
        answer = plain(self, script, timeout_s)
        step()
        return answer

    Link.exec = counted  # type: ignore[method-assign]
    try:
        work()
    except BaseException:
        import traceback

        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def again(path: Path, opened: Books) -> Books:
    """The books opened anew, as the next process does, without the slow key derivation."""
    return Books(open_engine(str(path)), opened.member, opened.public)


def check(path: Path, opened: Books) -> None:
    """One identity a chip, keys for every minted device and no other, a log that agrees."""
    assert verify(str(path)).wrong == []
    with again(path, opened).look() as connection:
        rows = registry.listing(connection)
        keyed = connection.execute(select(secrets.c.serial, secrets.c.key_version)).all()
        euis = connection.execute(select(devices.c.dev_eui)).scalars().all()
    minted = {(r.serial, r.key_version) for r in rows if r.state != registry.PLANNED}
    assert minted <= {tuple(k) for k in keyed} and {k.serial for k in keyed} == {serial for serial, _ in minted}
    chips = [r.chip_id for r in rows if r.chip_id]
    assert len(chips) == len(set(chips)) and len(euis) == len(set(euis))


def paper(folder: Path) -> int:
    """Plan, mint, rotate and retire: killed everywhere, run again."""
    first = folder / "first.db"
    opened = new_books(first, count=2)
    path = folder / "books.db"
    rng = random.Random(1)
    kills = 0

    def work() -> None:
        books = again(path, opened)
        with books.look() as connection:
            planned = connection.execute(select(devices.c.serial).where(devices.c.batch == "b2")).all()
            state = registry.find(connection, "KS-0000").state
        if not planned:
            registry.plan(books, registry.Plan("b2", "parking", "70b3d57ed0000010", True, [(f"N-{n}", {}) for n in range(3)]))
        registry.mint(books, "b2", None, {}, lambda done, of: None)
        registry.bind(books, "chip-1", "b2")
        if state != registry.RETIRED:
            registry.rotate(books, "KS-0000", None, {})
            registry.retire(books, "KS-0000")

    for n in range(_PER_RUN):
        shutil.copy(first, path)
        if not killed_at(n, work):
            break
        kills += 1 + sum(killed_at(rng.randrange(40), work) for _ in range(2))  # the next runs may be killed as well
        work()
        check_paper(path, opened)
    else:
        raise AssertionError("the run has more steps than were tried")
    return kills


def check_paper(path: Path, opened: Books) -> None:
    assert verify(str(path)).wrong == []
    with again(path, opened).look() as connection:
        rows = {row.serial: row for row in registry.listing(connection)}
        keyed = {row.serial for row in connection.execute(select(secrets.c.serial))}
    assert len(rows) == 5 and [s for s, r in rows.items() if r.chip_id] == ["N-0"]
    assert rows["KS-0000"].state == registry.RETIRED and keyed == set(rows) - {"KS-0000"}
    assert len({row.dev_eui for row in rows.values()}) == 5


def board(folder: Path, place: writing.Place, every: int) -> int:
    """Writing to a board, killed everywhere. The books go back each time and the board does not: it has what the last run left."""
    first, path = folder / "first.db", folder / "books.db"
    opened = new_books(first, count=2)
    for kills, n in enumerate(range(0, _PER_RUN, every)):
        shutil.copy(first, path)
        if not killed_at(n, lambda: void(writing.write(again(path, opened), place, "b1"))):
            return kills
        done = writing.write(again(path, opened), place, "b1")
        assert writing.prove(again(path, opened), place) == done
        check(path, opened)
        registry.rotate(again(first, opened), "KS-0000", None, {})  # the next round has something to write
    raise AssertionError("the run has more steps than were tried")


def void(_value: object) -> None:
    """For a callable that returns nothing."""


def main(folder: str, port: str = "", name: str = "", drive: str = "", every: str = "1") -> None:
    os.environ.pop("KERBSTONE_PASSPHRASE", None)
    assert PASSPHRASE
    if port:
        kills = board(Path(folder), writing.Place(port, load_board(name), Path(drive) if drive else None), int(every))
    else:
        kills = paper(Path(folder))
    print(json.dumps({"kills": kills}))


if __name__ == "__main__":
    main(*sys.argv[1:])
