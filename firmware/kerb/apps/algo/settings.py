"""An application's settings: its defaults, overlaid by the [app] table of the node file."""

from kerb.errors import ConfigError

LONG_AGO = 0xFFFFFFFF  # as the moment of the last report: it is due, whenever that is


def merged(app, defaults, given):
    """A dict of every setting. Raises ConfigError for a key the application does not have."""
    settings = dict(defaults)
    for key in given or ():
        if key not in defaults:
            raise ConfigError("application %s has no setting '%s'; take one of %s" % (app, key, ", ".join(sorted(defaults))))
        settings[key] = given[key]
    return settings


def passed(now, last, period):
    """True when `period` seconds have passed since `last`, or when a power cycle has set the seconds back."""
    return now - last >= period or now < last


def due(now, last, period):
    """As passed(), and at a whole period since power-on when three quarters of one have passed.

    Samples come at whole periods, but the first one after power-on seconds later than that: without the tolerance a report as rare as
    its samples would be one period late the first time.
    """
    return passed(now, last, period) or (now // period != last // period and 4 * (now - last) >= 3 * period)
