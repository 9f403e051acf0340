"""One bearer of a node and how long it is left alone: a pause that grows with each failure, and a ceiling for a day's searching."""

import os
from struct import calcsize, pack, unpack_from

from kerb.clock import mono_ms

_PAUSE_S = (30, 60, 120, 300, 900, 3600)
_STATE = "<IBIIiHH"
STATE_BYTES = calcsize(_STATE)
_LIMITED = {"ceiling_s": "kerb.ceiling"}  # loaded where the table has such a key


def random_below(limit):
    """A whole number from 0 to limit - 1, from the port's source of entropy: two nodes switched on together must differ."""
    return int.from_bytes(os.urandom(3), "little") % limit


class Way:
    """`config` is the bearer's table of node.json: "confirm" is "all", "events" or "none"; "ceiling_s": seconds a day that attempts
    without success may take, absent: no ceiling; "spread_s": longest random addition to a pause, so that a street does not come back
    at once."""

    def __init__(self, bearer, config):
        self.bearer = bearer
        self.kind = config.get("kind", "")
        self.confirm = {"all": 2, "events": 1, "none": -1}[config["confirm"]]
        self.hold = config.get("link") == "hold"
        self._ceiling = None
        for key, module in _LIMITED.items():
            if config.get(key):
                self._ceiling = __import__(module, None, None, ("Ceiling",)).Ceiling(config[key] * 1000)
        self._spread_s = config.get("spread_s", 0)
        self.retry_at = 0  # mono s
        self.down_at = 0  # mono s of the first failure in a row; 0: it works as far as is known
        self._failures = 0
        self.asked = self.acked = 0  # frames since the last health report that wanted an acknowledgement; that got one

    def pack(self):
        """What must survive deep sleep."""
        ceiling = self._ceiling
        at_s, left = (ceiling.at_s, ceiling.left) if ceiling else (0, 0)
        return pack(_STATE, self.retry_at, min(self._failures, 255), self.down_at, at_s, left, self.asked, self.acked)

    def unpack(self, data, at):
        self.retry_at, self._failures, self.down_at, at_s, left, self.asked, self.acked = unpack_from(_STATE, data, at)
        if self._ceiling:
            self._ceiling.at_s, self._ceiling.left = at_s, left

    def count(self, receipt):
        """What became of a frame that wanted an acknowledgement."""
        if self.asked < 0xFFFF:
            self.asked += 1
            self.acked += bool(receipt and receipt.acknowledged)

    @property
    def uplink(self):
        return self.bearer.uplink

    def works(self):
        """A receipt is in."""
        self._failures = self.down_at = 0

    def failed(self, took_ms):
        """An attempt of so many ms led to nothing: a growing pause; the bearer may know better."""
        mono = mono_ms() // 1000
        pause = _PAUSE_S[min(self._failures, len(_PAUSE_S) - 1)]
        if self._spread_s:
            pause += random_below(min(pause, self._spread_s))
        self._failures += 1
        self.down_at = self.down_at or max(mono, 1)
        pause = max(pause, self.uplink.retry_after_s())
        if self._ceiling:
            self._ceiling.spend(took_ms, mono)
            pause = max(pause, self._ceiling.wait_s(mono))
        self.retry_at = mono + pause

    def hurry(self, mono):
        """An alarm does not wait for the pause to end, unless what may be spent on searches is used up, its reserve included."""
        if self.retry_at > mono and not (self._ceiling and self._ceiling.wait_s(mono, True)):
            hurry = getattr(self.uplink, "hurry", None)  # of a bearer with a pause of its own
            if not hurry or hurry():
                self.retry_at = mono
