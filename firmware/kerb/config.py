"""node.json: what the build made of board, node and profile files. The host has checked it; this only reads.

place.json, where there is one, has what belongs to the place: its table `app` goes over the application's settings.
"""

import json

from kerb.errors import ConfigError

PATH = "/node.json"
PLACE = "/place.json"

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


def overlay(config, path=PLACE):
    """Puts the settings of the place over those of the node. ConfigError when the file is damaged; a missing one is none."""
    try:
        with open(path) as f:
            config["app_settings"].update(json.load(f).get("app", {}))
    except OSError:
        pass
    except (ValueError, AttributeError):
        raise ConfigError("%s is damaged: commission the device again" % path)
