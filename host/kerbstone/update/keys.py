"""Keys that sign updates: kept in the books like every other secret, used by owners alone."""

from __future__ import annotations

from dataclasses import dataclass, field

import cbor2
import pyhsslms
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256

from kerbstone.errors import UpdateError

ES256, EDDSA, LMS = -7, -8, -46  # IANA COSE Algorithms
NAMES = {"es256": ES256, "ed25519": EDDSA, "lms": LMS}


@dataclass
class SigningKey:
    """`private` by algorithm: PKCS #8 DER, 32 raw bytes, or the serialised LMS tree with its counter, which every signature changes."""

    kid: bytes
    algorithm: int
    private: bytes = field(repr=False)

    @property
    def public(self) -> bytes:
        """As the device keeps it: x and y, 32 bytes, or the HSS key with one level."""
        if self.algorithm == ES256:
            numbers = self._ec().public_key().public_numbers()
            return numbers.x.to_bytes(32, "big") + numbers.y.to_bytes(32, "big")
        if self.algorithm == EDDSA:
            return Ed25519PrivateKey.from_private_bytes(self.private).public_key().public_bytes_raw()
        return b"\0\0\0\1" + self._lms().publicKey().serialize()

    def sign(self, data: bytes) -> bytes:
        """The signature as COSE has it. An LMS key has one leaf fewer afterwards: keep `private` before the signature leaves.

        Raises UpdateError when an LMS key has none left.
        """
        if self.algorithm == ES256:
            r, s = utils.decode_dss_signature(self._ec().sign(data, ec.ECDSA(SHA256())))
            return r.to_bytes(32, "big") + s.to_bytes(32, "big")
        if self.algorithm == EDDSA:
            return Ed25519PrivateKey.from_private_bytes(self.private).sign(data)
        tree = self._lms()
        try:
            signature = tree.sign(data)
        except ValueError as error:
            raise UpdateError(f"Key {self.kid.hex()} has signed as often as its tree allows: rotate to another key.") from error
        self.private = tree.serialize()
        return b"\0\0\0\0" + bytes(signature)

    def _ec(self) -> ec.EllipticCurvePrivateKey:
        key = serialization.load_der_private_key(self.private, None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        return key

    def _lms(self) -> pyhsslms.LmsPrivateKey:
        return pyhsslms.LmsPrivateKey.deserialize(self.private)


def new_key(kid: bytes, algorithm: int) -> SigningKey:
    """A fresh key. LMS: 1,024 signatures (height 10) with W4, 2,352 bytes each."""
    if algorithm == ES256:
        private = ec.generate_private_key(ec.SECP256R1()).private_bytes(
            serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    elif algorithm == EDDSA:
        private = Ed25519PrivateKey.generate().private_bytes_raw()
    else:
        private = pyhsslms.LmsPrivateKey(lms_type=pyhsslms.lms_sha256_m32_h10, lmots_type=pyhsslms.lmots_sha256_n32_w4).serialize()
    return SigningKey(kid, algorithm, private)


def envelope(key: SigningKey, payload: bytes) -> bytes:
    """COSE_Sign1 (RFC 9052, 4.2), tagged, with algorithm and key id protected."""
    protected = cbor2.dumps({1: key.algorithm, 4: key.kid}, canonical=True)
    signed = cbor2.dumps(["Signature1", protected, b"", payload], canonical=True)
    return cbor2.dumps(cbor2.CBORTag(18, [protected, {}, payload, key.sign(signed)]), canonical=True)
