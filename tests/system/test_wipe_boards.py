"""No byte of a key is left in the flash of a board, wherever it once lay: wiped by the firmware, and by cable."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from enrolled_board import ESP, PICO, board_flash, esp_board, new_books, new_file_system, pico_board
from esp_bench import TABLE
from flash_bench import kerbstone
from kerbstone.build.firmware import compile_tree
from kerbstone.flash.link import Link
from kerbstone.identity import secrets
from kerbstone.identity.place import XIP_BASE, sectors
from kerbstone.identity.writing import write
from kerbstone.paths import firmware_dir

BOARDS = {"esp32": (ESP, esp_board), "rp2040": (PICO, pico_board)}
FULL = os.environ.get("KERBSTONE_CAMPAIGN") == "full"
_NODE = """
[node]
board = "pico"
app = "terminal"
[parts.housing]
driver = "rp2_temp"
period_s = 60
[uplink]
kind = "mqtt"
[policy]
deep_sleep = false
"""
_NVS = next(row.at for row in TABLE if row.label == "nvs")


def enrolled(chip: str, folder: Path) -> list[bytes]:
    """A board with an identity, stale copies of it where flash keeps them, and all its keys in every form they could lie there."""
    books = new_books(folder / "books.db", 1)
    name, opened = BOARDS[chip]
    state = folder / "board"
    state.mkdir()
    board_flash(name, state / "flash.bin")
    files = {path: data for path, data in compile_tree(firmware_dir()).items() if path.startswith("/kerb/")}
    new_file_system(name, state / "flash.bin", files)
    with opened(state) as place:
        write(books, place, "b1")
        with books.look() as connection:
            values = secrets.read(connection, books, "KS-0000", 1)
        keys = [value for name, value in values.items() if isinstance(value, bytes) and len(value) > 7]
        forms = [form for key in keys for form in (key, key.hex().encode(), key[::-1])]
        with Link(place.port) as link:  # a file that was removed, and one that was written over
            for key in keys:
                link.exec(f"import os\nopen('/old','w').write({key.hex() * 40!r})\nos.remove('/old')")
                link.exec(f"open('/new','wb').write({key * 90!r})")
            link.exec("open('/new','w').write('other')")
    if chip == "esp32":  # a page NVS has freed and not yet erased
        with (state / "flash.bin").open("r+b") as f:
            f.seek(_NVS + 5 * 4096)
            f.write(b"".join(keys))
    raw = (state / "flash.bin").read_bytes()
    assert all(key in raw for key in keys) and any(key.hex().encode() in raw for key in keys)
    return forms


def left(folder: Path, forms: list[bytes]) -> list[int]:
    """Where anything of a key is still found."""
    raw = (folder / "board" / "flash.bin").read_bytes()
    return sorted({raw.find(form) for form in forms} - {-1})


@pytest.mark.security("12")
def test_an_esp32_s_own_wipe_leaves_nothing(tmp_path: Path) -> None:
    forms = enrolled("esp32", tmp_path)
    with esp_board(tmp_path / "board") as place, Link(place.port) as link:
        link.exec("from kerb import wipe\nwipe.wipe()", 60)
    assert left(tmp_path, forms) == []


@pytest.mark.security("12")
def test_an_rp2040_s_own_wipe_reaches_its_file_system_and_the_cable_the_rest(tmp_path: Path) -> None:
    forms = enrolled("rp2040", tmp_path)
    with pico_board(tmp_path / "board") as place:
        with Link(place.port) as link:
            link.exec("from kerb import wipe\nwipe.wipe()", 60)
        below = sectors(place.board)[1] - XIP_BASE + 4096
        assert left(tmp_path, forms) and all(at < below for at in left(tmp_path, forms)), "as docs/security.md says"
        words = ("--port", str(tmp_path / "board"))
        refused = kerbstone("wipe", "light", *words)
        assert refused.returncode == 2 and "add --yes" in refused.stderr
        other = kerbstone("wipe", "light", *words, "--yes")
        assert other.returncode == 2 and "the identity is still there" in other.stderr, "a pico_w keeps it elsewhere than a pico"
        mine = tmp_path / "pico.toml"
        mine.write_text(_NODE)
        done = kerbstone("wipe", mine, *words, "--yes")
        assert done.returncode == 0, done.stdout + done.stderr
    assert left(tmp_path, forms) == []


@pytest.mark.skipif(not FULL, reason="another ten seconds: set KERBSTONE_CAMPAIGN=full")
def test_an_esp32_is_wiped_by_cable(tmp_path: Path) -> None:
    forms = enrolled("esp32", tmp_path)
    with esp_board(tmp_path / "board") as place:
        done = kerbstone("wipe", "air", "--port", place.port, "--yes")
        assert done.returncode == 0, done.stdout + done.stderr
    assert left(tmp_path, forms) == []
