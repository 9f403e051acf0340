"""What a node says of itself, for a person: crashes against the source they came from, the security log against its hash chain."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cbor2

from kerbstone.errors import CodecError
from kerbstone.paths import firmware_dir

_FRAMES = 4
_START = bytes(16)


def file_code(name: str) -> int:
    """How a crash message tells a file: CRC-32 of its path on the board as source, modulo 65535."""
    return zlib.crc32(name.encode()) % 65535


def sources(folders: Sequence[Path] = ()) -> dict[int, tuple[str, Path]]:
    """Files by their codes: the firmware's, and the drivers and applications in the folders of users' nodes."""
    root = firmware_dir()
    found = {file_code(name): (name, path) for path in sorted(root.rglob("*.py")) for name in [str(path.relative_to(root))]}
    for folder in folders:
        for path in sorted([*folder.glob("drivers/*.py"), *folder.glob("apps/*.py")]):
            name = f"kerb/{path.relative_to(folder)}"
            found[file_code(name)] = name, path
    return found


def crash_lines(values: Mapping[str, Any], folders: Sequence[Path] = ()) -> list[str]:
    """One line a frame of the message `crash`, innermost first: file, line, and the source text there."""
    known, lines = sources(folders), []
    for i in range(1, _FRAMES + 1):
        code, line = values.get(f"file_{i}"), values.get(f"line_{i}")
        if code is None or line is None:
            break
        name, path = known.get(int(code), (f"file {int(code)} (of another firmware)", None))
        text = path.read_text(encoding="utf-8").splitlines() if path else []
        shown = text[int(line) - 1].strip() if 0 < line <= len(text) else "?"
        lines.append(f"{name}:{int(line)}: {shown}")
    return lines


def bare(raw: bytes) -> bytes:
    """The CBOR of a blob of the node's store, its check sum taken off if it is there."""
    return raw[4:] if len(raw) > 4 and zlib.crc32(raw[4:]).to_bytes(4, "little") == raw[:4] else raw


def security_log(raw: bytes) -> list[tuple[int, int, str, int]]:
    """(number, seconds since power-on, word, how often) of a node's file /state/seclog, its check sum taken off or not.

    Raises CodecError when the chain does not hold: an entry was changed, or one is missing.
    """
    try:
        count, head, base, entries = cbor2.loads(bare(raw))[:4]
        told = []
        for entry in entries:
            base = hashlib.sha256(base + entry).digest()[:16]
            number, mono, word, often = cbor2.loads(entry)
            told.append((int(number), int(mono), str(word), int(often)))
    except (cbor2.CBORDecodeError, ValueError, TypeError):
        raise CodecError("This is no security log: give the node's file /state/seclog.") from None
    numbers = [number for number, *_ in told]
    if base != head or numbers != list(range(count - len(told) + 1, count + 1)):
        raise CodecError("The security log was changed: its hash chain does not hold.")
    return told
