"""The bearers by name; each module has a class Uplink (see docs/contracts.md)."""

from kerb.errors import ConfigError

_MODULES = {"lorawan": "kerb.uplink.lorawan.uplink", "mqtt": "kerb.uplink.mqtt"}


def make(config, identity, board, store):
    """The uplink that the node file names. ConfigError for an unknown kind."""
    path = _MODULES.get(config["kind"])
    if path is None:
        raise ConfigError("uplink kind %s is not one of %s" % (config["kind"], ", ".join(sorted(_MODULES))))
    return __import__(path, None, None, ("Uplink",)).Uplink(config, identity, board, store)
