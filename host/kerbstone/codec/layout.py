"""The fixed parts of a message: header, status and stamp (docs/decisions/0001-message-layout.md)."""

import re
from dataclasses import dataclass
from enum import IntEnum

from kerbstone.errors import CodecError

EXTENDED = 15  # in the number field of the header: the next byte holds the profile number
REVISIONS = 3  # the revision field saturates here
STATUS_BITS = 4
STAMP_BYTES = 5  # u32 seconds since 1970 (0 = unknown), then 1 bit repeat and 7 bits sequence number
SEQUENCES = 128


class Quality(IntEnum):
    """How good the values are; a larger number is worse."""

    GOOD = 0
    SUSPECT = 1
    WARMING = 2
    FAULT = 3


class Trust(IntEnum):
    """Which time the values belong to, and how far it can be trusted."""

    LIVE = 0  # sampled within 10 s of the transmission: use the receive time
    STAMPED = 1  # stamped by a clock right to a minute
    UNSURE = 2  # stamped by a clock that may be wrong
    UNKNOWN = 3  # no clock was ever set: no stamp

    @property
    def stamped(self) -> bool:
        """Whether a stamp follows the channels."""
        return self in (Trust.STAMPED, Trust.UNSURE)


@dataclass(frozen=True)
class Head:
    """The first one or two bytes of a message: `size` is how many."""

    number: int
    version: int
    revision: int
    size: int


def head_bytes(number: int) -> int:
    """How many bytes the header of a profile number takes."""
    return 1 if number < EXTENDED else 2


def write_head(number: int, version: int, revision: int) -> bytes:
    """The header of a message; a revision above 3 is sent as 3."""
    low = version << 2 | min(revision, REVISIONS)
    return bytes([number << 4 | low]) if number < EXTENDED else bytes([EXTENDED << 4 | low, number])


def read_head(payload: bytes) -> Head:
    """The header of a message. Raises CodecError if the payload is empty, cut off or carries an impossible number."""
    if not payload:
        raise CodecError("the payload is empty: give at least the header and the status")
    number, size = payload[0] >> 4, 1
    if number == EXTENDED:
        if len(payload) < 2:
            raise CodecError("the payload is truncated: its second byte, the profile number, is not there")
        number, size = payload[1], 2
    if number == 0 or (size == 2 and number <= EXTENDED):
        raise CodecError(f"the header carries profile number {number}, which does not exist: this is no message of Kerbstone")
    return Head(number, payload[0] >> 2 & 3, payload[0] & 3, size)


def from_hex(text: str) -> bytes:
    """The bytes of a hex string; spaces, colons, dashes and 0x are passed over. Raises CodecError if it is not hex."""
    digits = re.sub(r"0[xX]|[\s:,_-]", "", text)
    try:
        return bytes.fromhex(digits)
    except ValueError:
        raise CodecError(f"the payload {text[:40]!r} is not hex: give two digits a byte, like '10 04'") from None
