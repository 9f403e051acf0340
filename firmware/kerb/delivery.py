"""Carries records from the outbox to the bearer, and forgets each only when its receipt is in."""

from struct import pack, unpack

from micropython import const

from kerb import log
from kerb.clock import TRUST_LIVE, mono_ms
from kerb.errors import UplinkError
from kerb.stamp import stamped

_LIVE_S = 10
_NOTHING_MS = 86400000
_TIME_PAUSE_S = 600  # between attempts to learn the time when there is nothing else to send
_MOST = const(1022)  # of what a channel of the gap message counts
_PAUSE_S = (30, 60, 120, 300, 900, 3600)


def gap_frame(gap):
    """The message "gap" of the profile `node` (protocols/profiles/node.toml), live and good. A table would cost a node 700 bytes."""
    alarms, events, readings = [min(count, _MOST) for count in gap[:3]]
    return b"\xe0" + (((alarms << 10 | events) << 10 | readings) << 6).to_bytes(5, "big")


class Delivery:
    """`config` is the node's uplink table; "confirm" is "all", "events" or "none"."""

    def __init__(self, outbox, bearer, clock, config):
        self._outbox = outbox
        self._bearer = bearer
        self._clock = clock
        self._confirm = {"all": 2, "events": 1, "none": -1}[config["confirm"]]
        self._hold = config.get("link") == "hold"
        self._fresh = set()  # names stored in this life and never yet handed to the bearer
        self._failures = 0
        self._time_at = 0  # mono s of the next attempt to learn the time
        self.retry_at = 0
        self.epoch = 0
        self.on_downlink = None  # takes (port or topic, bytes)
        self.proven = False  # the network has acknowledged a record of this life
        self.keep_s = 0  # age at which a routine reading is no longer worth its airtime; 0: never

    def confirm_all(self):
        """An application on trial asks for proof with every record."""
        self._confirm = 2

    def pack(self):
        """What the growing pause needs across deep sleep."""
        return pack("<IB", self.retry_at, min(self._failures, 255))

    def unpack(self, data):
        self.retry_at, self._failures = unpack("<IB", data)

    def store(self, frame, priority):
        """Takes a live frame from the application."""
        now = self._clock.now()
        ready = now.mono >= self.retry_at
        name, gone = self._outbox.put(frame, priority, now, self.epoch, self._clock.trust(), ready)
        self._fresh.add(name)
        log.event("put", name, frame.hex())
        for name in gone:
            self._tell_gone(name)

    def _tell_gone(self, name):
        log.event("drop", name)
        for known in self._outbox.names():
            if known[9:] == "g":
                log.event("put", known, self._read(known).frame.hex())

    def _read(self, name):
        record = self._outbox.read(name)
        if record and record.gap:
            record.frame = gap_frame(record.gap)
        return record

    def next_ms(self, now_ms):
        """ms until there is something to send, as far as is known."""
        if len(self._outbox):
            return max(self.retry_at * 1000 - now_ms, 0)
        if self._hold and self._clock.wants_setting():
            return max(max(self.retry_at, self._time_at) * 1000 - now_ms, 0)
        return _NOTHING_MS

    def run(self):
        """Sends what there is, if the bearer lets it."""
        mono = mono_ms() // 1000
        wants = len(self._outbox) or (self._hold and self._clock.wants_setting() and mono >= self._time_at)
        if not wants or mono < self.retry_at:
            if self._hold and not self._bearer.idle:
                self._listen()
            return
        try:
            if self._bearer.uplink.connect():
                self._exchange()
            else:
                self._later()
        except UplinkError as error:
            log.event("note", error)
            self._later()
        except OSError as error:
            # The bearer could not write down a counter, and does not send without.
            log.trouble("flash", error)
            self._later()

    def _exchange(self):
        if self._clock.wants_setting():
            self._time_at = mono_ms() // 1000 + _TIME_PAUSE_S
            self._bearer.uplink.ask_time()
            self._take_time()
        for name in list(self._outbox.names()):
            record = self._read(name)
            if record and self._too_old(record):
                self._outbox.give_up(name, self._clock.now(), self.epoch, self._clock.trust())
                self._tell_gone(name)
            elif record and not self._send(record):
                return
        self._failures = 0
        self._listen()

    def _too_old(self, record):
        """Only of what nobody waits for, and only where the age is known."""
        if not self.keep_s or record.priority < 2 or record.gap:
            return False
        now = self._clock.now()
        if record.epoch == self.epoch:
            return now.mono - record.mono > self.keep_s
        return bool(record.utc and now.utc and now.utc - record.utc > self.keep_s)

    def _send(self, record):
        """One record; False when the bearer cannot go on now."""
        repeat = record.tried and record.name not in self._fresh
        frame = self._frame(record, repeat)
        if len(frame) > self._bearer.uplink.mtu:
            # A busy regional plan may be too narrow today; the record waits.
            self._later()
            return False
        self._fresh.discard(record.name)
        if not self._outbox.mark_tried(record) and not repeat:
            # A power cut would leave no trace of this transmission: it says now already that it may not be the only one.
            repeat = True
            frame = self._frame(record, repeat)
        log.event("sent", record.name, frame.hex())
        # A bearer whose own repeats reach the far end unmarked sends this instead.
        again = self._frame(record, True)
        receipt = self._bearer.uplink.send(frame, record.priority, record.priority <= self._confirm, again)
        self._take_time()
        if receipt is None or (not receipt.acknowledged and record.priority <= self._confirm):
            log.event("kept", record.name)
            self._later()
            return False
        log.event("receipt", record.name)
        self.proven = self.proven or bool(receipt.acknowledged)
        self._failures = 0
        self._outbox.remove(record.name)
        return True

    def _frame(self, record, repeat):
        mono = mono_ms() // 1000
        if not repeat and record.epoch == self.epoch and mono - record.mono <= _LIVE_S:
            return record.frame
        utc, trust = record.utc, record.trust
        if utc is None and record.epoch == self.epoch:
            # The clock was learnt since, in the same power cycle: it knows that moment too.
            utc, trust = self._clock.utc_of(record.mono), self._clock.trust()
        return stamped(record.frame, TRUST_LIVE if utc is None else trust, utc, repeat, record.seq)

    def _take_time(self):
        got = self._bearer.uplink.take_time()
        if got:
            step = self._clock.set(*got)
            log.event("clock", got[0], step)

    def _listen(self):
        got = self._bearer.uplink.receive()
        while got:
            log.event("downlink", got[0], len(got[1]))
            if self.on_downlink:
                self.on_downlink(*got)
            got = self._bearer.uplink.receive()

    def _later(self):
        """A growing pause; the bearer may know better."""
        pause = _PAUSE_S[min(self._failures, len(_PAUSE_S) - 1)]
        self._failures += 1
        self.retry_at = mono_ms() // 1000 + max(pause, self._bearer.uplink.retry_after_s())
