"""MicroPython images: taken apart so that a board keeps its identity, refused with the one thing that is wrong, fetched only as named."""

from __future__ import annotations

import hashlib
import http.server
import random
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import esp_bench
from flash_bench import esp_image, rp2_image
from kerbstone.bench.esp import partitions
from kerbstone.bench.esp.partitions import Partition
from kerbstone.build.board import load_board
from kerbstone.build.board_extras import ImageFile
from kerbstone.errors import FlashError
from kerbstone.flash import images
from virtual_board import firmware, uf2

S3, PICO = "xiao_esp32s3_wio_sx1262", "pico"


def test_an_esp32s_nvs_is_no_piece_of_its_image(tmp_path: Path):
    for mcu, start in (("esp32", 0x1000), ("esp32s3", 0)):
        image = images.read(esp_image(tmp_path / "esp.bin", mcu))
        assert image.mcu == mcu and sorted(image.pieces) == [start, 0x8000, 0x10000]
        taken = [(at, at + len(data)) for at, data in image.pieces.items()]
        assert not any(low < 0xF000 and high > 0x9000 for low, high in taken)
        whole = (tmp_path / "esp.bin").read_bytes()
        assert all(whole[at - start :].startswith(data) for at, data in image.pieces.items())


def test_the_slot_that_starts_is_the_one_that_is_written(tmp_path: Path):
    rows = [
        Partition("nvs", partitions.DATA, 0x02, 0x9000, 0x4000), Partition("otadata", partitions.DATA, 0x00, 0xD000, 0x2000),
        Partition("ota_0", partitions.APP, 0x10, 0x10000, 0x100000), Partition("ota_1", partitions.APP, 0x11, 0x110000, 0x100000),
    ]
    path = tmp_path / "ota.bin"
    path.write_bytes(esp_bench.firmware("esp32", table=rows))
    image = images.read(path)
    assert image.pieces[0xD000] == b"\xff" * 0x2000 and sorted(image.pieces) == [0x1000, 0x8000, 0xD000, 0x10000]


def no_nvs() -> bytes:
    return esp_bench.firmware("esp32s3", table=[row for row in esp_bench.TABLE if row.label != "nvs"])


def long_app() -> bytes:
    table = [*esp_bench.TABLE[:2], Partition("factory", partitions.APP, partitions.FACTORY, 0x10000, 0x200000)]
    return esp_bench.firmware("esp32s3", table=table)


def named(version: str) -> bytes:
    pages = firmware(8)
    pages[256] = f"MicroPython {version} on 2024-01-01; Pico".encode().ljust(256, b"\0")
    return bytes(uf2(pages))


WRONG = {
    "no image": (lambda: b"hello", PICO, "is no MicroPython image"),
    "empty": (lambda: b"", PICO, "is no MicroPython image"),
    "an application alone": (lambda: esp_bench.application("esp32s3"), S3, "has no partition table"),
    "cut off": (lambda: esp_bench.firmware("esp32s3")[:0xA000], S3, "ends before its first application"),
    "another ESP32": (lambda: esp_bench.firmware("esp32"), S3, "is for an esp32, and .* has an esp32s3"),
    "a UF2 for an ESP32": (lambda: bytes(uf2(firmware(4))), S3, "is for an rp2040"),
    "no place for an identity": (no_nvs, S3, "has no NVS partition"),
    "another file system": (long_app, S3, "has its file system at 0x210000"),
    "an unknown chip": (lambda: b"\xe9\x01\x02\x20" + b"\0" * 8 + b"\x63\x00" + b"\0" * 60_000, S3, "a chip with the number 99"),
    "over the identity": (lambda: bytes(uf2(firmware(4) | {0x9E000: b"\1" * 256})), PICO, "ends at 0x9e100, over the identity at 0x9e000"),
    "too old": (lambda: named("v1.22.1"), PICO, "is MicroPython 1.22, and kerb needs 1.28"),
    "a damaged UF2": (lambda: bytes(uf2(firmware(4)))[:-1], PICO, "truncated"),
}


@pytest.mark.parametrize("case", WRONG)
def test_an_image_that_does_not_fit_is_refused_with_one_sentence(case: str, tmp_path: Path):
    make, board, words = WRONG[case]
    path = tmp_path / "image"
    path.write_bytes(make())
    with pytest.raises(FlashError, match=words) as caught:
        images.check(images.read(path), load_board(board))
    assert str(caught.value).endswith(".") and "\n" not in str(caught.value)


def test_an_image_that_fits_is_taken(tmp_path: Path):
    images.check(images.read(esp_image(tmp_path / "a")), load_board(S3))
    images.check(images.read(rp2_image(tmp_path / "b")), load_board(PICO))
    (tmp_path / "c").write_bytes(named("v1.29.0"))
    image = images.read(tmp_path / "c")
    images.check(image, load_board(PICO))
    assert image.version == (1, 29)


def test_damage_never_ends_in_anything_but_one_sentence(tmp_path: Path):
    chance = random.Random(7)
    path = tmp_path / "image"
    wholes = [esp_image(tmp_path / "a").read_bytes(), rp2_image(tmp_path / "b", 12).read_bytes()]
    refused = 0
    for _ in range(400):
        data = bytearray(chance.choice(wholes))
        for _ in range(chance.randrange(1, 6)):
            data[chance.randrange(0, min(len(data), 0x8400) if chance.random() < 0.8 else len(data))] = chance.randrange(256)
        path.write_bytes(data[: chance.randrange(len(data))] if chance.random() < 0.3 else data)
        try:
            image = images.read(path)
            images.check(image, load_board(S3 if image.mcu == "esp32s3" else PICO))
        except FlashError:
            refused += 1
    assert 100 < refused < 400


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args, **options):
            super().__init__(*args, directory=str(tmp_path / "www"), **options)

        def log_message(self, *_words: object) -> None:
            """No line a request."""

    (tmp_path / "www").mkdir()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as httpd:
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{httpd.server_address[1]}"
        httpd.shutdown()


def test_only_what_has_the_hash_of_the_board_file_is_fetched(server: str, tmp_path: Path):
    data = rp2_image(tmp_path / "www" / "pico.uf2", 8).read_bytes()
    table = ImageFile(address=f"{server}/pico.uf2", sha256=hashlib.sha256(data).hexdigest())
    cache = tmp_path / "cache"
    cache.mkdir()
    found = images.fetch("Pico", table, cache)
    assert found.read_bytes() == data
    (tmp_path / "www" / "pico.uf2").write_bytes(data[:-1] + b"\0")
    assert images.fetch("Pico", table, cache) == found, "from the cache"
    found.write_bytes(b"spoilt")
    with pytest.raises(FlashError, match="is not the image Pico names"):
        images.fetch("Pico", table, cache)
    found.unlink()
    with pytest.raises(FlashError, match="is not the image"):
        images.fetch("Pico", table, cache)
    with pytest.raises(FlashError, match="cannot be fetched"):
        images.fetch("Pico", ImageFile(address=f"{server}/none.uf2", sha256=table.sha256), cache)
    assert [path.name for path in cache.iterdir()] == []
