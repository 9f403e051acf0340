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

    def key(self, name):
        """Bytes of a hex value. ConfigError names the value, never shows it."""
        text = self._values.get(name)
        if not text:
            raise ConfigError("identity has no %s: provision the device" % name)
        try:
            return bytes.fromhex(text)
        except ValueError:
            raise ConfigError("identity value %s is not hexadecimal: provision the device again" % name)


def load(path=PATH):
    try:
        with open(path) as f:
            return Identity(json.load(f))
    except (OSError, ValueError):
        raise ConfigError("%s is missing or damaged: provision the device" % path)
