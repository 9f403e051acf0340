"""The node's own time."""


class Instant:
    """A moment: `mono` whole seconds since power-on, `utc` seconds since 1970 or None while no clock was set."""

    __slots__ = ("mono", "utc")

    def __init__(self, mono, utc=None):
        self.mono = mono
        self.utc = utc
