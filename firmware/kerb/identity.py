"""Who this device is: EUIs, keys, passwords, certificates. Kept apart from the file system, twice, and never shown.

The record is a frame: "KID1", length (2 bytes, big endian), a CBOR map of names and values, CRC-32 of all before it. An ESP32 has it as two
blobs in NVS, an RP2040 in two sectors of flash between image and file system, which no file system code can reach.
"""

import json
from binascii import crc32

from kerb.errors import ConfigError

PATH = "/identity.json"  # a developer's board that nobody has enrolled
SPACE = "kerb"  # of NVS
COPIES = ("id0", "id1")
LIMIT = 4096  # bytes of a frame: a sector
_USUAL = 1024  # most have no chain of certificates
_TOO_LONG = -0x110C  # ESP_ERR_NVS_INVALID_LENGTH
_MAGIC = b"KID1"


class Identity:
    """Values by name; hex strings become bytes with `key()`. Its text form names no value."""

    def __init__(self, values):
        self._values = values

    def __repr__(self):
        return "<Identity of %d values>" % len(self._values)

    def get(self, name, default=None):
        return self._values.get(name, default)

    def names(self):
        return sorted(self._values)

    def key(self, name, size=0):
        """The bytes of a value, `size` of them where it is given. ConfigError names the value, never shows it."""
        value = self._values.get(name)
        if not isinstance(value, bytes):
            try:
                value = bytes.fromhex(value)
            except (TypeError, ValueError):
                value = b""
        if not value or (size and len(value) != size):
            raise ConfigError("identity lacks a %s%s: provision it again" % (name, " of %d bytes" % size if size else ""))
        return value


def parse(frame):
    """The values in a frame, or None when it is not one, whole and unchanged."""
    size = int.from_bytes(frame[4:6], "big") + 6
    if len(frame) < 10 or bytes(frame[:4]) != _MAGIC or size + 4 > len(frame):
        return None
    view = memoryview(frame)
    if crc32(view[:size]) & 0xFFFFFFFF != int.from_bytes(frame[size : size + 4], "big"):
        return None
    from kerb.cbor import decode

    try:
        values = decode(view[6:size])
    except ValueError:
        return None
    return values if isinstance(values, dict) else None


def copies(at=None):
    """The frames this board keeps, one after the other, empty and damaged ones too. `at`: the sectors' addresses on a chip without NVS."""
    try:
        from esp32 import NVS
    except ImportError:
        import machine

        for address in at or ():
            words = [machine.mem32[address + i] for i in (0, 4)]
            size = min(LIMIT, ((words[1] & 0xFF) << 8 | words[1] >> 8 & 0xFF) + 10)
            frame = bytearray((size + 3) // 4 * 4)
            for i in range(0, len(frame), 4):
                frame[i : i + 4] = machine.mem32[address + i].to_bytes(4, "little")
            yield frame
        return
    space = NVS(SPACE)
    frame = bytearray(_USUAL)
    for name in COPIES:
        size = 0
        try:
            size = space.get_blob(name, frame)
        except OSError as error:
            if error.errno == _TOO_LONG:
                frame = bytearray(LIMIT)
                size = space.get_blob(name, frame)
        yield memoryview(frame)[:size]


def load(at=None, path=PATH):
    """The identity. Raises ConfigError when the board has none that is whole."""
    for frame in copies(at):
        values = parse(frame)
        if values:
            return Identity(values)
    try:
        with open(path) as f:
            return Identity(json.load(f))
    except (OSError, ValueError):
        raise ConfigError("this board has no whole identity: provision the device")
