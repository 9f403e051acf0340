"""An identity on a board: written twice, proven by the board, still there after a reformat, one for ever."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from enrolled_board import ESP, PASSPHRASE, PICO, esp_board, new_books, new_file_system, pico_board
from kerbstone.books.books import Books, verify
from kerbstone.errors import IdentityError
from kerbstone.flash.link import Link
from kerbstone.identity import registry, secrets
from kerbstone.identity.place import sectors
from kerbstone.identity.record import pack
from kerbstone.identity.writing import prove, write

BOARDS = {"esp32": esp_board, "rp2040": pico_board}


@pytest.mark.parametrize("chip", BOARDS)
def test_a_board_gets_one_identity_and_proves_it(chip: str, tmp_path: Path):
    books = new_books(tmp_path / "books.db")
    with BOARDS[chip](tmp_path / "board") as place:
        first = write(books, place, "b1")
        assert first.state == registry.PROVEN
        assert write(books, place, "b1") == first, "the same chip keeps its identity"
        assert prove(books, place) == first
        with Link(place.port) as link:
            assert link.exec(f"from kerb import identity; print(identity.load({sectors(place.board)}))").startswith("<Identity of")
    with books.look() as connection:
        assert [row.chip_id for row in registry.listing(connection) if row.chip_id] == [first.chip_id]
    assert verify(str(tmp_path / "books.db")).wrong == []


@pytest.mark.parametrize("chip", BOARDS)
def test_a_reformat_leaves_the_identity(chip: str, tmp_path: Path):
    books = new_books(tmp_path / "books.db")
    with BOARDS[chip](tmp_path / "board") as place:
        first = write(books, place, "b1")
        with Link(place.port) as link:
            link.exec("open('kept', 'w').close()")
    new_file_system({"esp32": ESP, "rp2040": PICO}[chip], tmp_path / "board" / "flash.bin")
    with BOARDS[chip](tmp_path / "board") as place:
        with Link(place.port) as link:
            assert "kept" not in link.exec("import os; print(os.listdir('/'))")
        assert prove(books, place) == first


def test_a_board_that_another_books_enrolled_is_named(tmp_path: Path):
    mine, theirs = new_books(tmp_path / "mine.db"), new_books(tmp_path / "theirs.db")
    with esp_board(tmp_path / "board") as place:
        write(theirs, place, "b1")
        with pytest.raises(IdentityError, match="no device"):
            prove(mine, place)


def test_damage_to_one_copy_is_found_and_mended(tmp_path: Path):
    books = new_books(tmp_path / "books.db")
    with esp_board(tmp_path / "board") as place:
        first = write(books, place, "b1")
        with Link(place.port) as link:
            link.exec("from esp32 import NVS\nn = NVS('kerb'); b = bytearray(4096); k = n.get_blob('id0', b); b[40] ^= 1\n"
                      "n.set_blob('id0', b[:k]); n.commit()")
            assert link.exec("from kerb import identity; print(identity.load().get('device_id'))").strip() == first.serial
        with pytest.raises(IdentityError, match="does not prove copy 1"):
            prove(books, place)
        assert write(books, place, "b1") == first
        assert prove(books, place) == first


def test_a_station_writes_and_cannot_read_afterwards(tmp_path: Path):
    owner = new_books(tmp_path / "books.db", count=1)
    owner.add_member("bench-1", "station", "the station's own words")
    registry.rotate(owner, "KS-0000", "bench-1", {})
    station = Books.enter(str(tmp_path / "books.db"), "bench-1", "the station's own words")
    with pico_board(tmp_path / "board") as place:
        outcome = write(station, place, "b1")
    assert outcome.state == registry.PROVEN
    with station.look() as connection, pytest.raises(IdentityError, match="may not open the keys of KS-0000"):
        secrets.read(connection, station, "KS-0000", 2)
    with owner.look() as connection:
        assert secrets.read(connection, owner, "KS-0000", 2)["device_id"] == "KS-0000"


def test_rotation_changes_every_key_on_the_board_and_a_retired_chip_gets_no_other(tmp_path: Path):
    books = new_books(tmp_path / "books.db")
    with esp_board(tmp_path / "board") as place:
        first = write(books, place, "b1")
        registry.rotate(books, first.serial, None, {})
        with pytest.raises(IdentityError, match=r"does not prove app_key, device_key, mqtt_password, mqtt_psk;"):
            prove(books, place)
        assert write(books, place, "b1") == first
        registry.retire(books, first.serial)
        with pytest.raises(IdentityError, match="which is retired"):
            write(books, place, "b1")
    assert PASSPHRASE.encode() not in (tmp_path / "books.db").read_bytes()


def test_the_record_on_the_board_and_here_are_the_same_bytes(tmp_path: Path):
    books = new_books(tmp_path / "books.db", count=1)
    with books.look() as connection:
        values = secrets.read(connection, books, "KS-0000", 1)
    frame = pack(values)
    with esp_board(tmp_path / "board") as place:
        write(books, place, None)
        with Link(place.port) as link:
            held = link.exec("from esp32 import NVS\nb = bytearray(4096); k = NVS('kerb').get_blob('id1', b); print(b[:k].hex())").strip()
    assert re.fullmatch("[0-9a-f]+", held) and bytes.fromhex(held) == frame
