"""A driver for several models: which one the options name."""

from kerb.errors import ConfigError


def choose(name, models, options):
    """The row of `models` that the options name; the first word of the driver's name unless given."""
    model = options.get("model", models[0][0])
    for row in models:
        if row[0] == model:
            return row
    raise ConfigError("%s cannot be a '%s'; take one of %s" % (name, model, ", ".join([row[0] for row in models])))
