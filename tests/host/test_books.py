"""The books: who opens what, what a changed byte does, and that a transaction is all or nothing."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from enrolled_board import PASSPHRASE, new_books
from kerbstone.books.books import Books, verify
from kerbstone.books.store import begin, open_engine, parse_url
from kerbstone.books.tables import metadata
from kerbstone.errors import BooksError, IdentityError
from kerbstone.identity import eui, registry, secrets


def sql(path: Path, *statement: object) -> list[tuple[object, ...]]:
    with sqlite3.connect(path) as connection:
        return connection.execute(*statement).fetchall()


def test_the_migrations_make_the_tables_the_code_works_with(tmp_path: Path):
    with begin(open_engine(str(tmp_path / "books.db"), create=True)) as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_every_changed_value_of_the_log_is_found_and_named(tmp_path: Path):
    path = tmp_path / "books.db"
    new_books(path, count=3)
    assert verify(str(path)).wrong == []
    changes = {"at": "2020-01-01T00:00:00Z", "actor": "nobody", "action": "look", "subject": "KS-9999", "details": "{}"}
    for column, value in changes.items():
        kept = sql(path, f"select {column} from audit where seq = 4")[0][0]
        sql(path, f"update audit set {column} = ? where seq = 4", (value,))
        wrong = verify(str(path)).wrong
        assert wrong and "Row 4 of the log" in wrong[0], column
        sql(path, f"update audit set {column} = ? where seq = 4", (kept,))
    assert verify(str(path)).wrong == []


def test_a_log_written_anew_is_found_by_its_signatures(tmp_path: Path):
    from kerbstone.books import audit

    path = tmp_path / "books.db"
    new_books(path, count=2)
    rows = sql(path, "select seq, at, actor, action, subject, details from audit order by seq")
    previous = audit.START
    for row in rows:
        values = (*row[:2], "mallory", *row[3:])
        digest = audit._hash(previous, values)
        sql(path, "update audit set actor = 'mallory', previous = ?, hash = ? where seq = ?", (previous, digest, row[0]))
        previous = digest
    wrong = verify(str(path)).wrong
    assert any("is not the one owner signed" in sentence for sentence in wrong)


@pytest.mark.parametrize("statement, word", [
    ("delete from audit where seq = 3", "Row 3 of the log is missing"),
    ("update devices set state = 'proven' where serial = 'KS-0001'", "KS-0001 is proven in the books and minted in the log"),
    ("update checkpoints set signature = x'00' where seq = 1", "not signed by owner"),
    ("delete from checkpoints where seq > 2", "are not signed"),
    ("update members set sign_public = zeroblob(32)", "The key of member owner is not the one in the log"),
])
def test_other_tampering_is_found(tmp_path: Path, statement: str, word: str):
    path = tmp_path / "books.db"
    new_books(path, count=2)
    sql(path, statement)
    assert any(word in sentence for sentence in verify(str(path)).wrong)


def test_rows_cut_off_the_end_show_against_a_head_noted_earlier(tmp_path: Path):
    path = tmp_path / "books.db"
    books = new_books(path, count=2)
    with books.look() as connection:
        registry.find(connection, "KS-0001")
    registry.revoke(books, "KS-0001", "lost")
    head = verify(str(path)).head
    for statement in ("delete from audit where action = 'revoke'", "delete from checkpoints where seq = (select max(seq) from checkpoints)",
                      "update devices set state = 'minted'"):
        sql(path, statement)
    assert verify(str(path)).wrong == [], "a clean cut is whole in itself"
    assert "noted earlier is not in the log" in verify(str(path), head).wrong[0]


def test_secrets_do_not_open_when_their_row_is_another_device_s(tmp_path: Path):
    path = tmp_path / "books.db"
    books = new_books(path, count=2)
    sql(path, "update secrets set blob = (select blob from secrets where serial = 'KS-0000'), "
              "for_books = (select for_books from secrets where serial = 'KS-0000') where serial = 'KS-0001'")
    with books.look() as connection, pytest.raises(BooksError, match="does not open"):
        secrets.read(connection, books, "KS-0001", 1)


def test_roles_and_passphrases(tmp_path: Path):
    path = str(tmp_path / "books.db")
    owner = new_books(tmp_path / "books.db")
    owner.add_member("bench-1", "station", "the station's own words")
    owner.add_member("second", "owner", "the second owner's words")
    owner.add_member("eye", "auditor", "the auditor's own words")
    with pytest.raises(BooksError, match="passphrase of bench-1 is wrong"):
        Books.enter(path, "bench-1", PASSPHRASE)
    with pytest.raises(BooksError, match="no member nobody"):
        Books.enter(path, "nobody", PASSPHRASE)
    with pytest.raises(BooksError, match="bench-1 is a station and may not export"), Books.enter(
        path, "bench-1", "the station's own words"
    ).change("export"):
        pass
    eye = Books.enter(path, "eye", "the auditor's own words")
    with pytest.raises(BooksError, match="eye is an auditor and may not mint"), eye.change("mint"):
        pass
    second = Books.enter(path, "second", "the second owner's words")
    with second.look() as connection:
        assert secrets.read(connection, second, "KS-0000", 1)["device_id"] == "KS-0000"
    for name, role, words, reason in (("bench-1", "station", "long enough words", "already"), ("x", "king", "long enough words", "no role"),
                                      ("y", "station", "short", "too short"), ("a b", "station", "long enough words", "no name")):
        with pytest.raises(BooksError, match=reason):
            owner.add_member(name, role, words)


def test_no_secret_lies_open_in_the_file(tmp_path: Path):
    books = new_books(tmp_path / "books.db")
    data = (tmp_path / "books.db").read_bytes()
    with books.look() as connection:
        values = secrets.read(connection, books, "KS-0002", 1)
    for name, value in values.items():
        if name not in secrets.PUBLIC:
            raw = value.encode() if isinstance(value, str) else value
            assert raw not in data and raw.hex().encode() not in data, name
            if isinstance(value, str):
                assert bytes.fromhex(value) not in data, name


def test_a_failed_plan_enters_nothing(tmp_path: Path):
    books = new_books(tmp_path / "books.db", count=2)
    before = verify(str(tmp_path / "books.db"))
    bad = {
        "a batch b1 already": registry.Plan("b1", "parking", "70b3d57ed0000010", True, [("N-1", {})]),
        "in the books already": registry.Plan("b2", "parking", "70b3d57ed0000010", True, [("N-1", {}), ("KS-0000", {})]),
        "twice in the plan": registry.Plan("b2", "parking", "70b3d57ed0000010", True, [("N-1", {}), ("N-1", {})]),
        "JoinEUI 'xyz' is no EUI-64": registry.Plan("b2", "parking", "xyz", True, [("N-1", {})]),
        "locally administered": registry.Plan("b2", "parking", "02b3d57ed0000010", True, [("N-1", {})]),
    }
    for reason, plan in bad.items():
        with pytest.raises(IdentityError, match=reason):
            registry.plan(books, plan)
    assert verify(str(tmp_path / "books.db")) == before
    euis = registry.plan(books, registry.Plan("b2", "parking", "70b3d57ed0000010", True, [("N-1", {})]))
    assert euis == ["70b3d57ed0000002"], "no EUI was lost to the failures, and none is given twice"


def test_blocks_of_euis(tmp_path: Path):
    for text, reason in (("70b3d", "no block"), ("70b3d57ed00000100", "no block"), ("zzzzzz", "no block"), ("01b3d5", "group bit"),
                         ("02b3d5", "locally administered")):
        with pytest.raises(IdentityError, match=reason):
            eui.parse_block(text)
    with pytest.raises(IdentityError, match="is not locally administered"):
        eui.parse_block("70b3d5", local=True)
    books = Books.create(str(tmp_path / "books.db"), "owner", PASSPHRASE)
    with books.change("block") as change:
        eui.add_block(change.connection, eui.parse_block("70b3d57ed00000", local=False), first=254)
        with pytest.raises(IdentityError, match="overlaps"):
            eui.add_block(change.connection, eui.parse_block("70b3d57ed"))
        assert eui.take(change.connection, 2, True) == ["70b3d57ed00000fe", "70b3d57ed00000ff"]
        with pytest.raises(IdentityError, match="No block has 1"):
            eui.take(change.connection, 1, True)
        eui.add_block(change.connection, eui.parse_block("02ffee", local=True))
        with pytest.raises(IdentityError, match="No block has 1"):
            eui.take(change.connection, 1, True)
        assert eui.take(change.connection, 1, False) == ["02ffee0000000000"]


def test_what_is_no_book_is_told_in_a_sentence(tmp_path: Path):
    (tmp_path / "text").write_text("hello, this is a text and no database at all" * 100)
    with pytest.raises(BooksError, match=r"(text is not a database|do not open)"):
        Books.create(str(tmp_path / "text"), "owner", PASSPHRASE)
    with pytest.raises(BooksError, match="There are no books at"):
        Books.enter(str(tmp_path / "none.db"), "owner", PASSPHRASE)
    with pytest.raises(BooksError, match="mysql are not supported"):
        parse_url("mysql://root:secret@host/x")
    with pytest.raises(BooksError) as caught:
        Books.enter("postgresql://root:hidden-word@127.0.0.1:1/x", "owner", PASSPHRASE)
    assert "hidden-word" not in str(caught.value)
    new_books(tmp_path / "books.db")
    with pytest.raises(BooksError, match="already"):
        Books.create(str(tmp_path / "books.db"), "owner", PASSPHRASE)
