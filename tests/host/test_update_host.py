"""The host's half of updates: patches, fragments, keys in the books, the commands."""

from __future__ import annotations

import io
import json
import random
import sys
from pathlib import Path

import cbor2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycose.keys import EC2Key
from pycose.messages import Sign1Message
from typer.testing import CliRunner

from kerbstone.books.books import Books, verify
from kerbstone.cli import app as commands
from kerbstone.errors import NodeFileError, UpdateError
from kerbstone.paths import boards_dir, firmware_dir
from kerbstone.update import appfile, bundle, keybook, patch
from kerbstone.update.fragments import columns
from kerbstone.update.keys import ES256, envelope, new_key
from kerbstone.update.trust import read_trust, trust_json
from update_bench import NEW, OLD, small_lms, update

sys.path.insert(0, str(firmware_dir()))
from kerb.update import patch as on_device
from kerb.update.envelope import Refused, open_envelope
from kerb.uplink.lorawan.packages.fragments import Defragmenter, parity

PASSPHRASE = "a passphrase for tests"


def changed(rng: random.Random, old: bytes) -> bytes:
    new = bytearray(old)
    for _ in range(rng.randrange(5)):
        i, j = sorted((rng.randrange(len(new) + 1), rng.randrange(len(new) + 1)))
        how = rng.random()
        if how < 0.4:
            new[i:i] = rng.randbytes(rng.randrange(30))
        elif how < 0.7:
            del new[i:j]
        else:
            new[i:i] = new[j : j + 60]
    return bytes(new)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 1 << 30))
def test_a_patch_makes_the_new_file_of_the_old_one(seed: int):
    rng = random.Random(seed)
    old = bytes(rng.choices(range(6), k=rng.randrange(600)))
    new = changed(rng, old)
    made, out = patch.make(old, new), io.BytesIO()
    on_device.apply(io.BytesIO(old), io.BytesIO(made), len(made), out, len(new))
    assert out.getvalue() == new


def test_a_damaged_patch_is_refused_or_makes_another_file_of_the_right_size():
    rng = random.Random(3)
    old = rng.randbytes(400)
    new = old[:100] + b"something new" + old[90:]
    made = patch.make(old, new)
    assert len(made) < 40
    outcomes = set()
    for _ in range(2000):
        data = bytearray(made)
        data[rng.randrange(len(data))] = rng.randrange(256)
        data = data[: rng.randint(1, len(data))]
        out = io.BytesIO()
        try:
            on_device.apply(io.BytesIO(old), io.BytesIO(data), len(data), out, len(new))
            assert len(out.getvalue()) == len(new)
            outcomes.add("made")
        except Refused as error:
            outcomes.add(error.reason)
    assert outcomes == {"made", "patch", "truncated"}


def test_coded_fragments_are_those_of_the_device():
    for count in (2, 7, 8, 16, 20, 64, 130):
        for line in range(1, 9):
            for version in (1, 2):
                assert sum(1 << n for n in columns(line, count, version)) == parity(line, count, version)


@pytest.mark.parametrize("lost", [0.2, 0.4])
def test_lost_fragments_are_replaced(lost: float):
    data = random.Random(1).randbytes(1700)
    pieces = bundle.fragments(data, 115, coded=20)
    count, padding = int.from_bytes(pieces[0][4:6], "big"), pieces[0][8]
    rng = random.Random(4)
    puzzle = Defragmenter(count, len(pieces[0]) - 9, 2, count)
    for piece in pieces:
        if rng.random() >= lost:
            puzzle.take(int.from_bytes(piece[6:8], "big"), piece[9:])
    assert puzzle.done and puzzle.data(padding) == data


def test_an_envelope_of_ours_is_one_to_an_independent_decoder():
    key = small_lms(1)
    found = cbor2.loads(envelope(key, b"payload"))
    assert found.tag == 18 and cbor2.loads(found.value[0]) == {1: -46, 4: b"\1"} and list(found.value[1:3]) == [{}, b"payload"]
    assert open_envelope(envelope(key, b"payload"), {b"\1": [-46, key.public]}) == b"payload"


def test_an_envelope_verifies_with_an_independent_library_and_a_changed_one_does_not():
    key = new_key(b"\1", ES256)
    x, y = key.public[:32], key.public[32:]
    signed = envelope(key, b"payload")
    for data, good in ((signed, True), (signed[:-1] + bytes([signed[-1] ^ 1]), False)):
        protected, unprotected, payload, signature = cbor2.loads(data).value
        message = Sign1Message.from_cose_obj([protected, dict(unprotected), payload, signature], True)  # its own loader knows older cbor2
        message.key = EC2Key(crv="P_256", x=x, y=y)
        assert message.verify_signature() is good


