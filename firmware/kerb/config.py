"""node.json: what the build made of board, node and profile files. The host has checked it; this only reads."""

import json

from kerb.errors import ConfigError

PATH = "/node.json"

_known: dict = {}


def load(path=PATH):
    """The configuration as a dict, read once a life. ConfigError when it is missing or damaged."""
    try:
        if path not in _known:
            with open(path) as f:
                _known[path] = json.load(f)
        return _known[path]
    except OSError:
        raise ConfigError("%s is missing: build and flash the node again" % path)
    except ValueError:
        raise ConfigError("%s is damaged: build and flash the node again" % path)
