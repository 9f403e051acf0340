"""What is built and flashed alike on every board holds no secret, for all boards would share it."""

from __future__ import annotations

import json
import math
import re
from collections import Counter

import pytest

from kerbstone.build.compile import node_json
from kerbstone.build.firmware import compile_tree
from kerbstone.build.node import load_node, ready_nodes
from kerbstone.paths import firmware_dir

_HEX = re.compile(rb"(?<![0-9a-fA-F])[0-9a-fA-F]{32,}(?![0-9a-fA-F])")
_WORDS = re.compile(rb"PRIVATE KEY|\bpassw(or)?d[\"']?\s*[:=]\s*[\"'][^\"']|\b(admin|toor|letmein|changeme)\b", re.IGNORECASE)
_PUBLIC = ("/slots/list", "/kerb/update/sha512.mpy")  # SHA-256 of files; the constants of FIPS 180-4
_BITS = 3.0  # of entropy a digit: a random key has nearly 4, a table of zeros none


def entropy(text: bytes) -> float:
    return -sum(count / len(text) * math.log2(count / len(text)) for count in Counter(text).values())


def secrets_in(files: dict[str, bytes]) -> list[str]:
    """Names of files with a key in hexadecimal, a private key or a password as everybody knows it.

    Long decimal numbers, the parameters of curves, are none.
    """
    found = {name for name, data in files.items() if _WORDS.search(data)}
    for name in files.keys() - set(_PUBLIC):
        if any(entropy(key) > _BITS and not key.isdigit() for key in _HEX.findall(files[name])):
            found.add(name)
    return sorted(found)


@pytest.mark.security("1")
def test_no_firmware_file_holds_a_secret() -> None:
    assert secrets_in(compile_tree(firmware_dir())) == []


@pytest.mark.security("1")
@pytest.mark.parametrize("name", ready_nodes())
def test_no_ready_made_node_s_configuration_holds_a_secret(name: str) -> None:
    assert secrets_in({"/node.json": json.dumps(node_json(load_node(name))).encode()}) == []


@pytest.mark.security("1")
@pytest.mark.parametrize(
    "data", [b'{"app_key": "8d3e1f0b7a6c594e2d1f0a3b5c7e9f10"}', b"-----BEGIN PRIVATE KEY-----", b'{"password": "street"}', b"admin"],
)
def test_the_scan_finds_what_it_should(data: bytes) -> None:
    assert secrets_in({"/node.json": data}) == ["/node.json"]
