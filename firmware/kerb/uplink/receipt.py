"""What an uplink hands back for a frame that left the node."""


class Receipt:
    """`acknowledged`: the network confirmed the frame. `mono`: whole seconds since power-on when it left."""

    __slots__ = ("acknowledged", "mono")

    def __init__(self, acknowledged, mono):
        self.acknowledged = acknowledged
        self.mono = mono
