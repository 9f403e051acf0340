"""Commands to a node, as bytes: CBOR [kind, counter, body] and eight bytes of HMAC-SHA-256 (protocols/downlink.cddl).

firmware/kerb/commands.py opens them. The key is HMAC(device_key, "kerb command 1"); the code covers device id, a zero byte and the CBOR.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from typing import Any

import cbor2

from kerbstone.codec.profile import load_profile
from kerbstone.errors import CodecError, CommandError

MAC_BYTES = 8
SMALLEST_ROOM = 51  # bytes a LoRaWAN frame carries at DR0 of EU868; the 11 of US915 are for uplinks only
KINDS = (
    "report", "dim", "schedule", "override", "calibrate", "self_test", "reboot", "identify", "configure", "health", "crashes", "wipe",
    "log",
)  # fmt: skip
_MOST = 0xFFFFFFFF


def command_key(device_key: bytes) -> bytes:
    return hmac.digest(device_key, b"kerb command 1", hashlib.sha256)


def seal(identity: Mapping[str, str | bytes], kind: str, counter: int, body: Any) -> bytes:
    """The message for the device of `identity` (device_id, device_key as bytes or hex). Raises CommandError; its words hold no key."""
    if kind not in KINDS:
        raise CommandError(f"There is no command {kind!r}: take one of {', '.join(KINDS)}.")
    if not 1 <= counter <= _MOST:
        raise CommandError(f"The counter {counter} is not from 1 to {_MOST}.")
    key, device = identity.get("device_key"), identity.get("device_id")
    if isinstance(key, str):
        try:
            key = bytes.fromhex(key)
        except ValueError:
            raise CommandError("The identity's device_key is not hexadecimal: export it again.") from None
    if not key or not isinstance(device, str):
        raise CommandError("The identity has no device_key or no device_id, so it takes no commands: mint it again.")
    try:
        content = cbor2.dumps([KINDS.index(kind), counter, body], canonical=True)
    except (cbor2.CBOREncodeError, OverflowError) as error:
        raise CommandError(f"The body of {kind} has no form in CBOR: {error}.") from None
    message = content + hmac.digest(command_key(key), device.encode() + b"\0" + content, hashlib.sha256)[:MAC_BYTES]
    if len(message) > SMALLEST_ROOM:
        raise CommandError(
            f"The command has {len(message)} bytes and the slowest LoRaWAN rate carries {SMALLEST_ROOM}: change fewer values at a time."
        )
    return message


def read(message: bytes) -> tuple[str, int, Any]:
    """(kind, counter, body) of a message, its code unchecked. Raises CommandError."""
    try:
        kind, counter, body = cbor2.loads(message[:-MAC_BYTES])
        return KINDS[kind], counter, body
    except (cbor2.CBORDecodeError, ValueError, TypeError, IndexError):
        raise CommandError("These bytes are no command: they come from `kerbstone command`.") from None


def refused_name(message: bytes, place: int) -> str | None:
    """The name in a command's map that an answer `no_key` or `bad_value` means: the place counts names in the order of their CBOR."""
    kind, _, body = read(message)
    values = body[1] if kind in ("configure", "override") and isinstance(body, list) else None
    names = sorted(values, key=lambda name: cbor2.dumps(name)) if isinstance(values, dict) else []
    return str(names[place]) if place < len(names) else None


def kinds_of_profile() -> list[str]:
    """The names the answer's channel has for commands; the last is "none"."""
    channel = next(c for c in load_profile("answer").channels if c.name == "command")
    if not channel.names:
        raise CodecError("The profile answer has no commands.")
    return list(channel.names)
