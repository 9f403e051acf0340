"""`kerbstone listen`: a record that is posted stands on its output, decoded; what cannot be is said in a sentence."""

import json
import os
import re
import select
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from kerbstone.cli import app
from kerbstone.errors import CoapError, KerbstoneError

HOST = Path(__file__).resolve().parents[2] / "host"


def free_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def line_of(process, pattern, patience_s=20.0):
    end = time.monotonic() + patience_s
    text = ""
    while time.monotonic() < end:
        if select.select([process.stdout], [], [], 0.2)[0]:
            text += os.read(process.stdout.fileno(), 4096).decode()
            if re.search(pattern, text):
                return text
    pytest.fail(f"{pattern!r} did not come; there was {text!r}")


@pytest.mark.parametrize(("options", "shown"), [((), r"dev9 parking full: state occupied.*battery_v 3.6 V"), (("--json",), r'"state"')])
def test_a_posted_record_is_shown(options, shown):
    port = free_port()
    command = [sys.executable, "-m", "kerbstone", "listen", f"coap://127.0.0.1:{port}", "--for", "60s", *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env={**os.environ, "PYTHONPATH": str(HOST)})
    try:
        line_of(process, "listening")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(5)
            head = bytes.fromhex("42021234aabb" + "b16b" + "04") + b"dev9\xff"
            client.sendto(head + bytes.fromhex("1004a1ec"), ("127.0.0.1", port))
            assert client.recv(100)[1] == 0x44
            text = line_of(process, shown)
            if options:
                told = json.loads(next(line for line in text.splitlines() if line.startswith("{")))
                assert (told["device"], told["payload"], told["data"]["values"]["state"]) == ("dev9", "1004a1ec", "occupied")
            client.sendto(head[:3] + b"\x35" + head[4:] + b"\xe0\x01", ("127.0.0.1", port))
            client.recv(100)
            assert "e001" in line_of(process, "e001")
    finally:
        process.terminate()
        process.wait(10)
        process.stdout.close()


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("coap://x:99999", "no address to listen at"), ("coap://127.0.0.1:5683/k", "the path is an option"),
        ("coap://192.0.2.1:5683", "No CoAP server can listen at 192.0.2.1"), ("http://x", "only mqtt:// is spoken"),
        ("mqtt://user:secret@127.0.0.1:1", "No MQTT broker answers at 127.0.0.1:1"),
    ],
)  # fmt: skip
def test_an_address_that_cannot_be_gets_one_sentence(address, words):
    result = CliRunner().invoke(app, ["listen", address, "--for", "1s"])
    assert isinstance(result.exception, KerbstoneError) and words in str(result.exception)
    assert "secret" not in result.output + str(result.exception)


def test_any_address_is_a_coap_address_too():
    port = free_port()
    result = CliRunner().invoke(app, ["listen", f"coap://0.0.0.0:{port}", "--for", "1s"])
    assert result.exception is None, result.exception
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as other:
        other.bind(("::", port))
        refused = CliRunner().invoke(app, ["listen", f"coap://0.0.0.0:{port}", "--for", "1s"])
    assert isinstance(refused.exception, CoapError)
