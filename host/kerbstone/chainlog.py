"""Security logs that came as messages: put together, held against the device's own code, against health reports and older exports.

firmware/kerb/chainlog.py sends them.
"""

from __future__ import annotations

import hashlib
import hmac
import io
from collections.abc import Iterable, Mapping
from typing import Any

import cbor2

from kerbstone import selfview
from kerbstone.errors import CodecError

_WORDS = 18
_CODE_BYTES = 8


def join(messages: Iterable[Mapping[str, Any]]) -> bytes:
    """The blob in the messages of one export, in any order, repeats among them. Raises CodecError when a piece is missing."""
    pieces: dict[int, bytes] = {}
    parts = 0
    for values in messages:
        words = [values[f"log_{i}"] for i in range(1, _WORDS + 1)]
        if None in (values["log_part"], values["log_parts"], *words) or values["log_part"] >= values["log_parts"]:
            raise CodecError("A piece of the security log has no number: give the messages as they came.")
        piece = b"".join(int(word).to_bytes(2, "big") for word in words)
        if parts not in (0, values["log_parts"]) or pieces.get(values["log_part"], piece) != piece:
            raise CodecError("The pieces are of two exports of the security log: give those of one.")
        parts = values["log_parts"]
        pieces[values["log_part"]] = piece
    if lost := sorted(set(range(parts)) - set(pieces)):
        shown = ", ".join(str(part + 1) for part in lost)
        raise CodecError(f"Of the {parts} pieces of the security log {shown} is missing: send the command log again.")
    whole = b"".join(pieces[part] for part in range(parts))
    stream = io.BytesIO(whole)
    try:
        cbor2.CBORDecoder(stream).decode()
    except (cbor2.CBORDecodeError, ValueError, TypeError, RecursionError):
        raise CodecError("The pieces are no security log: give those of one export.") from None
    return whole[: stream.tell()]


def check_code(raw: bytes, identity: Mapping[str, str | bytes]) -> None:
    """Raises CodecError unless the device of this identity wrote the export. The words hold no key."""
    key, device = identity["device_key"], str(identity["device_id"])
    key = bytes.fromhex(key) if isinstance(key, str) else key
    item = cbor2.loads(selfview.bare(raw))
    if len(item) != 5:
        raise CodecError("This log has no code of its device: it is its file, not an export by the command log.")
    count, head, _, _, code = item
    text = device.encode() + b"\0" + int(count).to_bytes(4, "big") + head
    wanted = hmac.digest(hmac.digest(key, b"kerb log 1", hashlib.sha256), text, hashlib.sha256)[:_CODE_BYTES]
    if not hmac.compare_digest(wanted, code):
        raise CodecError(f"{device} did not write this log: its code is another's.")


def heads(raw: bytes) -> dict[int, bytes]:
    """The chain's head after each entry that is kept, by number, and before the oldest. Raises CodecError when the chain does not hold."""
    told = selfview.security_log(raw)
    count, _, head, entries = cbor2.loads(selfview.bare(raw))[:4]
    found = {count - len(told): head}
    for number, entry in enumerate(entries, count - len(told) + 1):
        head = hashlib.sha256(head + entry).digest()[:16]
        found[number] = head
    return found


def check_against(raw: bytes, older: bytes) -> int:
    """How many entries lie unseen between two exports. Raises CodecError when the older chain does not lead to this one."""
    new, old = heads(raw), heads(older)
    if max(new) < max(old):
        raise CodecError(f"The log was set back: it had {max(old)} entries before and has {max(new)} now.")
    if wrong := [number for number in sorted(set(new) & set(old)) if new[number] != old[number]]:
        raise CodecError(f"The log was written anew: up to entry {wrong[0]} it is another chain than before.")
    return max(0, min(new) - max(old))


def check_report(raw: bytes, health: Mapping[str, Any]) -> None:
    """Raises CodecError when a health report told of another chain, or of a longer one."""
    known, count = heads(raw), health["security_events"]
    if count is None or health["log_head"] is None:
        return
    if count > max(known):
        raise CodecError(f"The log was set back: a health report told of {count} entries, and it has {max(known)}.")
    if count in known and int.from_bytes(known[count][:2], "big") % 65535 != health["log_head"]:
        raise CodecError(f"The log was written anew: after entry {count} its head is not the one a health report told.")
