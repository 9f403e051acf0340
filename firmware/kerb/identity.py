"""Who this device is: EUIs, keys, passwords. Kept apart from the configuration and never shown."""

import json

from kerb.errors import ConfigError

PATH = "/identity.json"


class Identity:
    """Values by name; hex strings become bytes with `key()`. Its text form names no value."""

    def __init__(self, values):
        self._values = values

    def __repr__(self):
        return "<Identity of %d values>" % len(self._values)

    def get(self, name, default=None):
        return self._values.get(name, default)

    def key(self, name, size=0):
        """The bytes of a hex value, `size` of them where it is given. ConfigError names the value, never shows it."""
        try:
            value = bytes.fromhex(self._values.get(name))
        except (TypeError, ValueError):
            value = b""
        if not value or (size and len(value) != size):
            raise ConfigError("identity lacks a %s%s: provision it again" % (name, " of %d bytes" % size if size else ""))
        return value


def load(path=PATH):
    try:
        with open(path) as f:
            return Identity(json.load(f))
    except (OSError, ValueError):
        raise ConfigError("%s is missing or damaged: provision the device" % path)
