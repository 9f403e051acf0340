"""The board's CBOR against an independent library, under both interpreters: what it writes, what it reads, what it refuses."""

from __future__ import annotations

import random
import subprocess
import sys

import cbor2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kerbstone.emulator.engine.interpreter import find
from kerbstone.paths import firmware_dir

sys.path.insert(0, str(firmware_dir()))
from kerb import cbor

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(1 << 64), (1 << 64) - 1) | st.binary(max_size=300) | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.integers(0, 500), inner, max_size=5),
    max_leaves=20,
)


@settings(max_examples=300, deadline=None)
@given(VALUES)
def test_it_writes_and_reads_as_cbor2_does(value: object):
    data = cbor.encode(value)
    assert data == cbor2.dumps(value, canonical=True)
    assert cbor.decode(data) == value


REFUSED = {
    "ends early": "4301", "longer form": "1817", "indefinite": "9fff", "float": "f93c00", "tag": "c101", "two items": "0101",
    "key twice": "a201000100", "deep": "81" * 9 + "00", "list as key": "a18000", "huge list": "9bffffffffffffffff", "bad text": "62c328",
    "simple": "f820", "undefined": "f7", "reserved": "1c", "empty": "",
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_well_formed_or_not_used_here_is_a_value_error(name: str):
    with pytest.raises(ValueError, match="CBOR"):
        cbor.decode(bytes.fromhex(REFUSED[name]))


_SCRIPT = """
import sys
sys.path.insert(0, sys.argv[1])
from kerb import cbor
for line in sys.stdin:
    data = bytes.fromhex(line.strip())
    try:
        print(cbor.encode(cbor.decode(data)).hex())
    except ValueError as error:
        print(error)
"""


def test_mutated_items_end_alike_under_both_interpreters(tmp_path):
    rng = random.Random(7)
    seeds = [cbor2.dumps(v, canonical=True) for v in ({1: b"x" * 30, 2: [1, -7, None, True], 3: {4: "text"}}, list(range(40)), "a" * 300)]
    cases = []
    for _ in range(3000):
        data = bytearray(rng.choice(seeds))
        for _ in range(rng.randint(1, 3)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        cases.append(bytes(data[: rng.randint(1, len(data))]))
    here = []
    for data in cases:
        try:
            here.append(cbor.encode(cbor.decode(data)).hex())
        except ValueError as error:
            here.append(str(error))
    script = tmp_path / "script.py"
    script.write_text(_SCRIPT)
    binary = find().binary
    command = [binary] if binary else [sys.executable, "-m", "micropython_unix"]
    done = subprocess.run(
        [*command, "-X", "heapsize=128wk", str(script), str(firmware_dir())], input="\n".join(d.hex() for d in cases) + "\n",
        capture_output=True, text=True, check=True,
    )
    assert done.stdout.splitlines() == here
    assert len({answer for answer in here if answer.startswith("CBOR")}) >= 6, "the mutations reach most refusals"
