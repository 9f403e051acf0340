"""CBOR, the part that records, manifests and commands use: integers, bytes, text, arrays, maps, booleans and null.

RFC 8949 with its deterministic encoding (4.2.1): what is written has one form, keys sorted, so it can be signed. What is read must have
the shortest heads; indefinite lengths, floats and tags but a leading one are refused. Whole numbers are those of 64 bits.
"""

_DEPTH = 8  # arrays within arrays: more is an attack on the stack


def _head(major, value):
    major <<= 5
    if value < 24:
        return bytes((major | value,))
    for i, size in enumerate((1, 2, 4, 8)):
        if value < 1 << (8 * size):
            return bytes((major | 24 + i,)) + value.to_bytes(size, "big")
    raise ValueError("CBOR: number too large")


def encode(value):
    """The bytes of `value`. Raises ValueError for what has no form here."""
    if value is None:
        return b"\xf6"
    if value is True or value is False:
        return b"\xf5" if value else b"\xf4"
    if isinstance(value, int):
        return _head(0, value) if value >= 0 else _head(1, -1 - value)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return _head(2, len(value)) + bytes(value)
    if isinstance(value, str):
        text = value.encode()
        return _head(3, len(text)) + text
    if isinstance(value, (list, tuple)):
        return _head(4, len(value)) + b"".join([encode(v) for v in value])
    if isinstance(value, dict):
        return _head(5, len(value)) + b"".join([k + v for k, v in sorted([(encode(k), encode(v)) for k, v in value.items()])])
    raise ValueError("CBOR: no form for " + type(value).__name__)


class Reader:
    """Reads items one after the other from `data`; `at` is where the next begins."""

    def __init__(self, data, at=0):
        self.data = data
        self.at = at

    def _take(self, count):
        at = self.at
        if count > len(self.data) - at:
            raise ValueError("CBOR: ends early")
        self.at = at + count
        return self.data[at : at + count]

    def head(self):
        """(major type, value) of the next item's head; its content follows. Raises ValueError when it is not well formed."""
        first = self._take(1)[0]
        value = first & 31
        if value > 27:
            raise ValueError("CBOR: unknown length")
        if value > 23:
            least = (24, 256, 65536, 1 << 32)[value - 24]
            value = int.from_bytes(self._take(1 << (value - 24)), "big")
            if value < least and first < 0xE0:
                raise ValueError("CBOR: a longer form than needed")
        return first >> 5, value

    def tag(self, wanted):
        """Passes over a leading tag. Raises ValueError for another one or none."""
        if self.head() != (6, wanted):
            raise ValueError("CBOR: tag %d expected" % wanted)

    def read(self, depth=_DEPTH):
        """The next item. Raises ValueError when it is not well formed, nested too deeply or of a kind not used here."""
        major, value = self.head()
        if major == 0:
            return value
        if major == 1:
            return -1 - value
        if major == 2:
            return bytes(self._take(value))
        if major == 3:
            try:
                return str(bytes(self._take(value)), "utf-8")
            except UnicodeError:
                raise ValueError("CBOR: text is not UTF-8")
        if major in (4, 5):
            if not depth or value > len(self.data) - self.at:
                raise ValueError("CBOR: too deep or too long")
            return self._list(value, depth) if major == 4 else self._dict(value, depth)
        if major == 7 and 20 <= value <= 22 and self.data[self.at - 1] < 0xF8:
            return (False, True, None)[value - 20]
        raise ValueError("CBOR: a kind not used here")

    def _list(self, count, depth):
        return [self.read(depth - 1) for _ in range(count)]

    def _dict(self, count, depth):
        found = {}
        for _ in range(count):
            key = self.read(0)
            if key in found:
                raise ValueError("CBOR: a key twice")
            found[key] = self.read(depth - 1)
        return found


def decode(data):
    """The one item that `data` holds, whole. Raises ValueError when there is less or more."""
    reader = Reader(data)
    value = reader.read()
    if reader.at != len(data):
        raise ValueError("CBOR: bytes left over")
    return value
