"""When a waiting record may leave, and by which of the node's bearers. Answers with moments; sends nothing.

`config` is the table "delivery" of node.json: "quiet" [from, to] in minutes of the UTC day or None, "gather_s", "spread_s",
"escalate_s" and "second_after_s" in seconds; docs/mqtt.md says what each is for.
"""

from struct import calcsize, pack, unpack_from

from micropython import const

from kerb.way import random_below

_DAY_MIN = const(1440)
_STATE = "<II"
STATE_BYTES = calcsize(_STATE)


def is_alarm(name):
    """Of a record's name; a gap marker is urgent, but nobody runs for it."""
    return name[0] == "0" and not (len(name) > 9 and name[9] == "g")


class Policy:
    def __init__(self, config=None):
        config = config or {}
        self._quiet = config.get("quiet")
        self._gather_s = config.get("gather_s", 0)
        self._spread_s = config.get("spread_s", 0)
        self._escalate_s = config.get("escalate_s", 300)
        self._second_after_s = config.get("second_after_s", 3600)
        self.batch = config.get("batch", False)
        self.start_at = 0  # mono s before which only alarms leave
        self._gather_at = 0  # mono s at which routine records have waited long enough; 0: none waits

    def pack(self):
        return pack(_STATE, self.start_at, self._gather_at)

    def unpack(self, data, at):
        self.start_at, self._gather_at = unpack_from(_STATE, data, at)

    def power_on(self, mono):
        """A whole street may have its power back at this moment."""
        if self._spread_s:
            self.start_at = mono + random_below(self._spread_s)

    def stored(self, priority, mono):
        if priority > 1 and not self._gather_at:
            self._gather_at = mono + self._gather_s

    def sent(self):
        """Nothing of the routine waits any more."""
        self._gather_at = 0

    def first_at(self, names, now):
        """mono s from which the first bearer has something to send; None without a record."""
        if not names:
            return None
        if is_alarm(names[0]):
            return now.mono
        at = self.start_at
        if names[0][0] > "1":
            at = max(at, self._gather_at, now.mono + self._quiet_s(now))
        return at

    def allowed(self, names, now):
        """Of `names`, those that may leave now."""
        if now.mono < self.start_at:
            return [name for name in names if is_alarm(name)]
        if self._quiet_s(now):
            return [name for name in names if name[0] < "2"]
        return names

    def second_at(self, first, names, now, stored_at):
        """As `first_at`, of the second bearer: alarms that the first did not get receipted in time, and all once it is down for long.

        `stored_at(name)`: mono s at which a record was stored, 0 if that was in another power cycle.
        """
        moments = [stored_at(name) + self._escalate_s for name in names if is_alarm(name)]
        ready = self.first_at(names, now)
        if ready is not None and first.down_at:
            moments.append(max(ready, first.down_at + self._second_after_s))
        return min(moments) if moments else None

    def for_second(self, first, names, now, stored_at):
        """Of `names`, those that may leave now by the second bearer."""
        if first.down_at and now.mono - first.down_at >= self._second_after_s:
            return self.allowed(names, now)
        return [name for name in names if is_alarm(name) and now.mono - stored_at(name) >= self._escalate_s]

    def _quiet_s(self, now):
        """Seconds until the quiet hours end; 0 outside them, or while the time of day is not known."""
        if not self._quiet or now.utc is None:
            return 0
        begin, end = self._quiet
        into = (now.utc // 60 - begin) % _DAY_MIN
        length = (end - begin) % _DAY_MIN
        return (length - into) * 60 - now.utc % 60 if into < length else 0
