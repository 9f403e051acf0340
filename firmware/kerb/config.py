"""node.json: what the build made of board, node and profile files. The host has checked it; this only reads."""

import json

from kerb.errors import ConfigError

PATH = "/node.json"


def load(path=PATH):
    """The configuration as a dict. ConfigError when it is missing or damaged."""
    try:
        with open(path) as f:
            return json.load(f)
    except OSError:
        raise ConfigError("%s is missing: build and flash the node again" % path)
    except ValueError:
        raise ConfigError("%s is damaged: build and flash the node again" % path)
