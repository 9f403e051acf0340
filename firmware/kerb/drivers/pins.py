"""Pins a part cannot do without. The build looks for calls of pin_of() in a driver to know what its node file must name."""

from kerb.errors import SensorError


def pin_of(name, options, key):
    """The GPIO number of an option; SensorError when the node file does not name it."""
    if options.get(key) is None:
        raise SensorError(name, "pins", "no option '%s'; name the pin in the node file and build it again" % key)
    return options[key]
