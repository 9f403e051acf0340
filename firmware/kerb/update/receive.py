"""What of an update comes in from the far end: fragments on their own port or behind a mark, offers of a server that keeps a bundle for
this device, and blocks that LoRaWAN's own packages have put together. A wake in which none comes does not load it.
"""

from kerb.clock import mono_ms
from kerb.update import inbox, report
from kerb.update.agent import MARK, PORT, Agent
from kerb.update.install import MAGIC

OFFER = b"KUB1"  # begins an offer: first 4 bytes of the bundle's SHA-256, its bytes u32, big endian
_OFFER_BYTES = 12
_STRIDE = 16  # fragments of a large bundle between two reports; a sender keeps more than that on their way
_WAIT_MS = 1000  # for the next fragment, by a bearer that can wait: coming back for it would cost a connection


class Receiver:
    """`node`: whose update it is. A method that takes something returns whether it was of an update; `whole` is True once one is there."""

    def __init__(self, node):
        self._node = node
        self.whole = False
        self.whole_ms = 0

    def take(self, channel, data):
        """A message. `channel`: a port of LoRaWAN, or a topic's name."""
        if channel != PORT and data[:4] == OFFER:
            if len(data) == _OFFER_BYTES:
                self._fetch(data)
            return True
        if channel != PORT and data[:4] != MARK:
            return False
        before = inbox.progress()
        self._done(inbox.take(data if channel == PORT else data[len(MARK) :]))
        if not self.whole:
            self._report(before, data if channel == PORT else data[len(MARK) :])
        self._linger(0 if self.whole else _WAIT_MS)
        return True

    def block(self, path, size):
        """A block of data in a file: LoRaWAN's fragmentation package has put it together and checked it."""
        with open(path, "rb") as f:
            if f.read(len(MAGIC)) != MAGIC:
                return False
        inbox.adopt(path, size)
        self._done(True)
        return True

    def _done(self, whole):
        """Asks the next start, which has the room, to look at what has come."""
        if whole and not self.whole:
            self.whole = True
            self.whole_ms = mono_ms()
            Agent(self._node.update).prepare(self._node.env.get("battery_v"))

    def _report(self, before, data):
        """What a sender must know to go on: in a large bundle how far it is, in a small one that all were sent and some are missing."""
        piece = inbox.progress()
        if not piece:
            return
        had, wanted = piece[1:]
        if piece == before or (had % _STRIDE == 0 if inbox.in_order(wanted) else inbox.number(data) >= wanted):
            report.progress(self._node, piece)

    def _linger(self, ms):
        for way in self._node.ways:
            if not way.bearer.idle and hasattr(way.uplink, "linger_ms"):
                way.uplink.linger_ms = ms

    def _fetch(self, offer):
        from kerb.update import fetch

        for way in self._node.ways:
            if not way.bearer.idle and hasattr(way.uplink, "fetch"):
                self._done(fetch.fetch(way.uplink, offer[4:8], int.from_bytes(offer[8:12], "big")))
                piece = inbox.progress()
                if piece and not self.whole:
                    report.progress(self._node, piece)
