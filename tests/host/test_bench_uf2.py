"""UF2 files: what the flash gets, and one sentence for everything that is not for this chip."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kerbstone.bench.chip_flash import ChipFlash, blank
from kerbstone.bench.uf2 import Uf2Error, boot_crc, boots, parse, program
from kerbstone.errors import BenchError
from virtual_board import boot_page, firmware, uf2

FLASH = 2 << 20


def test_the_boot_checksum_is_crc32_mpeg2_by_its_published_check_value():
    assert boot_crc(b"123456789") == 0x0376E6E7


def test_every_byte_lands_at_its_address_and_the_rest_of_a_touched_sector_is_erased(tmp_path: Path):
    flash = tmp_path / "flash"
    flash.write_bytes(b"\x5a" * FLASH)
    pages = firmware(20) | {0x9E000: b"identity".ljust(256, b"\0")}
    program(parse(bytes(uf2(pages)), FLASH, "f.uf2"), flash)
    expected = bytearray(b"\x5a" * FLASH)
    for sector in (0, 0x1000, 0x9E000):
        expected[sector : sector + 4096] = b"\xff" * 4096
    for offset, page in pages.items():
        expected[offset : offset + 256] = page
    assert flash.read_bytes() == expected
    assert boots(flash)


def test_blocks_may_come_in_any_order():
    pages = firmware(9)
    data = bytes(uf2(pages))
    blocks = [data[i : i + 512] for i in range(0, len(data), 512)]
    assert parse(b"".join(reversed(blocks)), FLASH, "f").pages == pages


def test_blocks_not_for_the_main_flash_are_left_out():
    data = uf2(firmware(3))
    struct.pack_into("<I", data, 512 + 8, 0x2001)
    assert sorted(parse(bytes(data), FLASH, "f").pages) == [0, 512]


def damaged(at: int, word: int) -> bytes:
    data = uf2(firmware(8))
    struct.pack_into("<I", data, at, word)
    return bytes(data)


BAD = {
    "empty": (b"", "not a UF2"),
    "text": (b"hello\n" * 100, "not a UF2"),
    "truncated": (bytes(uf2(firmware(8)))[:-512], "truncated"),
    "cut in a block": (bytes(uf2(firmware(8)))[:-100], "truncated"),
    "too long": (bytes(uf2(firmware(8))) + b"\0" * 512, "truncated"),
    "RP2350": (bytes(uf2(firmware(8), family=0xE48BFF59)), "RP2350"),
    "ESP32-S3": (bytes(uf2(firmware(8), family=0xC47E5767)), "ESP32-S3"),
    "unknown family": (bytes(uf2(firmware(8), family=0x12345678)), "0x12345678"),
    "no family": (bytes(uf2(firmware(8), flags=0)), "no chip in particular"),
    "one block of another family": (damaged(512 * 3 + 28, 0xE48BFF59), "block 3"),
    "second magic": (damaged(512 * 2 + 4, 0), "block 2"),
    "end magic": (damaged(512 * 2 + 508, 0), "block 2"),
    "number twice": (damaged(512 * 5 + 20, 4), "block 4 of 8"),
    "number too large": (damaged(512 * 5 + 20, 8), "block 8 of 8"),
    "other count": (damaged(512 * 5 + 24, 9), "of 9"),
    "page size": (bytes(uf2(firmware(2), size=128)), "pages of 256"),
    "odd address": (damaged(512 + 12, 0x10000180), "pages of 256"),
    "below flash": (damaged(512 + 12, 0x0FFFFF00), "outside"),
    "RAM": (damaged(512 + 12, 0x20000000), "outside"),
    "behind flash": (damaged(512 + 12, 0x10000000 + FLASH), "outside"),
    "same page twice": (damaged(512 + 12, 0x10000000), "twice"),
    "nothing for flash": (bytes(uf2(firmware(2), flags=0x2001)), "nothing to write"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_file_is_refused_in_one_sentence_that_names_it(case: str):
    data, word = BAD[case]
    with pytest.raises(Uf2Error) as caught:
        parse(data, FLASH, "bad.uf2")
    text = str(caught.value)
    assert word in text and text.startswith("bad.uf2") and text.endswith(".") and "\n" not in text


@given(st.integers(0, 8 * 512 - 1), st.integers(1, 255))
def test_no_damaged_byte_of_a_header_or_end_mark_passes_unless_it_still_says_a_lawful_page(at: int, flip: int):
    """A flipped byte is refused, or changes only what the flags and the padding leave free, or the content."""
    clean = bytes(uf2(firmware(8)))
    data = bytearray(clean)
    data[at] ^= flip
    try:
        pages = parse(bytes(data), FLASH, "f").pages
    except Uf2Error:
        return
    inside = at % 512
    assert 8 <= inside < 16 or 32 <= inside < 508
    if inside >= 32:
        assert set(pages) == set(firmware(8))


@given(st.binary(max_size=3000))
def test_arbitrary_bytes_never_raise_anything_but_the_sentence(data: bytes):
    with pytest.raises(Uf2Error):
        parse(data, FLASH, "f")


def test_a_flash_without_a_sound_boot_stage_does_not_start(tmp_path: Path):
    flash = tmp_path / "flash"
    blank(flash, FLASH)
    assert not boots(flash)
    page = bytearray(boot_page())
    page[3] ^= 1
    program(parse(bytes(uf2({0: bytes(page)})), FLASH, "f"), flash)
    assert not boots(flash)


def test_the_file_system_part_touches_nothing_outside_itself(tmp_path: Path):
    path = tmp_path / "flash"
    path.write_bytes(b"\x5a" * 65536)
    flash = ChipFlash(path, 0x4000, 0x8000)
    for block in range(flash.blocks):
        flash.erase(block)
    flash.program(0, 0, b"first")
    flash.program(7, 4091, b"final")
    flash.close()
    inside = bytearray(b"\xff" * 0x8000)
    inside[:5], inside[-5:] = b"first", b"final"
    assert path.read_bytes() == b"\x5a" * 0x4000 + inside + b"\x5a" * 0x4000


@pytest.mark.parametrize(("offset", "size"), [(0x4000, 0x10000), (1, 4096), (0, 100), (-4096, 4096), (0, 0)])
def test_a_file_system_that_does_not_fit_its_image_is_refused(tmp_path: Path, offset: int, size: int):
    path = tmp_path / "flash"
    blank(path, 65536)
    with pytest.raises(BenchError, match="does not fit"):
        ChipFlash(path, offset, size)
