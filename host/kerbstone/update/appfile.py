"""An application as a file: what was flashed or signed, kept so that the next update can be its difference."""

from __future__ import annotations

import hashlib
from pathlib import Path

import cbor2

from kerbstone.errors import UpdateError
from kerbstone.update.bundle import listing


def write(path: Path, app: dict[str, bytes]) -> str:
    """Writes it; returns the SHA-256 of its list, by which devices know it. Raises UpdateError."""
    try:
        path.write_bytes(cbor2.dumps({"application": 1, "files": app}, canonical=True))
    except OSError as error:
        raise UpdateError(f"{path} cannot be written: {error.strerror}.") from error
    return hashlib.sha256(listing(app)).hexdigest()


def read(path: Path) -> dict[str, bytes]:
    """{path in the slot: content}. Raises UpdateError when it is not such a file."""
    try:
        found = cbor2.loads(path.read_bytes())
        files = found["files"]
        if found["application"] != 1 or not all(isinstance(k, str) and isinstance(v, bytes) for k, v in files.items()):
            raise ValueError
    except OSError as error:
        raise UpdateError(f"{path} cannot be read: {error.strerror}.") from error
    except (cbor2.CBORDecodeError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UpdateError(f"{path} is not an application: `kerbstone update application NODE --out {path.name}` writes one.") from error
    return dict(files)
