"""Proof that this board holds its identity: an answer to a challenge for every value, and never a value itself."""

from hashlib import sha256

_BLOCK = 64  # bytes, of SHA-256
_PROOF = 16  # bytes of an answer


def hmac(key, message):
    """HMAC-SHA-256 (RFC 2104), 32 bytes."""
    if len(key) > _BLOCK:
        key = sha256(key).digest()
    inner, outer = bytearray(b"\x36" * _BLOCK), bytearray(b"\x5c" * _BLOCK)
    for i, byte in enumerate(key):
        inner[i] ^= byte
        outer[i] ^= byte
    h = sha256(inner)
    h.update(message)
    digest = h.digest()
    h = sha256(outer)
    h.update(digest)
    return h.digest()


def answers(identity, challenge):
    """{name: hexadecimal answer}: the first 16 bytes of HMAC(value, "kerb prove 1" 0 name 0 challenge)."""
    found = {}
    for name in identity.names():
        value = identity.get(name)
        if isinstance(value, str):
            value = value.encode()
        found[name] = hmac(value, b"kerb prove 1\0" + name.encode() + b"\0" + challenge)[:_PROOF].hex()
    return found
