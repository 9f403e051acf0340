"""A signed manifest: COSE_Sign1 (RFC 9052, 4.2) over CBOR, opened only when a trusted key has signed it.

Algorithms (IANA COSE): ES256 (-7), Ed25519 as EdDSA (-8), HSS-LMS with one level (-46, RFC 8778). The module of an algorithm is loaded
when a manifest asks for it and a key of that kind is trusted.
"""

from kerb import cbor
from kerb.errors import KerbError

ES256, EDDSA, LMS = -7, -8, -46
_ALG, _KID = 1, 4  # header parameters (RFC 9052, 3.1)
_TAG = 18
LIMIT = 8192  # bytes of a whole envelope: an LMS signature of W2 takes 4,464


class Refused(KerbError):
    """A manifest or an update is not taken. `reason` is a word of REASONS, the text says the rest."""

    def __init__(self, reason, text=""):
        super().__init__("update refused (%s): %s" % (reason, text) if text else "update refused (%s)" % reason)
        self.reason = reason


REASONS = (
    "form", "truncated", "key", "signature", "class", "older", "replayed", "port", "depends", "size", "battery", "digest", "patch", "flash",
    "memory",
)


def verify(algorithm, key, pieces, signature, feed=None):
    """Whether the signature over the pieces is the key's."""
    if algorithm == ES256:
        from kerb.update import p256

        return p256.verify(key, pieces, signature, feed)
    if algorithm == EDDSA:
        from kerb.update import ed25519

        return ed25519.verify(key, pieces, signature, feed)
    if algorithm == LMS and signature[:4] == b"\0\0\0\0" and key[:4] == b"\0\0\0\1":
        from kerb.update import lms

        return lms.verify(key[4:], pieces, signature[4:], feed)
    return False


def open_envelope(data, trusted, feed=None):
    """The payload of an envelope. `trusted`: {key id: [algorithm, public key]}. Raises Refused."""
    if len(data) > LIMIT:
        raise Refused("size", "%d bytes of manifest" % len(data))
    try:
        reader = cbor.Reader(data)
        reader.tag(_TAG)
        parts = reader.read()
        if reader.at != len(data) or not isinstance(parts, list) or len(parts) != 4:
            raise ValueError
        protected, unprotected, payload, signature = parts
        header = cbor.decode(protected)
        algorithm, kid = header[_ALG], header[_KID]
        pieces = [cbor.encode(["Signature1", protected, b"", payload])]
        # What no signature covers has to be empty, or two envelopes could be one.
        if unprotected != {} or len(header) != 2 or not isinstance(payload, bytes) or not isinstance(signature, bytes):
            raise ValueError
    except (ValueError, KeyError, TypeError) as error:
        raise Refused("truncated" if "early" in str(error) else "form")
    if not isinstance(kid, bytes) or kid not in trusted or trusted[kid][0] != algorithm:
        raise Refused("key")
    if not verify(algorithm, trusted[kid][1], pieces, signature, feed):
        raise Refused("signature")
    return payload
