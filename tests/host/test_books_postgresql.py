"""The books in a real PostgreSQL: the same tables, the same log, and writers who wait for each other."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from enrolled_board import PASSPHRASE
from kerbstone.books.books import Books, verify
from kerbstone.identity import eui, registry, secrets

_PLACES = ("/usr/lib/postgresql/*/bin", "/opt/homebrew/opt/postgresql*/bin")


def tool(name: str) -> str | None:
    found = [str(p / name) for pattern in _PLACES for p in sorted(Path("/").glob(pattern[1:]), reverse=True) if (p / name).exists()]
    return (found or [shutil.which(name)])[0]


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    initdb, server = tool("initdb"), tool("postgres")
    if not (initdb and server):
        if os.environ.get("CI") == "true":
            pytest.fail("PostgreSQL is not installed")
        pytest.skip("PostgreSQL is not installed")
    folder = tmp_path_factory.mktemp("postgresql") / "data"
    # The server refuses to run as root.
    who = {"user": "postgres", "group": "postgres", "extra_groups": ()} if os.getuid() == 0 else {}
    if who:
        owner = pwd.getpwnam("postgres")
        folder.mkdir()
        os.chown(folder, owner.pw_uid, owner.pw_gid)
        for parent in folder.parents:
            if parent.stat().st_uid == 0 and parent != Path("/") and not parent.stat().st_mode & 1:
                parent.chmod(parent.stat().st_mode | 0o11)
    subprocess.run([initdb, "-D", str(folder), "-A", "trust", "-U", "books", "--no-sync"], check=True, capture_output=True, cwd="/", **who)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [server, "-D", str(folder), "-h", "127.0.0.1", "-p", str(port), "-k", "", "-F"], cwd="/", stderr=subprocess.PIPE, text=True, **who
    )
    try:
        assert process.stderr
        for line in process.stderr:
            if "ready to accept connections" in line:
                break
        else:
            pytest.fail("PostgreSQL did not start")
        threading.Thread(target=process.stderr.read, daemon=True).start()
        yield f"postgresql://books@127.0.0.1:{port}/postgres"
    finally:
        process.send_signal(signal.SIGINT)  # ends what is connected, too
        process.wait(20)


def test_the_whole_life_of_a_batch(url: str):
    books = Books.create(url, "owner", PASSPHRASE)
    with books.change("block") as change:
        eui.add_block(change.connection, eui.parse_block("70b3d57ed"))
    registry.plan(books, registry.Plan("b1", "parking", "70b3d57ed0000010", True, [(f"KS-{n}", {"bay": str(n)}) for n in range(20)]))
    assert registry.mint(books, "b1", None, {}, lambda done, of: None) == 20
    bound = registry.bind(books, "chip-1", "b1")
    assert registry.bind(books, "chip-1", "b1").serial == bound.serial
    registry.written(books, bound.serial)
    registry.proven(books, bound.serial)
    registry.revoke(books, "KS-7", "lost")
    registry.retire(books, "KS-8")
    books.close()
    again = Books.enter(url, "owner", PASSPHRASE)
    with again.look() as connection:
        states = {row.serial: row.state for row in registry.listing(connection)}
        assert secrets.read(connection, again, "KS-1", 1)["device_id"] == "KS-1"
    assert states[bound.serial] == registry.PROVEN and states["KS-7"] == registry.REVOKED and states["KS-8"] == registry.RETIRED
    verdict = verify(url)
    assert verdict.wrong == [] and verdict.rows == 1 + 1 + 20 + 20 - 1 + 1 + 1 + 1 + 1 + 1


def test_stations_at_once_never_give_two_chips_one_identity(url: str):
    """Four processes' worth of threads bind chips at the same time, each over a connection of its own."""
    books = Books.enter(url, "owner", PASSPHRASE)
    registry.plan(books, registry.Plan("b2", "parking", "70b3d57ed0000010", True, [(f"P-{n}", {}) for n in range(40)]))
    registry.mint(books, "b2", None, {}, lambda done, of: None)
    given: list[tuple[str, str]] = []

    def station(first: int) -> None:
        own = Books.enter(url, "owner", PASSPHRASE)
        given.extend((registry.bind(own, f"c-{n}", "b2").serial, f"c-{n}") for n in range(first, first + 10))

    threads = [threading.Thread(target=station, args=(10 * n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(given) == 40 and len({serial for serial, _ in given}) == 40
    assert verify(url).wrong == []
