"""A frame of several messages: a zero byte, which no message begins with, then each message with its length in a byte before it.

A bearer counts frames, so a node with `batch` in its file puts what waits into as few as its bearer's longest frame allows.
"""

from __future__ import annotations

from typing import Any

from kerbstone.codec.decode import decode
from kerbstone.codec.layout import from_hex, read_head
from kerbstone.codec.model import Profile
from kerbstone.codec.profile import load_profile
from kerbstone.errors import CodecError


def is_batch(payload: bytes) -> bool:
    return payload[:1] == b"\0"


def join(messages: list[bytes]) -> bytes:
    """One frame of several messages of 1 to 255 bytes. Raises CodecError for one that is empty or longer."""
    if any(not 1 <= len(message) <= 255 for message in messages):
        raise CodecError("a batch holds messages of 1 to 255 bytes: send the others by themselves")
    return b"\0" + b"".join(bytes([len(message)]) + message for message in messages)


def split(payload: bytes) -> list[bytes]:
    """The messages of a frame: those of a batch, or the payload itself. Raises CodecError for a batch that is cut or empty."""
    if not is_batch(payload):
        return [payload]
    messages, at = [], 1
    while at < len(payload):
        size = payload[at]
        message = payload[at + 1 : at + 1 + size]
        if not size or len(message) < size:
            raise CodecError(f"the batch is damaged at byte {at}: a message of {size} bytes is announced, {len(message)} are there")
        messages.append(message)
        at += 1 + size
    if not messages:
        raise CodecError("the batch is empty: it announces no message")
    return messages


def decode_uplink(profile: Profile, data: bytes | str) -> dict[str, Any]:
    """What the generated `decodeUplink` returns: {"data", "warnings", "errors"}; `data` of a batch is {"batch": [...]}.

    Messages of the node itself (profile `node`) are decoded, too; a batch's messages of other profiles are left out with a warning.
    """
    known = {profile.number: profile}
    of_node = load_profile("node")
    known.setdefault(of_node.number, of_node)
    try:
        payload = from_hex(data) if isinstance(data, str) else bytes(data)
        if not is_batch(payload):
            decoded = decode(_of(known, payload) or profile, payload)
            return {"data": decoded.data(), "warnings": decoded.warnings, "errors": []}
        members, warnings = [], []
        for message in split(payload):
            number = read_head(message).number
            if number not in known:
                warnings.append(f"{profile.name}: the batch holds a message of profile number {number}, which was left out")
                continue
            decoded = decode(known[number], message)
            members.append(decoded.data())
            warnings += decoded.warnings
    except CodecError as error:
        return {"data": {}, "warnings": [], "errors": [str(error)]}
    return {"data": {"batch": members}, "warnings": warnings, "errors": []}


def _of(known: dict[int, Profile], payload: bytes) -> Profile | None:
    """The profile a message names, if it is known and the message has a head."""
    try:
        return known.get(read_head(payload).number)
    except CodecError:
        return None
