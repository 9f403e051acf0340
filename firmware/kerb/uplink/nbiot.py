"""NB-IoT as an uplink: when to search, how to recover, when to leave the network alone. What carries the frames is a carrier.

The bearer wakes its modem when there is something to send and leaves it in PSM, which keeps the registration: the next frame then
costs a wake, a socket and one exchange. A connection that fails is repeated with a growing pause and a step up the ladder: context
anew, radio anew, modem anew. Most repeats only look whether a cell is heard; what is spent in vain has a ceiling (kerb/ceiling.py,
docs/decisions/0037 and 0062).
"""

from struct import pack, unpack
from time import ticks_diff, ticks_ms

from micropython import const

from kerb import log
from kerb.ceiling import Ceiling
from kerb.clock import mono_ms
from kerb.errors import ConfigError, ModemError, UplinkError
from kerb.modem.modem import OFF, PSM, UNKNOWN, Modem, saving, words
from kerb.modem.network import Network
from kerb.uplink.receipt import Receipt

# Version, flags, failures, rung, message id, next attempt; what the ceiling has left and since when; cell, figures of _HEALTH, address
_STATE = "<BBBBHIiIIhbbb4s"
_STATE_BYTES = const(31)
_HEALTH = ("rsrp_dbm", "rsrq_db", "sinr_db", "ecl")
_NOT_KNOWN = const(127)  # none of them goes so far up
_VERSION = const(2)
_CONFIGURED, _SLEEPS_KNOWN, _SLEEPS, _FOUND, _MUTE = const(4), const(8), const(16), const(32), const(64)  # beside the modem's state
_PAUSE_S = (30, 120, 600, 1800, 3600, 9000)
_LOOK_MS = const(6000)  # a cell that is back where it was is heard in seconds (1.2 s: measured, device-os 2589)
_HEARD_MS = const(18000)  # what a heard cell gets to let the modem in, when the ceiling has no more; it may be another operator's
_SCAN_EACH = const(8)  # attempts: one of them looks through all bands, 8 to 47 s (SARA-R5 guide), if the ceiling has it
_SCAN_PART = const(3)  # of the longest search, which is for a card that was never on a network here
_CLOCK_ERROR_MS = const(2000)  # network time comes in whole seconds, some time after it was true
_SURE_MS = const(1500)  # after an answer the modem is still awake
_CLOCK_TRIES = const(2)  # a connection
_CARRIERS = {"coap": "kerb.uplink.nbiot_coap", "mqtt": "kerb.uplink.nbiot_mqtt"}


def _now_s():
    return mono_ms() // 1000


