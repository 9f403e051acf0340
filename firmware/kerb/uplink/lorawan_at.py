"""LoRaWAN through a module with its own stack behind AT commands: the face of docs/contracts.md, as kerb/uplink/lorawan has it.

The module keeps counters, nonces and session; the node asks it after every start whether it is joined, and takes a frame for delivered
when the module says that the network confirmed it (docs/decisions/0034).
"""

from binascii import hexlify, unhexlify
from struct import pack, unpack

from micropython import const

from kerb import log
from kerb.clock import mono_ms
from kerb.errors import ConfigError, ModemError
from kerb.modem.lorawan import Module
from kerb.uplink.lorawan.region import Region
from kerb.uplink.receipt import Receipt

_STATE = "<BBI"  # version, failures, next attempt
_VERSION = const(1)
_JOIN_S = const(12)  # a join request and its windows, at the slowest rate
_MORE_JOINS = const(2)
_FRAME_S = const(12)  # a frame, its windows and the pause before a repeat
_CONFIRMED = const(3)  # transmissions of a confirmed frame: the dialect's setting
_REPEATS = const(15)  # the network may ask for so many of an unconfirmed one
_EVENT_MS = const(300)  # what else a frame brought comes right behind its event
_NARROW = const(51)  # a rate that carries less is none to begin with: a record would not fit
_PAUSE_S = (60, 300, 900, 1800, 3600)  # between attempts to join or to find the module
_QUEUE = const(4)
_LONGEST_S = const(86400)  # no duty cycle asks for more


