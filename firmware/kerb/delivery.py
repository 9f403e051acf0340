"""Carries records from the outbox to the bearers, and forgets each only when its receipt is in."""

from micropython import const

from kerb import log
from kerb.clock import TRUST_LIVE, mono_ms
from kerb.errors import UplinkError
from kerb.policy import STATE_BYTES as POLICY_BYTES
from kerb.policy import is_alarm
from kerb.stamp import STAMP_BYTES, stamped
from kerb.way import STATE_BYTES as WAY_BYTES

_LIVE_S = 10
_NOTHING_MS = 86400000
_TIME_PAUSE_S = 600  # between attempts to learn the time when there is nothing else to send
_MOST = const(1022)  # of what a channel of the gap message counts


def gap_frame(gap):
    """The message "gap" of the profile `node` (protocols/profiles/node.toml), live and good. A table would cost a node 700 bytes."""
    alarms, events, readings = [min(count, _MOST) for count in gap[:3]]
    return b"\xe0" + (((alarms << 10 | events) << 10 | readings) << 6).to_bytes(5, "big")


class Delivery:
    """`ways`: the first bearer and, if the node has one, the second; `policy` says which of them a record may take, and when."""

    def __init__(self, outbox, ways, clock, policy):
        self._outbox = outbox
        self._ways = ways
        self._clock = clock
        self._policy = policy
        self._batch = None
        if policy.batch:
            # A module is loaded at every wake: only where it is wanted.
            from kerb import batch

            self._batch = batch
        self._fresh = set()  # names stored in this life and never yet handed to a bearer
        self._stored = {}  # name without its mark -> mono ms, of what was stored in this life
        self._time_at = 0  # mono s of the next attempt to learn the time
        self.epoch = 0
        self.on_receipt = None  # called with each record the far end has acknowledged
        self.on_message = None  # called with each message of the far end: (port or topic, bytes)
        self.proven = False  # the network has acknowledged a record of this life
        self.keep_s = 0  # age at which a routine reading is no longer worth its airtime; 0: never

    def confirm_all(self):
        """An application on trial asks for proof with every record."""
        for way in self._ways:
            way.confirm = 2

    def pack(self):
        """What the pauses need across deep sleep."""
        return self._policy.pack() + b"".join([way.pack() for way in self._ways])

    def unpack(self, data):
        if len(data) != POLICY_BYTES + WAY_BYTES * len(self._ways):
            return
        self._policy.unpack(data, 0)
        for i, way in enumerate(self._ways):
            way.unpack(data, POLICY_BYTES + WAY_BYTES * i)

    def power_on(self):
        """The node had no power before."""
        self._policy.power_on(mono_ms() // 1000)

    def store(self, frame, priority):
        """Takes a live frame from the application."""
        now = self._clock.now()
        first = self._ways[0]
        if not priority:
            first.hurry(now.mono)
        self._policy.stored(priority, now.mono)
        name, gone = self._outbox.put(frame, priority, now, self.epoch, self._clock.trust(), self._leaves_now(first, priority, now))
        self._fresh.add(name)
        self._stored[name[:9]] = mono_ms()
        log.event("put", name, frame.hex())
        for name in gone:
            self._tell_gone(name)

    def _leaves_now(self, first, priority, now):
        """Whether a record just taken is about to leave: saves the change of its name."""
        at = self._policy.first_at(["%d        " % priority], now)
        return max(at, first.retry_at) <= now.mono

    def _tell_gone(self, name):
        log.event("drop", name)
        self._stored.pop(name[:9], None)
        for known in self._outbox.names():
            if known[9:] == "g":
                log.event("put", known, self._read(known).frame.hex())

    def _read(self, name):
        record = self._outbox.read(name)
        if record and record.gap:
            record.frame = gap_frame(record.gap)
        return record

    def _stored_at(self, name):
        """mono s at which a record was stored; 0 when that was in another power cycle."""
        known = self._stored.get(name[:9])
        if known is not None:
            return known // 1000
        record = self._read(name)
        return record.mono if record and record.epoch == self.epoch else 0

    def _at(self, way):
        """mono s from which a bearer has something to do, its own pause included; None: nothing as far as is known."""
        now, names = self._clock.now(), self._outbox.names()
        first = self._ways[0]
        if way is not first:
            at = self._policy.second_at(first, names, now, self._stored_at)
        else:
            at = self._policy.first_at(names, now)
            if at is None and way.hold and self._clock.wants_setting():
                at = max(self._time_at, self._policy.start_at)
        return None if at is None else max(at, way.retry_at)

    def next_ms(self, now_ms):
        """ms until there is something to do, as far as is known."""
        waits = [max(at * 1000 - now_ms, 0) for at in [self._at(way) for way in self._ways] if at is not None]
        waits += [due for due in [way.bearer.due_ms() for way in self._ways] if due is not None]
        return min(waits) if waits else _NOTHING_MS

    def run(self):
        """Sends what there is, if the bearers and the policy let it; then what a bearer itself has to do."""
        for way in self._ways:
            at = self._at(way)
            if at is not None and at <= mono_ms() // 1000:
                self._use(way)
            elif way.hold and not way.bearer.idle:
                self._listen(way)
            if way.bearer.tends:
                self._tend(way)

    def _tend(self, way):
        try:
            self._listen(way)  # an order is carried out before it is answered
            way.bearer.tend()
            self._listen(way)
            self._take_time(way)
        except UplinkError as error:
            log.event("note", error)
        except OSError as error:
            log.trouble("flash", error)

    def _use(self, way):
        began = mono_ms()
        done = False
        try:
            done = way.uplink.connect() and self._exchange(way)
        except UplinkError as error:
            log.event("note", error)
        except OSError as error:
            # The bearer could not write down a counter, and does not send without.
            log.trouble("flash", error)
        if not done:
            way.failed(mono_ms() - began)

    def _exchange(self, way):
        """False when the bearer cannot go on now."""
        if self._clock.wants_setting():
            self._time_at = mono_ms() // 1000 + _TIME_PAUSE_S
            way.uplink.ask_time()
            self._take_time(way)
        left = list(self._names(way))
        while left:
            group = self._group(way, left)
            if group and not self._send(way, group):
                return False
        if not len(self._outbox):
            self._policy.sent()
        way.works()
        self._listen(way)
        return True

    def _names(self, way):
        now, names = self._clock.now(), self._outbox.names()
        if way is self._ways[0]:
            return self._policy.allowed(names, now)
        return self._policy.for_second(self._ways[0], names, now, self._stored_at)

    def _group(self, way, left):
        """Takes from the names in `left` what travels in the next frame. What has become too old is given up."""
        group: list = []
        batch = self._batch
        room = way.uplink.mtu - batch.HEAD_BYTES if batch else 0
        while left:
            record = self._read(left[0])
            if record and self._too_old(record):
                self._outbox.give_up(record.name, self._clock.now(), self.epoch, self._clock.trust())
                self._tell_gone(record.name)
            elif record and batch:
                size = len(record.frame) + STAMP_BYTES
                room -= size + batch.EACH_BYTES
                if group and (room < 0 or size > batch.LONGEST or not self._together(way, group[0], record)):
                    break
                group.append(record)
            elif record:
                group.append(record)
            left.pop(0)
            if group and not batch:
                break
        return group

    def _together(self, way, one, other):
        """An alarm does not wait for the bytes of others; what needs a receipt shares no frame with what does not."""
        same = (one.priority <= way.confirm) == (other.priority <= way.confirm)
        return same and is_alarm(one.name) == is_alarm(other.name)

    def _too_old(self, record):
        """Only of what nobody waits for, and only where the age is known."""
        if not self.keep_s or record.priority < 2 or record.gap:
            return False
        now = self._clock.now()
        if record.epoch == self.epoch:
            return now.mono - record.mono > self.keep_s
        return bool(record.utc and now.utc and now.utc - record.utc > self.keep_s)

    def _send(self, way, group):
        """One frame; False when the bearer cannot go on now."""
        if len(group) == 1:
            record = group[0]
            if len(self._frame(record, record.tried and record.name not in self._fresh)) > way.uplink.mtu:
                # A busy regional plan may be too narrow today; the record waits.
                return False
        confirmed = group[0].priority <= way.confirm
        frames, again = [], []
        for record in group:
            repeat = record.tried and record.name not in self._fresh
            self._fresh.discard(record.name)
            if not self._outbox.mark_tried(record):
                # A power cut would leave no trace of this transmission: it says now already that it may not be the only one.
                repeat = True
            frames.append(self._frame(record, repeat))
            again.append(self._frame(record, True))
            log.event("sent", record.name, frames[-1].hex())
        if len(group) == 1:
            frame, repeated = frames[0], again[0]
        else:
            frame, repeated = self._batch.join(frames), self._batch.join(again)
        # A bearer whose own repeats reach the far end unmarked sends `repeated` instead.
        receipt = way.uplink.send(frame, group[0].priority, confirmed, repeated)
        self._take_time(way)
        if confirmed:
            way.count(receipt)
        if receipt is None or (not receipt.acknowledged and confirmed):
            for record in group:
                log.event("kept", record.name)
            return False
        way.works()
        self.proven = self.proven or bool(receipt.acknowledged)
        for record in group:
            self._receipted(record, way)
            if self.on_receipt and receipt.acknowledged:
                self.on_receipt(record)
        return True

    def _receipted(self, record, way):
        """Says how many ms the record took from the node's decision to the receipt, where that is known, and by which bearer."""
        stored = self._stored.pop(record.name[:9], None)
        if stored is None and record.epoch == self.epoch:
            stored = record.mono * 1000
        log.event("receipt", record.name, "-" if stored is None else mono_ms() - stored, way.kind)
        self._outbox.remove(record.name)

    def _frame(self, record, repeat):
        mono = mono_ms() // 1000
        if not repeat and record.epoch == self.epoch and mono - record.mono <= _LIVE_S:
            return record.frame
        utc, trust = record.utc, record.trust
        if utc is None and record.epoch == self.epoch:
            # The clock was learnt since, in the same power cycle: it knows that moment too.
            utc, trust = self._clock.utc_of(record.mono), self._clock.trust(record.mono)
        return stamped(record.frame, TRUST_LIVE if utc is None else trust, utc, repeat, record.seq)

    def _take_time(self, way):
        got = way.uplink.take_time()
        if got:
            step = self._clock.set(*got)
            log.event("clock", got[0], step)

    def _listen(self, way):
        got = way.uplink.receive()
        while got:
            log.event("downlink", got[0], len(got[1]))
            if self.on_message:
                self.on_message(*got)
            got = way.uplink.receive()
