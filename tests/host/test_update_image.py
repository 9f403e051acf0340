"""Images on the host: what is taken from a file, what is refused, signed and cut in pieces from the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cbor2
import pytest
from typer.testing import CliRunner

import esp_bench
from kerbstone.bench.esp import image, partitions
from kerbstone.bench.esp.partitions import Partition
from kerbstone.books.books import Books
from kerbstone.build.board import load_board
from kerbstone.cli import app as commands
from kerbstone.errors import UpdateError
from kerbstone.update.image import pieces, read

OTA_TABLE = [
    Partition("nvs", partitions.DATA, 0x02, 0x9000, 0x4000),
    Partition("otadata", partitions.DATA, partitions.OTA_DATA, 0xD000, 0x2000),
    Partition("ota_0", partitions.APP, 0x10, 0x10000, 0x180000),
    Partition("ota_1", partitions.APP, 0x11, 0x190000, 0x180000),
]
PASSPHRASE = "a long passphrase of a test"
NODE = """
[node]
board = "esp32_devkitc_ota"
app = "terminal"
[parts.climate]
driver = "sht4x"
bus = "i2c.main"
period_s = 60
[app.channels]
temp_c = {}
[uplink]
kind = "mqtt"
[update]
vendor = "example.org"
class = "pole"
keys = "trust.json"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "new.app-bin"
    path.write_bytes(esp_bench.application("esp32", 9000))
    return path


def test_an_application_alone_and_one_inside_a_whole_image_are_the_same(tmp_path: Path, file: Path):
    whole = tmp_path / "whole.bin"
    whole.write_bytes(esp_bench.firmware("esp32", app=file.read_bytes(), table=OTA_TABLE) + b"\xff" * 5000)
    board = load_board("esp32_devkitc_ota")
    assert read(file, board) == read(whole, board) == file.read_bytes()


@pytest.mark.parametrize(
    ("make", "board", "words"),
    [
        (lambda: esp_bench.application("esp32", 9000), "esp32_devkitc", "one application partition"),
        (lambda: esp_bench.application("esp32", 9000), "pico", "one application partition"),
        (lambda: esp_bench.application("esp32s3", 9000), "esp32_devkitc_ota", "is for chip 9"),
        (lambda: esp_bench.application("esp32", 9000)[:-40], "esp32_devkitc_ota", "no ESP32 image, or damaged"),
        (lambda: b"something else", "esp32_devkitc_ota", "no ESP32 image, or damaged"),
        (lambda: b"", "esp32_devkitc_ota", "no ESP32 image, or damaged"),
        (lambda: image.build(0, bytes(0x17F000)), "esp32_devkitc_ota", "take a smaller image"),
    ],
)
def test_what_is_no_image_for_the_board_is_one_sentence(tmp_path: Path, make, board: str, words: str):
    path = tmp_path / "given.bin"
    path.write_bytes(make())
    with pytest.raises(UpdateError, match=words):
        read(path, load_board(board))


def test_pieces_put_together_are_the_image_again():
    content = bytes(range(256)) * 37 + b"end"
    rows = pieces(content)
    assert b"".join(row[10:] for row in rows) == content and {len(row) for row in rows[:-1]} == {266}
    assert [int.from_bytes(row[8:10], "big") for row in rows] == list(range(len(rows))) and {row[:4] for row in rows} == {b"KUI1"}
    for wrong in (100, 300, 8192):
        with pytest.raises(UpdateError, match="pieces of"):
            pieces(content, wrong)


def test_the_commands_sign_an_image_and_cut_it(tmp_path: Path, file: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KERBSTONE_PASSPHRASE", PASSPHRASE)

    def run(*words: str) -> Any:
        done = CliRunner().invoke(commands, ["update", *words, "--json"], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return json.loads(done.output)

    Books.create("books.db", "owner", PASSPHRASE).close()
    for name in ("first", "second"):
        run("key", name)
    Path("trust.json").write_text(json.dumps(run("keys")))
    Path("node.toml").write_text(NODE)
    signed = run("sign", "node.toml", "--key", "first", "--sequence", "4", "--image", str(file), "--out", "image.kup")
    assert signed["image_bytes"] == len(file.read_bytes()) and signed["bytes"] < 260
    assert len(run("fragments", "image.kup", "--size", "480")) == 1
    assert b"".join(bytes.fromhex(row)[10:] for row in run("pieces", "node.toml", str(file))) == file.read_bytes()
    with pytest.raises(UpdateError, match="no difference"):
        run("sign", "node.toml", "--key", "first", "--sequence", "5", "--image", str(file), "--base", "x.app", "--out", "five.kup")
    Path("plain.toml").write_text(NODE.replace("esp32_devkitc_ota", "esp32_devkitc"))
    with pytest.raises(UpdateError, match="one application partition"):
        run("sign", "plain.toml", "--key", "first", "--sequence", "5", "--image", str(file), "--out", "five.kup")
    assert not Path("five.kup").exists()


def test_a_manifest_of_an_image_names_board_size_and_digest():
    from kerbstone.update.bundle import class_id, vendor_id
    from kerbstone.update.image import ImageUpdate

    made = ImageUpdate(vendor_id("example.org"), class_id("example.org", "pole"), 3, b"x" * 700, "ESP32_GENERIC-OTA", "1.29.1")
    fields = cbor2.loads(made.manifest())
    assert fields[12] == [made.digest, 700, "ESP32_GENERIC-OTA", 256] and fields[10] == "1.29.1" and 5 not in fields
