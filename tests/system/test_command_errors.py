"""Bad input at the command line: one sentence, exit code 2, no traceback, nothing half done."""

import os
import socket
import subprocess
import sys

import pytest

from kerbstone.bench.uf2 import RP2040
from kerbstone.paths import boards_dir
from virtual_board import boot_page, firmware, uf2


def kerbstone(*words, **environment):
    command = [sys.executable, "-m", "kerbstone", *words]
    # Against hanging only: a day of a node is seconds of computing, and a busy machine has made a minute of them.
    return subprocess.run(command, capture_output=True, text=True, timeout=300, env={**os.environ, **environment}, check=False)


def refused(done):
    assert done.returncode == 2, (done.returncode, done.stdout, done.stderr)
    assert "Traceback" not in done.stderr
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    assert len(lines) == 1 and lines[0].startswith("kerbstone: "), done.stderr
    return lines[0]


def test_an_unknown_node():
    assert "'parking'" in refused(kerbstone("emulate", "parkin"))


def test_a_misspelt_key_names_file_line_and_the_nearest_key(tmp_path):
    text = (boards_dir() / "nodes" / "light.toml").read_text().replace("report_s = 900", "report_z = 900")
    (tmp_path / "mine.toml").write_text(text)
    at = text.splitlines().index("report_z = 900") + 1
    said = refused(kerbstone("emulate", str(tmp_path / "mine.toml")))
    assert f"mine.toml:{at}" in said and "'report_s'" in said


def test_no_micropython(tmp_path):
    said = refused(kerbstone("emulate", "light", "--for", "1h", MICROPYTHON=str(tmp_path / "none")))
    assert "MICROPYTHON" in said


def test_a_micropython_that_is_none(tmp_path):
    fake = tmp_path / "micropython"
    fake.write_text("#!/bin/sh\nexit 3\n")
    fake.chmod(0o755)
    refused(kerbstone("emulate", "light", "--for", "1h", MICROPYTHON=str(fake)))


def test_a_broker_that_is_not_there(tmp_path):
    report = tmp_path / "r.html"
    said = refused(kerbstone("emulate", "light", "--for", "1h", "--broker", "mqtt://127.0.0.1:1", "--report", str(report)))
    assert "127.0.0.1:1" in said and not report.exists()


def test_a_broker_address_never_shows_its_password():
    assert "hunter2" not in refused(kerbstone("emulate", "light", "--for", "1h", "--broker", "mqtt://u:hunter2@127.0.0.1:1"))


@pytest.mark.parametrize("text", ["", "0h", "24", "1y", "-1d", "9999999d"])
def test_a_duration_that_is_none(text):
    refused(kerbstone("emulate", "light", "--for", text) if text != "-1d" else kerbstone("emulate", "light", "--for=-1d"))


def test_a_report_in_a_folder_that_does_not_exist(tmp_path):
    refused(kerbstone("emulate", "light", "--for", "1h", "--report", str(tmp_path / "no" / "r.html")))


@pytest.mark.parametrize(
    ("payload", "word"),
    [("", "empty"), ("zz", "hex"), ("1", "hex"), ("10", "truncated"), ("100000000000", "long"), ("1c00", "version"), ("2000", "profile")],
)
def test_a_payload_that_is_none(payload, word):
    assert word in refused(kerbstone("decode", "parking", payload))


@pytest.mark.parametrize(
    "words",
    [("emulate", "light", "--seed", "x"), ("emulate",), ("emulate", "light", "--fro", "1h"), ("emulat",), ("decode", "parking"),
     ("emulate", "light", "--seed", "-1")],
)
def test_a_command_line_that_makes_no_sense(words):
    assert "--help" in refused(kerbstone(*words))


def test_an_unknown_profile():
    refused(kerbstone("decode", "parkin", "1000"))


def test_encode_refuses_a_value_out_of_range():
    refused(kerbstone("encode", "parking", "state=free", "cause=event", "battery_v=99", "temperature=20"))


def test_what_encode_makes_decode_reads():
    made = kerbstone("encode", "parking", "state=occupied", "cause=event", "--record", "state")
    assert made.returncode == 0, made.stderr
    read = kerbstone("decode", "parking", made.stdout.strip().split()[-1], "--json")
    assert read.returncode == 0 and '"occupied"' in read.stdout


@pytest.mark.parametrize(
    ("pages", "family", "words"),
    [
        (firmware(), 0xC47E5767, "made for ESP32-S3"),
        ({0: boot_page(), 2 << 20: bytes(256)}, RP2040, "outside this board's flash of 2 MB"),
        ({}, RP2040, "is not a UF2 file"),
    ],
)
def test_an_image_the_chip_cannot_run(tmp_path, pages, family, words):
    (tmp_path / "image.uf2").write_bytes(uf2(pages, family))
    assert words in refused(kerbstone("chip", "bins", "--uf2", str(tmp_path / "image.uf2")))


def test_an_image_that_is_not_there(tmp_path):
    assert "cannot be read" in refused(kerbstone("chip", "bins", "--uf2", str(tmp_path / "none.uf2")))


def test_a_board_nobody_has_described():
    assert "'olimex_esp32_poe'" in refused(kerbstone("board", "olimex_esp32_po"))


def test_a_port_that_is_taken():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        assert f"port {port} is not free" in refused(kerbstone("board", "olimex_esp32_poe", "--tcp-port", port))