class Uplink:
    """`config`: the node's uplink table (NbIotTable in host/kerbstone/build/node.py) with the modem's wires. `identity`: device_id, and for
    MQTT mqtt_user and mqtt_password; sim_pin of a card that asks for one. `board`: waits with idle_ms(ms).
    """

    def __init__(self, config, identity, board, store):
        if not identity.get("device_id"):
            raise ConfigError("identity has no device_id: provision the device")
        if config["protocol"] not in _CARRIERS:
            raise ConfigError("uplink key protocol = %s is not one of %s" % (config["protocol"], ", ".join(sorted(_CARRIERS))))
        self._psm = config["psm"]
        self._search_ms = config["search_s"] * 1000
        self.modem = Modem(config["modem"], words(config), saving(config), board.idle_ms)
        self.network = Network(self.modem)
        self._ceiling = Ceiling(config["search_mah_day"] * 1000)
        module = __import__(_CARRIERS[config["protocol"]], None, None, ("Carrier",))
        self._carrier = module.Carrier(self.modem, config, identity)
        self._identity, self._store = identity, store
        self._failures = 0
        self._rung = 0
        self._found = False  # a network was found since power-on
        self._mute = False  # the server was silent at the last attempt
        self._retry_at = 0  # mono s
        self._wants_time = 0  # questions left
        self._told_signal = False
        self._heard_at = 0  # tick at which the modem was last known to be awake
        self.health: dict = {}  # signal figures of the last connection, kept over deep sleep: see Network.signal

    @property
    def mtu(self):
        """Bytes of a frame, or of several in one."""
        return self._carrier.mtu

    # -- connection -----------------------------------------------------------------------------------------

    def connect(self):
        """One bounded attempt: True with a way to the server. False: no network, or no way, see retry_after_s."""
        if self._carrier.is_open and self._is_up():
            return True
        if self.retry_after_s():
            return False
        began = ticks_ms()
        found = None
        try:
            found = self._reach()
            if found:
                return True
        except ModemError as error:
            log.event("note", error)
        except UplinkError as error:  # of the card
            log.event("note", error)
            found = False
        self._fail(ticks_diff(ticks_ms(), began))
        if found is False:
            self._switch_off()
        return False

    def _switch_off(self):
        """A modem without a network sleeps in no PSM."""
        try:
            self.modem.off()
        except ModemError as error:
            log.event("note", error)

    def _is_up(self):
        """True while the modem is as we left it."""
        at = self.modem.at
        if not at or at.restarted:
            return False
        if ticks_diff(ticks_ms(), self._heard_at) < _SURE_MS:
            return True
        if self.network.fell_asleep():
            self._carrier.drop()
            return False
        self._heard_at = ticks_ms()
        return not at.restarted

    def _reach(self):
        modem = self.modem
        self._told_signal = False
        for again in (True, False):
            try:
                if self._rung:
                    modem.recover(self._rung)
                modem.start()
                if self._identity.get("sim_pin"):
                    self._unlock()
                if not self.network.search(*self._search()):
                    log.event("note", "modem: no network, registration %d" % self.network.registration.state)
                    self._unlock()  # it may be the card, which then says what it wants
                    return False
                self._found = True
                self.network.attach()
                self._carrier.open()
                self._heard_at = ticks_ms()
                return True
            except ModemError as error:
                # Its boot message may come late, or a dip of the supply have thrown it out: once more from the beginning costs seconds.
                if error.cause != "restarted" or not again:
                    raise
        return False

    def _unlock(self):
        from kerb.modem import pin

        pin.unlock(self.modem, self._identity, self._store)

    def _search(self):
        """(ms a search may last, ms it lasts when no cell is heard): mostly a look, since a node without a network looks for a month."""
        scan_ms = self._search_ms // _SCAN_PART if self._found or self._failures else self._search_ms
        if not self._ceiling.affords(self._uah(scan_ms), _now_s()):
            return _HEARD_MS, _LOOK_MS
        # A network that was there is missed for a moment more often than it has moved.
        scans = self._failures % _SCAN_EACH == (2 if self._found else 0)
        return scan_ms, scan_ms if scans else _LOOK_MS

    def _uah(self, ms):
        """What a search of so many ms takes."""
        return ms * self.modem.dialect["search_ma"] // 3600

    def _lost(self):
        """The way to the server is gone, and its address may be another by now."""
        self._carrier.drop()
        self._carrier.address = ""

    def _fail(self, spent_ms):
        self._lost()
        self._rung = min(self._rung + 1, 3)
        pause = _PAUSE_S[min(self._failures, len(_PAUSE_S) - 1)]
        self._failures = self._failures + 1 if self._failures < 255 else 255 - _SCAN_EACH + 1
        now = _now_s()
        self._ceiling.spend(self._uah(spent_ms), now)
        self._retry_at = now + max(pause, self._ceiling.wait_s(now))

    def retry_after_s(self):
        """Seconds until the next attempt: 30 s to 2.5 h after failures in a row, longer while the ceiling is reached."""
        return max(self._retry_at - _now_s(), 0)

    def hurry(self):
        """For an alarm: the pause ends now, and the ceiling's reserve may be used. False when that is gone too."""
        now = _now_s()
        if self._ceiling.wait_s(now, True):
            return False
        self._retry_at = min(self._retry_at, now)
        return True

    def send(self, frame, priority, confirmed, again=None):
        """A Receipt once the server has the frame (whatever `priority` and `confirmed`); None when that is not known.

        A repeat the server cannot recognise, over a new socket, carries `again`. UplinkError when the server refuses.
        """
        if len(frame) > self.mtu:
            raise UplinkError("frame of %d bytes exceeds the %d of this uplink: report fewer channels" % (len(frame), self.mtu))
        # A server that was silent the last time is asked once and briefly.
        for attempt in (frame,) if self._mute else (frame, again or frame):
            if not self.connect():
                return None
            left_at, began = _now_s(), ticks_ms()
            try:
                if self._carrier.deliver(attempt, self._mute):
                    self._failures = self._rung = self._retry_at = 0
                    self._mute = False
                    self._heard_at = ticks_ms()
                    self._tell_signal()
                    return Receipt(True, left_at)
            except ModemError as error:
                log.event("note", error)
            self._lost()
            self._ceiling.spend(self._uah(ticks_diff(ticks_ms(), began)), _now_s())
        self._mute = True
        self._fail(0)
        return None

    def receive(self):
        """What the server sent along with its receipts, as (path or topic, bytes), or None. Never waits."""
        return self._carrier.take()

    def fetch(self, name, number, more):
        """A block of what the server keeps for this device under `name`; None when it is not to be had now. `more`: another is wanted."""
        try:
            if hasattr(self._carrier, "fetch") and self.connect():
                return self._carrier.fetch(name, number, more)
        except ModemError as error:
            log.event("note", error)
            self._lost()
        return None

    def _tell_signal(self):
        """Once a connection, after the receipt."""
        if self._told_signal:
            return
        self._told_signal = True
        try:
            self.health = self.network.signal()
        except ModemError as error:
            log.event("note", error)
        log.event("signal", *["%s=%s" % (name, self.health[name]) for name in sorted(self.health)])

    # -- time -----------------------------------------------------------------------------------------------

    def ask_time(self):
        """Wants the time; the network gives it some time after the modem has registered."""
        self._wants_time = _CLOCK_TRIES

    def take_time(self):
        """(utc s, 0, tick, error in ms), or None while the network has given none."""
        if not self._wants_time or not self.modem.at or not self.network.registration:
            return None
        self._wants_time -= 1
        try:
            found = self.network.utc()
        except ModemError as error:
            log.event("note", error)
            return None
        if found is None:
            return None
        self._wants_time = 0
        return found[0], 0, found[1], _CLOCK_ERROR_MS

    # -- sleep ----------------------------------------------------------------------------------------------

    def sleep(self):
        """To PSM, or off where the network does not grant it; sockets end."""
        try:
            self._carrier.close()
            self.network.rest(self._psm)
        except ModemError as error:
            log.event("note", error)

    def pack(self):
        """What deep sleep must not lose."""
        modem = self.modem
        flags = modem.state if modem.at is None else UNKNOWN
        flags |= _CONFIGURED if modem.configured else 0
        flags |= (_FOUND if self._found else 0) | (_MUTE if self._mute else 0)
        flags |= 0 if modem.sleeps is None else _SLEEPS_KNOWN | (_SLEEPS if modem.sleeps else 0)
        ceiling, get = self._ceiling, self.health.get
        figures = [max(min(get(name, _NOT_KNOWN), _NOT_KNOWN), -999 if name == "rsrp_dbm" else -127) for name in _HEALTH]
        return pack(
            _STATE, _VERSION, flags, self._failures, self._rung, self._carrier.number, self._retry_at, ceiling.left, ceiling.at_s,
            get("cell", 0), figures[0], figures[1], figures[2], figures[3],
            bytes([int(part) for part in self._carrier.address.split(".")]) if self._carrier.address else b"",
        )  # fmt: skip

    def unpack(self, data):
        if len(data) != _STATE_BYTES or data[0] != _VERSION:
            return
        modem, ceiling = self.modem, self._ceiling
        got = unpack(_STATE, data)
        _, flags, self._failures, self._rung, self._carrier.number, self._retry_at, ceiling.left, ceiling.at_s, cell = got[:9]
        self.health = {name: figure for name, figure in zip(_HEALTH, got[9:13]) if figure != _NOT_KNOWN}
        if any(got[13]):
            self._carrier.address = ".".join([str(part) for part in got[13]])
        if cell:
            self.health["cell"] = cell
        modem.state = (OFF, PSM, UNKNOWN, UNKNOWN)[flags & 3]
        modem.configured = bool(flags & _CONFIGURED)
        self._found, self._mute = bool(flags & _FOUND), bool(flags & _MUTE)
        modem.sleeps = bool(flags & _SLEEPS) if flags & _SLEEPS_KNOWN else None
