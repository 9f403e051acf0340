"""A bundle read on the host: whose it is, and whether a key of the books signed it."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable
from dataclasses import dataclass

import cbor2
import pyhsslms
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256

from kerbstone.errors import UpdateError
from kerbstone.update.bundle import MAGIC
from kerbstone.update.keys import EDDSA, ES256, LMS, SigningKey

_TAG = 18  # COSE_Sign1 (RFC 9052, 4.2)
_ALGORITHM, _KID = 1, 4  # header parameters (RFC 9052, 3.1)
_VENDOR, _CLASS, _SEQUENCE = 2, 3, 4  # of a manifest (kerb/update/manifest.py)


@dataclass(frozen=True)
class Opened:
    """What a roll-out has to know of a bundle. `vendor`, `device_class`: UUIDs, hexadecimal."""

    sha256: str
    vendor: str
    device_class: str
    sequence: int
    kid: bytes


def open_bundle(data: bytes, keys: Iterable[SigningKey]) -> Opened:
    """Raises UpdateError when it is no bundle, or none of the keys signed it."""
    try:
        protected, _, payload, signature = _envelope(data)
        header, fields = cbor2.loads(protected), cbor2.loads(payload)
        kid, algorithm = bytes(header[_KID]), int(header[_ALGORITHM])
        found = Opened(
            hashlib.sha256(data).hexdigest(), bytes(fields[_VENDOR]).hex(), bytes(fields[_CLASS]).hex(), int(fields[_SEQUENCE]), kid,
        )  # fmt: skip
        good = isinstance(signature, bytes) and isinstance(payload, bytes)
    except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError, EOFError, cbor2.CBORDecodeError) as error:
        raise UpdateError("This is no bundle, or it is damaged: `kerbstone update sign` writes one.") from error
    signed = cbor2.dumps(["Signature1", protected, b"", payload], canonical=True)
    if not good or not any(key.kid == kid and key.algorithm == algorithm and _holds(key, signed, signature) for key in keys):
        raise UpdateError(f"No key of these books signed this bundle (its key is {kid.hex()}): sign it with `kerbstone update sign`.")
    return found


def _envelope(data: bytes) -> list[bytes]:
    f = io.BytesIO(data)
    if f.read(4) != MAGIC:
        raise ValueError
    size = shift = 0
    while True:
        byte = f.read(1)[0] if f.tell() < len(data) and shift < 28 else None
        if byte is None:
            raise ValueError
        size |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            break
    tagged = cbor2.loads(f.read(size))
    if tagged.tag != _TAG or len(tagged.value) != 4:
        raise ValueError
    return list(tagged.value)


def _holds(key: SigningKey, signed: bytes, signature: bytes) -> bool:
    try:
        if key.algorithm == ES256:
            x, y = int.from_bytes(key.public[:32], "big"), int.from_bytes(key.public[32:], "big")
            r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
            public = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
            public.verify(utils.encode_dss_signature(r, s), signed, ec.ECDSA(SHA256()))
        elif key.algorithm == EDDSA:
            Ed25519PublicKey.from_public_bytes(key.public).verify(signature, signed)
        elif key.algorithm == LMS:
            return signature[:4] == bytes(4) and bool(pyhsslms.LmsPublicKey.deserialize(key.public[4:]).verify(signed, signature[4:]))
        else:
            return False
    except (InvalidSignature, ValueError, IndexError):
        return False
    return True
