"""What survives deep sleep: named sections in one checked record, in the memory the board keeps.

Layout: crc32 u32, then sections of name (3 bytes), length u16, data. When the record is larger than the
board's memory it goes to flash instead: slower and worn, but never lost.
"""

from binascii import crc32
from struct import pack, unpack_from

from kerb import log

_HEAD = 5


class Retained:
    def __init__(self, power, store):
        self._power = power
        self._store = store
        self._sections = {}
        self.from_memory = False

    def load(self):
        """True when the board's memory held a whole record (it did not lose power)."""
        self.from_memory = self._parse(self._power.memory_get())
        if not self.from_memory:
            self._parse(self._store.get("retained"))
        return self.from_memory

    def _parse(self, raw):
        self._sections = {}
        if not raw or len(raw) < 4 or unpack_from("<I", raw)[0] != crc32(raw[4:]) & 0xFFFFFFFF:
            return False
        at = 4
        while at + _HEAD <= len(raw):
            name = str(raw[at : at + 3], "ascii")
            size = unpack_from("<H", raw, at + 3)[0]
            self._sections[name] = raw[at + _HEAD : at + _HEAD + size]
            at += _HEAD + size
        return True

    def get(self, name):
        return self._sections.get(name)

    def drop(self, name):
        self._sections.pop(name, None)

    def put(self, name, data):
        """name: three ASCII letters."""
        self._sections[name] = bytes(data)

    def save(self):
        """Writes the record where it survives."""
        body = b"".join([name.encode() + pack("<H", len(data)) + data for name, data in sorted(self._sections.items())])
        raw = pack("<I", crc32(body) & 0xFFFFFFFF) + body
        if not self._power.memory_set(raw):
            try:
                self._store.put("retained", raw)
            except OSError as error:
                log.trouble("flash", error)
