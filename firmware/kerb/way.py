"""One bearer of a node and how long it is left alone: a pause that grows with each failure, and a ceiling for a day's searching."""

import os
from struct import calcsize, pack, unpack_from

from micropython import const

from kerb.clock import mono_ms

_PAUSE_S = (30, 60, 120, 300, 900, 3600)
_STATE = "<IBIIiHHB"
STATE_BYTES = calcsize(_STATE)
_ONE = const(32)  # of a mean of failures
_OUTAGE = const(4)  # failures in a row: so many and more say no more of the link
_PATIENCE = const(3)  # a pause grows so many times later for each failure that is usual: 33 % loss each way drains (decision 0065)
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
        self._usual = 0  # failures before a receipt, a mean of the last eight receipts or so, in parts of _ONE
        self.asked = self.acked = 0  # frames since the last health report that wanted an acknowledgement; that got one

    def pack(self):
        """What must survive deep sleep."""
        ceiling = self._ceiling
        at_s, left = (ceiling.at_s, ceiling.left) if ceiling else (0, 0)
        return pack(_STATE, self.retry_at, min(self._failures, 255), self.down_at, at_s, left, self.asked, self.acked, self._usual)

    def unpack(self, data, at):
        got = unpack_from(_STATE, data, at)
        self.retry_at, self._failures, self.down_at, at_s, left, self.asked, self.acked, self._usual = got
        if self._ceiling:
            self._ceiling.at_s, self._ceiling.left = at_s, left

    def count(self, receipt):
        """What became of a frame that wanted an acknowledgement; before works() or failed()."""
        acked = bool(receipt and receipt.acknowledged)
        if self.asked < 0xFFFF:
            self.asked += 1
            self.acked += acked
        if acked:
            self._usual += min(self._failures, _OUTAGE) * _ONE // 8 - (self._usual + 7) // 8

    @property
    def uplink(self):
        return self.bearer.uplink

    def works(self):
        """A receipt is in."""
        self._failures = self.down_at = 0

    def failed(self, took_ms):
        """An attempt of so many ms led to nothing: a growing pause; the bearer may know better. Where failures are usual, one more says
        less of an outage, and the pause grows slower: else a lossy link would wait for hours after a run of bad luck."""
        mono = mono_ms() // 1000
        step = self._failures * _ONE // (_ONE + _PATIENCE * self._usual)
        pause = _PAUSE_S[min(step, len(_PAUSE_S) - 1)]
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