def test_a_change_of_one_file_is_small_and_a_removed_file_means_the_whole_list():
    key = small_lms(1)
    small = update().bundle(key)
    assert len(small) - len(key.sign(b"")) < 300 and update().changed == ["kerb/apps/bins.mpy"]
    whole = update(new={path: data for path, data in NEW.items() if path != "kerb/cbor.mpy"})
    assert not whole.based and whole.changed == ["kerb/apps/bins.mpy", "kerb/node.mpy"]
    with pytest.raises(UpdateError, match="nothing to update"):
        update(new=OLD).bundle(key)


def test_keys_lie_sealed_in_the_books_and_an_lms_key_never_signs_twice_with_a_leaf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(keybook, "new_key", lambda kid, algorithm: small_lms(9))
    books = Books.create(str(tmp_path / "books.db"), "owner", PASSPHRASE)
    made = keybook.create(books, "quantum", "lms")
    assert made.private not in (tmp_path / "books.db").read_bytes() and repr(made.private) not in repr(made)
    leaves = []
    for i in range(2):
        with books.change("sign") as change:
            signer = keybook.Signer(books, change, "quantum")
            leaves.append(signer.key.sign(b"x")[4:8])
            signer.close(f"bundle {i}", b"bundle")
    assert leaves[0] != leaves[1] and keybook.public_keys(books)["quantum"].public == made.public
    assert verify(str(tmp_path / "books.db")).wrong == []
    books.add_member("bench", "station", "another passphrase")
    with pytest.raises(Exception, match="may not"), Books.enter(str(tmp_path / "books.db"), "bench", "another passphrase").change("sign"):
        pass


def test_a_file_of_keys_that_is_none_is_one_sentence(tmp_path: Path):
    path = tmp_path / "trust.json"
    keys = [small_lms(1), small_lms(2)]
    path.write_text(trust_json(keys))
    assert read_trust(path) == {k.kid.hex(): (k.algorithm, k.public.hex()) for k in keys}
    for text in ("", "[]", '{"keys": [1]}', trust_json(keys[:1]), trust_json(keys).replace('"public": "', '"public": "00')):
        path.write_text(text)
        with pytest.raises(NodeFileError, match=r"trust\.json"):
            read_trust(path)
    (tmp_path / "x.app").write_bytes(b"\xff\x00")
    with pytest.raises(UpdateError, match="is not an application"):
        appfile.read(tmp_path / "x.app")


def test_the_commands_from_a_key_to_fragments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KERBSTONE_PASSPHRASE", PASSPHRASE)

    def run(*words: str) -> object:
        done = CliRunner().invoke(commands, ["update", *words, "--json"], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return json.loads(done.output)

    Books.create("books.db", "owner", PASSPHRASE).close()
    for name in ("first", "second"):
        run("key", name)
    Path("trust.json").write_text(json.dumps(run("keys")))
    text = (boards_dir() / "nodes" / "bins.toml").read_text()
    Path("bin.toml").write_text(text + '\n[update]\nvendor = "example.org"\nclass = "bin"\nkeys = "trust.json"\n')
    run("application", "bin.toml", "--out", "one.app")
    with pytest.raises(UpdateError, match="nothing to update"):
        run("sign", "bin.toml", "--key", "first", "--sequence", "1", "--base", "one.app", "--out", "one.kup")
    old = appfile.read(Path("one.app"))
    appfile.write(Path("older.app"), {**old, "kerb/apps/bins.mpy": old["kerb/apps/bins.mpy"][:-1] + b"\0"})
    signed = run("sign", "bin.toml", "--key", "first", "--sequence", "1", "--base", "older.app", "--out", "one.kup")
    assert isinstance(signed, dict) and signed["difference"] and signed["files"] == ["kerb/apps/bins.mpy"] and signed["bytes"] < 300
    pieces = run("fragments", "one.kup", "--size", "51", "--coded", "2")
    assert isinstance(pieces, list) and len(pieces) == 2 + -(-signed["bytes"] // 42)
    run("rotate", "bin.toml", "--key", "second", "--trust", "first", "--trust", "second", "--sequence", "2", "--out", "keys.kup")
    with pytest.raises(UpdateError, match="no signing key third"):
        run("sign", "bin.toml", "--key", "third", "--sequence", "3", "--out", "three.kup")
    assert not Path("three.kup").exists()