class Uplink:
    """`config`: `region` (the table), `module` (see kerb/modem/lorawan.py), `port` (2), `adr` (True). `identity` has dev_eui, join_eui
    and app_key."""

    def __init__(self, config, identity, board, store):
        self._region = region = Region(config["region"])
        fill = {"adr": "1" if config.get("adr", True) else "0"}
        self._module = module = Module(config["module"], fill, identity, store)
        self._words = module.words
        if region.name not in module.words["bands"]:
            raise ConfigError("uplink key region = %s is not one of the %s" % (region.name, config["module"]["dialect"]))
        fill["band"] = module.words["bands"][region.name]
        self.port = config.get("port", 2)
        self._joined = False
        self._confirm = None
        self._dr = 0
        self._inbox: list = []
        self._wants_time = False
        self._time = None
        self._rssi = None
        self._failures = 0
        self._retry_at = 0  # mono s

    @property
    def mtu(self):
        """Bytes one frame may carry now; 0 while there is no session."""
        return self._region.max_payload(self._dr, self._region.dwell) if self._joined else 0

    # -- session --------------------------------------------------------------------------------------------

    def connect(self):
        """True with a session. One bounded search where there is none; a module that restarted has lost it."""
        module = self._module
        if self._joined and module.at and not module.at.restarted:
            return True
        if self.retry_after_s():
            return False
        try:
            module.reach()
            self._joined = module.get(self._words["joined"]) == "1" or self._join()
            if self._joined:
                self._look_at_rate()
                self._failures = 0
                return True
        except ModemError as error:
            self._trouble(error)
        self._fail()
        return False

    def _join(self):
        module, words, region = self._module, self._words, self._region
        room = [(region.max_payload(dr, region.dwell), dr) for dr in range(len(region.rates)) if region.usable(dr, region.dwell)]
        if room[0][0] < _NARROW:
            module.put(words["rate"], str([dr for size, dr in room if size >= _NARROW][0]))  # noqa: RUF015 (every plan has one)
        module.ask(words["join"].format(pause=words["join_pause_s"], more=_MORE_JOINS))
        for _ in range(_MORE_JOINS + 1):
            line = module.at.wait(words["join_events"], (_JOIN_S + words["join_pause_s"]) * 1000)
            if line is None:
                break
            if line.startswith(words["join_good"]):
                module.awake()
                log.event("join", "done")
                return True
        log.event("join", "silent")
        return False

    def _look_at_rate(self):
        """The network may have changed it; an answer that is no rate leaves the last one."""
        value = self._module.get(self._words["rate"])
        if value.isdigit() and int(value) < len(self._region.rates):
            self._dr = int(value)

    def _trouble(self, error):
        log.event("note", error)
        self._joined = False
        if error.cause == "restarted":
            self._module.started_anew()

    def _fail(self):
        pause = _PAUSE_S[min(self._failures, len(_PAUSE_S) - 1)]
        self._failures = min(self._failures + 1, 255)
        self._retry_at = mono_ms() // 1000 + pause

    def retry_after_s(self):
        """Seconds until the next attempt: the duty cycle's, or a growing pause after failures."""
        return max(self._retry_at - mono_ms() // 1000, 0)

    # -- frames ---------------------------------------------------------------------------------------------

    def send(self, frame, priority, confirmed, again=None):
        """A Receipt once the module says that the frame left, and whether the network confirmed it; None when that is not known.

        `again` is not needed: the module's own repeats carry the same frame counter.
        """
        if not self.connect() or len(frame) > self.mtu:
            return None
        left_at = mono_ms() // 1000
        try:
            acknowledged = self._exchange(frame, confirmed)
        except ModemError as error:
            if error.cause == "refused" and error.detail.startswith(self._words["wait"]):
                self._wait(error.detail)
                return None
            self._trouble(error)
            self._fail()
            return None
        return None if acknowledged is None else Receipt(acknowledged, left_at)

    def _exchange(self, frame, confirmed):
        module, words = self._module, self._words
        module.awake()
        while module.at.take(words["sent_events"]):  # of a frame that was given up
            pass
        if self._confirm != confirmed:
            value = "1" if confirmed else "0"
            if module.get(words["confirm"]) != value:
                module.put(words["confirm"], value)
            self._confirm = confirmed
        if self._wants_time:
            module.ask(words["ask_time"])
        module.say_once(words["send"].format(port=self.port, data=hexlify(frame).decode()))
        line = module.at.wait(words["sent_events"], (_CONFIRMED if confirmed else _REPEATS) * _FRAME_S * 1000)
        if line is None:
            self._joined = False  # looked at anew before the next frame
            return None
        module.awake()
        self._gather()
        self._look_at_rate()
        return line.startswith(words["sent_good"])

    def _gather(self):
        """What came with the frame: the time, and downlinks."""
        at, words = self._module.at, self._words
        if self._wants_time:
            line = at.wait(words["time_events"], _EVENT_MS)
            if line and line.startswith(words["time_good"]):
                self._time = self._module.clock()
                self._wants_time = False
        line = at.wait(words["down"], _EVENT_MS)
        while line is not None:
            self._keep(line)
            line = at.take(words["down"])

    def _keep(self, line):
        found = downlink(line[len(self._words["down"]) :])
        if found is None:
            return  # damaged on its way
        self._rssi = found[0]
        if len(self._inbox) == _QUEUE:
            self._inbox.pop(0)
        self._inbox.append(found[1:])

    def _wait(self, line):
        number = line[len(self._words["wait"]) :].split("_")[0]
        if number.isdigit():
            self._retry_at = mono_ms() // 1000 + min(int(number) // 1000, _LONGEST_S) + 1

    def receive(self):
        """The oldest downlink not yet taken as (port, bytes), or None."""
        return self._inbox.pop(0) if self._inbox else None

    # -- time and level ---------------------------------------------------------------------------------------

    def ask_time(self):
        self._wants_time = True

    def take_time(self):
        """(UTC seconds, ms, ticks_ms at which it was true) once after an answer, else None."""
        found, self._time = self._time, None
        return found

    def take_rssi(self):
        """dBm of the last downlink, once."""
        rssi, self._rssi = self._rssi, None
        return rssi

    # -- sleep ----------------------------------------------------------------------------------------------

    def sleep(self):
        """The module falls asleep by itself once it has its settings; after power-on it has not been told yet."""
        if not self._module.ready and not self.retry_after_s():
            try:
                self._module.reach()
            except ModemError as error:
                self._trouble(error)
                self._fail()

    def pack(self):
        return pack(_STATE, _VERSION if self._module.ready else 0, self._failures, self._retry_at)

    def unpack(self, data):
        """Resumes after deep sleep: the module went on alone. False when the record is damaged."""
        if len(data) != 6 or data[0] > _VERSION:
            return False
        version, self._failures, self._retry_at = unpack(_STATE, data)
        self._module.ready = version == _VERSION
        return True


def downlink(text):
    """(dBm, port, bytes) of "1:-70:8:UNICAST:2:0102ff": window, dBm, dB, kind, port, data; None for anything else."""
    parts = text.split(":")
    if len(parts) != 6:
        return None
    try:
        rssi, port, data = int(parts[1]), int(parts[4]), unhexlify(parts[5])
    except ValueError:
        return None
    return (rssi, port, data) if 0 < port < 256 and -200 < rssi < 50 else None
