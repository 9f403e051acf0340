"""What an update says of itself: for whom it is, what it replaces, which files it has. SUIT-shaped (RFC 9124), a CBOR map with small keys.

  1 form (1)            2 vendor (16 bytes)     3 class (16 bytes)      4 sequence number
  5 components: [path, SHA-256, bytes] each, by path     6 least MicroPython [major, minor, micro]     7 .mpy format
  8 {path: SHA-256}: files that must be in the running slot as they are (what patches start from)
  9 {key id: [algorithm, public key]}: the trusted keys from now on, two at least; then there are no components
  10 text for people: the version
  11 SHA-256 of the list of the running application's files, which stay where no component replaces them
  12 [SHA-256, bytes, image name, bytes of a piece]: an image of the interpreter, which comes apart; then there are no components
"""

from kerb import cbor
from kerb.update.envelope import EDDSA, ES256, LMS, Refused

FORM = 1
_KEY_BYTES = {ES256: 64, EDDSA: 32, LMS: 60}
_MOST_FILES = 256
_MOST_BYTES = 1 << 20
_MOST_IMAGE = 1 << 24
_LONGEST_PATH = 64


class Manifest:
    """The checked fields. Raises Refused("form") for what does not have this shape."""

    def __init__(self, payload):
        try:
            fields = cbor.decode(payload)
            self.form, self.vendor, self.klass, self.sequence = [fields[i] for i in (1, 2, 3, 4)]
            self.components = [_component(row) for row in fields.get(5, [])]
            self.port = tuple(fields.get(6, [1, 28, 0]))
            self.mpy = fields.get(7, 0)
            self.depends = fields.get(8, {})
            self.keys = fields.get(9)
            self.version = fields.get(10, "")
            self.base = fields.get(11)
            self.image = fields.get(12)
        except (ValueError, KeyError, TypeError, AttributeError):
            raise Refused("form")
        self._check()

    def _check(self):
        paths = [path for path, _, _ in self.components]
        named = isinstance(self.vendor, bytes) and isinstance(self.klass, bytes) and len(self.vendor) == len(self.klass) == 16
        numbered = self.form == FORM and _whole(self.sequence, 1, 0x7FFFFFFF)
        if not numbered or not named or len(paths) > _MOST_FILES or paths != sorted(set(paths)):
            raise Refused("form")
        if not isinstance(self.version, str) or not isinstance(self.mpy, int) or len(self.port) != 3:
            raise Refused("form")
        if not all([isinstance(part, int) for part in self.port]):
            raise Refused("form")
        if not isinstance(self.depends, dict) or not all([_path(p) and _digest(d) for p, d in self.depends.items()]):
            raise Refused("form")
        if self.keys is not None:
            _check_keys(self.keys)
        if self.base is not None and not _digest(self.base):
            raise Refused("form")
        if self.image is not None:
            _check_image(self.image)
        if bool(paths) + (self.keys is not None) + (self.image is not None) != 1:
            raise Refused("form", "files, keys or an image, one of them")

    def size(self):
        """Bytes of all files."""
        return sum([size for _, _, size in self.components])


def _path(path):
    """Below the slot, and nowhere else."""
    if not isinstance(path, str) or not 0 < len(path) <= _LONGEST_PATH or path[0] == "/":
        return False
    return all([part and part not in (".", "..") for part in path.split("/")])


def _digest(value):
    return isinstance(value, bytes) and len(value) == 32


def _component(row):
    path, digest, size = row
    if not _path(path) or not _digest(digest) or not _whole(size, 0, _MOST_BYTES):
        raise ValueError
    return path, digest, size


def _whole(value, least, most):
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def _check_image(row):
    if not isinstance(row, list) or len(row) != 4 or not _digest(row[0]) or not isinstance(row[2], str):
        raise Refused("form")
    # Pieces that fill a sector without a rest, and a page of the flash at least.
    if not _whole(row[1], 1, _MOST_IMAGE) or not _whole(row[3], 256, 4096) or row[3] & (row[3] - 1):
        raise Refused("form")


def _check_keys(keys):
    if not isinstance(keys, dict) or len(keys) < 2:
        raise Refused("form", "fewer than two keys")
    for kid, row in keys.items():
        if not isinstance(kid, bytes) or not isinstance(row, list) or len(row) != 2:
            raise Refused("form")
        algorithm, key = row
        if not isinstance(key, bytes) or len(key) != _KEY_BYTES.get(algorithm):
            raise Refused("form")
