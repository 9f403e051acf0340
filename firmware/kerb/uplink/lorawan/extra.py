"""LoRaWAN with what a plain class A node does without: class C, and the application packages of the LoRa Alliance.

A package is an object of kerb.uplink.lorawan.packages.<name>.Package: `port`, `down` and `up` (tables of commands), `take(cid, fields)` ->
fields of the answer or None, `due` (second since power-on of its next action, or None) and `act(now)`.
"""

from micropython import const

from kerb import log
from kerb.errors import UplinkError
from kerb.uplink.lorawan.packages import wire

from . import uplink
from .class_c import Listener
from .crypto import random_below

_GPS_EPOCH = const(315964800)  # as in uplink.py
_LEAP_SECONDS = const(18)


class Uplink(uplink.Uplink):
    """As uplink.Uplink. `config` may also hold `class` ("A" or "C"), `packages` (names) and `package_version` (1 or 2, default 2).

    `clock` has `now()`, set by the owner. `on_block(descriptor, path, size)` gets each block of data that arrived whole: `descriptor` the
    4 bytes of its set-up, `path` the file it lies in. It returns True when it took the file over; otherwise it stays until the next block.
    """

    def __init__(self, config, identity, board, store, radio=None):
        super().__init__(config, identity, board, store, radio)
        self._exchange = self.listener = listener = Listener(self._mac.region, board, config, config.get("class") == "C")
        listener.radio = radio
        self._mac.exchange = listener
        listener.mac = self._mac
        listener.allows = self._may_be_shared
        self.mac = self._mac
        self.board = board
        self.identity = identity
        self.store = store
        self.clock = None
        self.on_block = None
        self.restart = None  # resets the board
        self.confirmed = None  # overrides what callers of send() want
        self.unlimited = False  # without the region's duty cycle: in a laboratory only
        self.received = 0  # messages since power-on, whatever their port
        self._queue = []  # (second since power-on, port, payload)
        self._not_before = 0
        self._trouble = ""  # why the radio does not listen
        self.version = config.get("package_version", 2)
        self.packages = {}
        for name in config.get("packages", ()):
            module = __import__("kerb.uplink.lorawan.packages." + name, None, None, ("Package",))
            package = module.Package(self)
            self.packages[package.port] = package

    def _radio(self):
        listener = self.listener
        if listener.radio is None:
            listener.shut()
        driver = super()._radio()
        if listener.ear is None:
            chip = "kerb.radio.%s_modes" % self._config["radio"]["chip"] if "radio" in self._config else None
            listener.ear = __import__(chip, None, None, ("listen",)) if chip else driver
        return driver

    def gps(self):
        """GPS seconds by the node's clock, or None while it was never set."""
        utc = self.clock.now().utc if self.clock else None
        return None if utc is None else utc - _GPS_EPOCH + _LEAP_SECONDS

    def send(self, frame, priority, confirmed, again=None):
        """As Uplink.send."""
        self._grant()
        return super().send(frame, priority, confirmed if self.confirmed is None else self.confirmed, again)

    def _grant(self):
        if self.unlimited:
            self.mac.session.credit = list(self.mac.region.caps)

    def ask_time(self):
        """By the clock package where the node has it, else by the MAC."""
        for package in self.packages.values():
            if hasattr(package, "ask_time"):
                return package.ask_time()
        return super().ask_time()

    # -- what the bearer does by itself --------------------------------------------------------------------------------------

    def later(self, wait_s, port, payload):
        """Queues an uplink of a package, `wait_s` seconds from now at the earliest."""
        self._queue.append((self.board.mono() + wait_s, port, payload))

    def due_ms(self):
        """Milliseconds until tend() has something to do, or None."""
        times = [row[0] for row in self._queue] + [p.due for p in self.packages.values() if p.due is not None]
        if self._awaited():
            times.append(0)
        if not times:
            return None
        return max(min(times) - self.board.mono(), self._not_before - self.board.mono(), 0) * 1000

    def tend(self):
        """Does what is due: answers and requests of packages, a word the network waits for."""
        if self.due_ms() != 0:
            return
        if not self.connect():
            self._not_before = self.board.mono() + max(self.retry_after_s(), 60)
            return
        for package in self.packages.values():
            if package.due is not None and package.due <= self.board.mono():
                self._guarded(package.act, self.board.mono())
        now = self.board.mono()
        for row in [row for row in self._queue if row[0] <= now]:
            if not self.say(row[1], row[2]):
                return
            self._queue.remove(row)
        if self._awaited():
            self.say(None, b"")

    def _awaited(self):
        """True when the network waits for a word that need not wait for the next reading, or holds more for this device."""
        return self.listener.owes or self.mac.pending

    def say(self, port, payload):
        """Sends one frame of the bearer's own; False when it cannot leave now. One that never could is given up."""
        mac = self.mac
        if len(payload) > mac.mtu():
            log.event("note", "an answer of %d bytes on port %d is too long for a frame now" % (len(payload), port))
            return True  # whoever asked asks again
        pending, mac.pending = mac.pending, False  # an answer says so again
        self._grant()
        if self._guarded(mac.send, port, payload, bool(self.confirmed), 1) is not None:
            self.listener.owes = False
            return True
        mac.pending = pending
        self._not_before = self.board.mono() + max(mac.wait_s(), 1)
        return False

    def receive(self):
        """The oldest message of the application, or None; those of packages are carried out and answered."""
        while True:
            got = super().receive()
            self.received += got is not None
            if not got or got[0] not in self.packages:
                return got
            self._carry_out(self.packages[got[0]], got[1])

    def _may_be_shared(self, port, payload):
        package = self.packages.get(port)
        return port < 224 if package is None else bool(payload) and payload[0] in getattr(package, "shared", ())

    def _carry_out(self, package, data):
        answers = b""
        while data and data[0] in package.down:
            cid, layout = data[0], package.down[data[0]][1]
            got = wire.unpack(layout, data[1:])
            if got is None:
                break
            answer = self._guarded(package.take, cid, got[0])
            data = data[1 + got[1] :]
            if answer is not None:
                answers += wire.pack(cid, package.up[cid][1], answer)
        if answers:
            self.later(0, package.port, answers)

    def wait(self, ms):
        """Sleeps up to `ms`; where it listens, a message ends it early."""
        if self.listener.listening:
            try:
                heard = self._guarded(self.listener.wait, ms)
                self._trouble = ""
                return heard
            except UplinkError as error:
                if str(error) != self._trouble:  # told once: it would come every minute
                    self._trouble = str(error)
                    log.event("note", error)
        self.board.idle_ms(ms)
        return False

    def random_s(self, limit):
        """0 to `limit` seconds by chance."""
        return random_below(min(limit, 65535) + 1)
