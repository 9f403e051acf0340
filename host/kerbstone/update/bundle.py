"""What an update is made of: the files of an application, its list, the manifest that names them, the bundle that carries them."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field

import cbor2

from kerbstone.errors import UpdateError
from kerbstone.update import patch
from kerbstone.update.fragments import Parcel
from kerbstone.update.keys import SigningKey, envelope

MAGIC = b"KUP1"
FORM = 1
MPY = 6  # of mpy-cross 1.28 and 1.29
LEAST_PORT = (1, 28, 0)
_KEEP, _WHOLE, _PATCH = b"\0", b"\1", b"\2"


def vendor_id(domain: str) -> bytes:
    """UUID 5 of the vendor's domain (RFC 9124, 3.1.1: names within DNS)."""
    return uuid.uuid5(uuid.NAMESPACE_DNS, domain).bytes


def class_id(domain: str, name: str) -> bytes:
    """UUID 5 of the class within its vendor."""
    return uuid.uuid5(uuid.UUID(bytes=vendor_id(domain)), name).bytes


def application(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """Of all files of a board those that lie in a slot, by their path there."""
    return {path[1:]: data for path, data in sorted(files.items()) if path.startswith("/kerb/")}


def listing(app: Mapping[str, bytes]) -> bytes:
    """The list stage 0 checks; its SHA-256 names the application."""
    return "".join(f"{path} {len(app[path])} {hashlib.sha256(app[path]).hexdigest()}\n" for path in sorted(app)).encode()


@dataclass
class Update:
    """An application to be signed. `old`: the one it replaces, which makes the bundle a difference."""

    vendor: bytes
    klass: bytes
    sequence: int
    new: Mapping[str, bytes]
    old: Mapping[str, bytes] | None = None
    version: str = ""
    port: tuple[int, int, int] = LEAST_PORT
    depends: Mapping[str, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not 0 < self.sequence < 1 << 31:
            raise UpdateError(f"Sequence number {self.sequence} does not fit: give one from 1 to {2**31 - 1}.")

    @property
    def based(self) -> bool:
        """Whether files may be left out: a difference that removes none."""
        return self.old is not None and set(self.old) <= set(self.new)

    @property
    def changed(self) -> list[str]:
        """Paths of the components."""
        if not self.based or self.old is None:
            return sorted(self.new)
        return [path for path in sorted(self.new) if self.old.get(path) != self.new[path]]

    def manifest(self) -> bytes:
        """The CBOR of kerb/update/manifest.py. Raises UpdateError when nothing has changed."""
        if not self.changed:
            raise UpdateError("Both applications have the same files: there is nothing to update.")
        fields: dict[int, object] = {1: FORM, 2: self.vendor, 3: self.klass, 4: self.sequence}
        fields[5] = [[path, hashlib.sha256(self.new[path]).digest(), len(self.new[path])] for path in self.changed]
        if self.port != LEAST_PORT:
            fields[6] = list(self.port)
        fields[7] = MPY
        if self.depends:
            fields[8] = dict(self.depends)
        if self.version:
            fields[10] = self.version
        if self.based and self.old is not None:
            fields[11] = hashlib.sha256(listing(self.old)).digest()
        return cbor2.dumps(fields, canonical=True)

    def bundle(self, key: SigningKey) -> bytes:
        """Signed, with the shortest form of every component."""
        return pack(envelope(key, self.manifest()), [self._component(path) for path in self.changed])

    def _component(self, path: str) -> bytes:
        new, old = self.new[path], (self.old or {}).get(path)
        if new == old:
            return _KEEP
        forms = [_WHOLE + patch.number(len(new)) + new]
        if old is not None:
            change = patch.make(old, new)
            forms.append(_PATCH + patch.number(len(change)) + change)
        return min(forms, key=len)


def pack(signed: bytes, components: list[bytes]) -> bytes:
    """The bundle around a signed manifest."""
    return MAGIC + patch.number(len(signed)) + signed + b"".join(components)


def rotation(key: SigningKey, vendor: bytes, klass: bytes, sequence: int, trusted: list[SigningKey], version: str = "") -> bytes:
    """A bundle that makes devices trust these keys and no others. Raises UpdateError for fewer than two."""
    if len({k.kid for k in trusted}) < 2:
        raise UpdateError("A device trusts two keys at least: name another, so that one can be lost.")
    fields: dict[int, object] = {1: FORM, 2: vendor, 3: klass, 4: sequence, 9: {k.kid: [k.algorithm, k.public] for k in trusted}}
    if version:
        fields[10] = version
    return pack(envelope(key, cbor2.dumps(fields, canonical=True)), [])


def fragments(bundle: bytes, size: int, coded: int = 0) -> list[bytes]:
    """A bundle as fragments of `size` bytes with their heads, and `coded` further ones that replace lost ones (TS004-2.0.0).

    Raises UpdateError when the fragments are too small or too many.
    """
    return list(Parcel(bundle, size).pieces(coded))
