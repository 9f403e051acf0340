"""What of an update comes in from the far end: fragments on their own port or behind a mark, offers of a server that keeps a bundle for
this device. A wake in which none comes does not load it.
"""

from micropython import const

from kerb.update import inbox

_WAIT_MS = const(1000)  # for the next fragment, by a bearer that can wait: coming back for it would cost a connection


class Receiver:
    """`node`: whose update it is. `whole` is True once a bundle is there."""

    def __init__(self, node):
        self._node = node
        self.whole = False
        self._highest = 0  # number of the fragments of this round
        self._before = None  # inbox.progress() at its beginning

    def take(self, channel, data):
        """A message; True when it was of an update. `channel`: a port of LoRaWAN, or a topic's name."""
        if channel != inbox.PORT and data[:4] == b"KUB1":
            from kerb.update import fetch

            if not self.whole:
                self._before = inbox.progress()
                whole = fetch.offered(self._node, data)
                self._highest = int(whole is not None)  # the acknowledgement of the report brings the offer of the rest
                self._done(whole)
            return True
        if data[:4] == inbox.IMAGE_MARK:
            from kerb.update import image

            self._done(image.take(inbox.Store(inbox.stage0.ROOT), data))
            return True
        if channel != inbox.PORT and data[:4] != inbox.MARK:
            return False
        if channel != inbox.PORT:
            data = data[len(inbox.MARK) :]
        if not self._highest:
            self._before = inbox.progress()
        self._highest = max(self._highest, inbox.number(data))
        self._done(inbox.take(data))
        for way in () if self.whole else self._node.ways:
            if not way.bearer.idle and hasattr(way.uplink, "linger_ms"):
                way.uplink.linger_ms = _WAIT_MS
        return True

    def _done(self, whole):
        """Asks the next start, which has the room, to look at what has come."""
        if whole and not self.whole:
            self.whole = True
            inbox.prepare(self._node.env.get("battery_v"))

    def tick(self):
        """Once a round: says how far the bundle is."""
        if self._highest and not self.whole:
            from kerb.update import report

            report.progress(self._node, self._before, self._highest)
        elif self._highest and not self._before:
            self._node.far.tell_health()  # all of it in one round: the last that is told of the application it replaces
        self._highest = 0
