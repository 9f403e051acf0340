"""What a board keeps of itself: a CBOR map in a frame with a check sum, twice.

Frame: "KID1", length of the map (2 bytes, big endian), the map, CRC-32 of all before it. firmware/kerb/identity.py reads the same.
"""

from __future__ import annotations

import zlib

import cbor2

from kerbstone.errors import IdentityError

MAGIC = b"KID1"
LIMIT = 4096  # bytes of a whole frame: a sector of an RP2040's flash
Values = dict[str, str | bytes]


def pack(values: Values) -> bytes:
    """The frame. Raises IdentityError when it is too large for a board."""
    body = cbor2.dumps(values, canonical=True)
    frame = MAGIC + len(body).to_bytes(2, "big") + body
    frame += zlib.crc32(frame).to_bytes(4, "big")
    if len(frame) > LIMIT:
        raise IdentityError(f"The identity has {len(frame)} bytes and a board takes {LIMIT}: leave out a certificate of the chain.")
    return frame


def unpack(frame: bytes) -> Values | None:
    """The values, or None when there is no whole record at the start of `frame`."""
    size = int.from_bytes(frame[4:6], "big") + 6
    if frame[:4] != MAGIC or zlib.crc32(frame[:size]).to_bytes(4, "big") != frame[size : size + 4]:
        return None
    values: Values = cbor2.loads(frame[6:size])
    return values
