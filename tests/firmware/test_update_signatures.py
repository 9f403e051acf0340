"""ECDSA P-256, Ed25519 and LMS as the board verifies them, against independent libraries, under both interpreters."""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path

import pyhsslms
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256

from interpreter import micropython

FIRMWARE = Path(__file__).parents[2] / "firmware"
sys.path.insert(0, str(FIRMWARE))
from kerb.update import ed25519, lms, p256
from kerb.update.sha512 import sha512

VERIFY = {"p256": p256.verify, "ed25519": ed25519.verify, "lms": lms.verify}
N = p256._N
L = ed25519._L
Case = tuple[str, bytes, bytes, bytes]


def p256_case(rng: random.Random, message: bytes) -> Case:
    key = ec.derive_private_key(rng.randrange(1, N), ec.SECP256R1())
    numbers = key.public_key().public_numbers()
    r, s = utils.decode_dss_signature(key.sign(message, ec.ECDSA(SHA256())))
    return "p256", numbers.x.to_bytes(32, "big") + numbers.y.to_bytes(32, "big"), message, r.to_bytes(32, "big") + s.to_bytes(32, "big")


def ed25519_case(rng: random.Random, message: bytes) -> Case:
    key = Ed25519PrivateKey.from_private_bytes(rng.randbytes(32))
    return "ed25519", key.public_key().public_bytes_raw(), message, key.sign(message)


def lms_case(ots: int) -> Case:
    tree = pyhsslms.LmsPrivateKey(lms_type=pyhsslms.lms_sha256_m32_h5, lmots_type=ots)
    message = b"manifest"
    return "lms", tree.publicKey().serialize(), message, bytes(tree.sign(message))


def good() -> list[Case]:
    rng = random.Random(5)
    made = [make(rng, rng.randbytes(rng.choice((0, 1, 111, 112, 127, 128, 300)))) for make in (p256_case, ed25519_case) for _ in range(5)]
    return made + [lms_case(ots) for ots in (pyhsslms.lmots_sha256_n32_w2, pyhsslms.lmots_sha256_n32_w4, pyhsslms.lmots_sha256_n32_w8)]


def flipped(data: bytes, bit: int) -> bytes:
    out = bytearray(data)
    out[bit // 8] ^= 1 << bit % 8
    return bytes(out)


def bad() -> list[Case]:
    """A signature of each kind with what must not pass: other bytes anywhere, and numbers out of range."""
    rng = random.Random(6)
    found: list[Case] = []
    for name, key, message, signature in (p256_case(rng, b"abc"), ed25519_case(rng, b"abc"), lms_case(pyhsslms.lmots_sha256_n32_w4)):
        for _ in range(6):
            found.append((name, key, message, flipped(signature, rng.randrange(len(signature) * 8))))
        found.append((name, flipped(key, rng.randrange(len(key) * 8)), message, signature))
        found.append((name, key, flipped(message, 3), signature))
        found += [(name, key, message, signature[:-1]), (name, key, message, signature + b"\0"), (name, key, message, b"")]
        found += [(name, key[:-1], message, signature), (name, bytes(len(key)), message, signature)]
    _, key, message, signature = p256_case(rng, b"range")
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    for pair in ((0, s), (r, 0), (N, s), (r, N), (0, 0), (N, N), (r, s + N if s + N < 1 << 256 else N + 1), (1, 1), (N - 1, N - 1)):
        found.append(("p256", key, message, b"".join(n.to_bytes(32, "big") for n in pair)))
    generator = b"".join(n.to_bytes(32, "big") for n in p256._G)
    found += [("p256", generator, message, signature), ("p256", bytes(64), message, bytes(64))]
    _, key, message, signature = ed25519_case(rng, b"range")
    s = int.from_bytes(signature[32:], "little")
    found.append(("ed25519", key, message, signature[:32] + (s + L).to_bytes(32, "little")))  # malleable where s is not reduced
    found.append(("ed25519", key, message, signature[:32] + L.to_bytes(32, "little")))
    found.append(("ed25519", ((1 << 255) - 19).to_bytes(32, "little"), message, signature))  # y = p, not canonical
    found.append(("ed25519", (2).to_bytes(32, "little"), message, signature))  # no point has this y
    found.append(("ed25519", (1 | 1 << 255).to_bytes(32, "little"), message, signature))  # x = 0 with a sign
    name, key, message, signature = lms_case(pyhsslms.lmots_sha256_n32_w8)
    for at in (0, 4, 4 + 4 + 32 * 35):  # leaf, LM-OTS type, LMS type
        found.append((name, key, message, signature[:at] + b"\xff\xff\xff\xff" + signature[at + 4 :]))
    return found


def test_what_the_libraries_sign_passes():
    assert [VERIFY[name](key, message, signature) for name, key, message, signature in good()] == [True] * 13


def test_nothing_else_passes():
    cases = bad()
    assert len(cases) > 50
    assert [case for case in cases if VERIFY[case[0]](*case[1:])] == []


def test_both_interpreters_agree_and_the_watchdog_is_fed():
    cases = [(c, True) for c in good()[::3]] + [(c, False) for c in bad()[::4]]
    script = """
import json, sys
fed = 0
def feed():
    global fed
    fed += 1
out = []
for name, key, message, signature in json.loads(sys.stdin.readline()):
    module = __import__("kerb.update." + name, None, None, ("x",))
    out.append(module.verify(bytes.fromhex(key), [b"", bytes.fromhex(message)], bytes.fromhex(signature), feed))
print(json.dumps([out, fed]))
"""
    rows = [[name, *(data.hex() for data in rest)] for (name, *rest), _ in cases]
    found, fed = json.loads(micropython(script, json.dumps(rows) + "\n"))
    assert found == [expected for _, expected in cases]
    assert fed > 30


def test_p256_whose_key_is_the_generator_or_its_opposite():
    """Their sum with the generator is a doubling, and nothing: both branches of the table."""
    for scalar in (1, N - 1):
        key = ec.derive_private_key(scalar, ec.SECP256R1())
        numbers = key.public_key().public_numbers()
        public = numbers.x.to_bytes(32, "big") + numbers.y.to_bytes(32, "big")
        for message in (b"a", b"b", b"c"):
            r, s = utils.decode_dss_signature(key.sign(message, ec.ECDSA(SHA256())))
            assert p256.verify(public, message, r.to_bytes(32, "big") + s.to_bytes(32, "big"))
            assert not p256.verify(public, message + b"!", r.to_bytes(32, "big") + s.to_bytes(32, "big"))


@pytest.mark.parametrize("length", [0, 1, 111, 112, 127, 128, 129, 240])
def test_sha512_is_hashlibs(length):
    import hashlib

    data = random.Random(length).randbytes(length)
    assert sha512(data) == hashlib.sha512(data).digest()


def test_rfc8032_7_1_test_3():
    key = bytes.fromhex("fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025")
    signature = bytes.fromhex(
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"
    )
    assert ed25519.verify(key, bytes.fromhex("af82"), signature)


def test_rfc6979_a_2_5_sample_with_sha256():
    key = bytes.fromhex(
        "60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb67903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299"
    )
    signature = bytes.fromhex(
        "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8"
    )
    assert p256.verify(key, b"sample", signature)
