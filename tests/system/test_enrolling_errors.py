"""Bad input to build, flash, doctor and commission: one sentence that says what, where and what next; nothing half done."""

from __future__ import annotations

from pathlib import Path

import pytest

from enrolled_board import PASSPHRASE, new_books
from flash_bench import esp_image, kerbstone, rp2_image
from kerbstone.cli import app
from kerbstone.errors import KerbstoneError

BAD = {
    "build an unknown node": ("build parkin", "'parking'"),
    "build into a file as folder": ("build parking --out {file}/a.zip", "cannot be written"),
    "build for another chip": ("build parking --micropython {rp2}", "is for an rp2040"),
    "build for no image": ("build parking --micropython {file}", "is no MicroPython image"),
    "build for a missing image": ("build parking --micropython {folder}/none.bin", "cannot be read"),
    "flash nothing": ("flash", "no node is named"),
    "flash a batch without books": ("flash parking --batch b1", "needs the books"),
    "flash an unknown batch": ("flash --books {books} --batch none", "no batch none"),
    "flash with two images": ("flash parking --micropython {esp} --micropython {esp}", "are both for an esp32s3"),
    "flash with a useless image": ("flash parking --micropython {rp2}", "no node given runs on one"),
    "flash a batch of another node": ("flash light --books {books} --batch b1", "is for the node parking"),
    "flash two batches of a node": ("flash --books {books} --batch b1 --batch b1", "both for the node parking"),
    "flash without a part there is not": ("flash parking --without nose", "no node has a part 'nose'"),
    "flash a board twice": ("flash parking --port /dev/a --port /dev/a", "named twice"),
    "flash a folder": ("flash parking --port {folder}", "no drive of a boot loader"),
    "flash from no books": ("flash parking --books {folder}/none.db --batch b1", "There are no books"),
    "examine a folder": ("doctor --port {folder}", "no drive of a boot loader"),
    "commission an unknown device": ("commission KS-9999 --port /dev/a --bay 1 --books {books}", "no device KS-9999"),
    "commission without a place": ("commission KS-0000 --port /dev/a --books {books}", "nothing is said"),
    "commission before it is written": ("commission KS-0000 --port /dev/a --bay 1 --books {books}", "flash it first"),
    "commission beyond the pole": ("commission KS-0000 --port /dev/a --lat 91 --books {books}", "'--lat'"),
    "commission nonsense": ("commission KS-0000 --port /dev/a --set a=b=c --books {books}", "no value of a node file"),
    "commission a word": ("commission KS-0000 --port /dev/a --set a --books {books}", "no KEY=VALUE"),
    "commission dims": ("commission KS-0000 --port /dev/a --dims 1x2 --books {books}", "no millimetres"),
}


@pytest.fixture(scope="module")
def things(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("bad")
    new_books(folder / "books.db", 1)
    (folder / "file").write_text("no image")
    (folder / "folder").mkdir()
    made = {"esp": esp_image(folder / "esp.bin"), "rp2": rp2_image(folder / "rp2.uf2", 8)}
    return made | {"books": folder / "books.db", "file": folder / "file", "folder": folder / "folder"}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_gets_one_sentence_and_changes_nothing(case: str, things: dict[str, Path], monkeypatch, capsys):
    words, expected = BAD[case]
    monkeypatch.setenv("KERBSTONE_PASSPHRASE", PASSPHRASE)
    monkeypatch.chdir(things["folder"])
    before = things["books"].read_bytes()
    with pytest.raises(Exception) as caught:
        app([word.format(**things) for word in words.split()], standalone_mode=False)
    said = str(caught.value) if isinstance(caught.value, KerbstoneError) else caught.value.format_message()  # type: ignore[attr-defined]
    assert expected in said and "\n" not in said
    assert said.rstrip().endswith((".", "?")) or not isinstance(caught.value, KerbstoneError)
    assert list(things["folder"].iterdir()) == [] and things["books"].read_bytes() == before
    assert capsys.readouterr().out == ""


def test_the_command_line_says_it_on_one_line_and_exits_with_two(things: dict[str, Path]):
    done = kerbstone("flash", "parking", "--micropython", things["rp2"], "--port", "/dev/none")
    assert done.returncode == 2 and done.stderr.count("\n") == 1 and done.stderr.startswith("kerbstone: ") and done.stdout == ""


def test_a_board_that_is_not_there_is_a_verdict_and_not_an_error(things: dict[str, Path], capsys):
    assert app(["flash", "parking", "--port", str(things["folder"] / "none")], standalone_mode=False) == 1
    said = capsys.readouterr().out
    assert "FAIL, there is no such port" in said and "0 of 1 boards passed" in said
