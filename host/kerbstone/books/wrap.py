"""How secrets lie in the books: sealed to a public key, opened only with a member's passphrase.

AES-256-GCM (NIST SP 800-38D) throughout. A passphrase becomes a key by scrypt (RFC 7914); a key pair is X25519 (RFC 7748), and a message is
sealed to its public half with an ephemeral pair and HKDF-SHA-256 (RFC 5869), so that who may write need not be able to read.
"""

from __future__ import annotations

import hashlib
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from kerbstone.errors import BooksError

SCRYPT_N, SCRYPT_R, SCRYPT_P = 1 << 15, 8, 1  # 32 MB and about 0.1 s: OWASP Password Storage Cheat Sheet, 2024, its second row
SALT_BYTES = 16
_NONCE_BYTES = 12
_KEY_BYTES = 32


def passphrase_key(passphrase: str, salt: bytes) -> bytes:
    """The AES-256 key of a passphrase. Slow on purpose."""
    return hashlib.scrypt(
        passphrase.encode(), salt=salt, n=SCRYPT_N, r=SCRYPT_R, p=SCRYPT_P, maxmem=64 << 20, dklen=_KEY_BYTES
    )


def wrap(key: bytes, secret: bytes, context: bytes) -> bytes:
    """Nonce, ciphertext and tag. `context` is not stored: who opens must name the same."""
    nonce = os.urandom(_NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, secret, context)


def unwrap(key: bytes, blob: bytes, context: bytes) -> bytes:
    """What was wrapped. Raises BooksError when key, context or a byte of it is another."""
    try:
        return AESGCM(key).decrypt(blob[:_NONCE_BYTES], blob[_NONCE_BYTES:], context)
    except (InvalidTag, ValueError) as error:
        raise BooksError("A secret in the books does not open with this key: its row was changed, or the key is another's.") from error


def new_pair() -> tuple[bytes, bytes]:
    """(private, public) of X25519, raw."""
    private = X25519PrivateKey.generate()
    return private.private_bytes_raw(), private.public_key().public_bytes_raw()


def seal(public: bytes, secret: bytes, context: bytes) -> bytes:
    """Opens only with the private half of `public`."""
    ephemeral = X25519PrivateKey.generate()
    own = ephemeral.public_key().public_bytes_raw()
    key = _derive(ephemeral.exchange(X25519PublicKey.from_public_bytes(public)), own, public)
    return own + wrap(key, secret, context)


def unseal(private: bytes, blob: bytes, context: bytes) -> bytes:
    """What was sealed to `private`'s public half. Raises BooksError as unwrap() does."""
    pair = X25519PrivateKey.from_private_bytes(private)
    theirs = blob[:_KEY_BYTES]
    try:
        shared = pair.exchange(X25519PublicKey.from_public_bytes(theirs))
    except ValueError as error:
        raise BooksError("A secret in the books is damaged: restore the books from a copy.") from error
    return unwrap(_derive(shared, theirs, pair.public_key().public_bytes_raw()), blob[_KEY_BYTES:], context)


def _derive(shared: bytes, ephemeral: bytes, recipient: bytes) -> bytes:
    return HKDF(SHA256(), _KEY_BYTES, salt=ephemeral + recipient, info=b"kerbstone books 1").derive(shared)
