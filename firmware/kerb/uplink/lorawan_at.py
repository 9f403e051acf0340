"""LoRaWAN through a module with its own stack behind AT commands: the face of docs/contracts.md, as kerb/uplink/lorawan has it.

The module keeps counters and session; the node keeps none of them. It writes identity and settings only where the module has others,
asks it after every start whether it is joined, and takes a frame for delivered when the module says so. What the module understands is
its dialect (kerb/modem/dialects): words, events, and how its answers look.
"""

from binascii import hexlify, unhexlify
from hashlib import sha256
from struct import pack, unpack
from time import sleep_ms, ticks_diff, ticks_ms

import machine
from micropython import const

from kerb import log
from kerb.clock import mono_ms
from kerb.errors import ConfigError, ModemError
from kerb.modem.at import At
from kerb.modem.cells import utc
from kerb.uplink.lorawan.region import Region
from kerb.uplink.receipt import Receipt

_MARK = "module"  # blob: which identity the module was given
_STATE = "<BBI"  # version, failures, next attempt
_VERSION = const(1)
_RX_BYTES = const(1024)
_ATTEND_MS = const(3000)
_JOIN_S = const(12)  # a join request and its windows, at the slowest rate
_FRAME_S = const(12)  # a frame, its windows and the pause before a repeat
_REPEATS = const(15)  # the network may ask for so many of an unconfirmed one
_MORE_JOINS = const(2)
_ANSWER_MS = const(2000)
_STAYS_MS = const(1000)  # awake after a command, at least
_TRIES = const(3)
_EVENT_MS = const(300)  # what else a frame brought comes right behind its event
_NARROW = const(51)  # a rate that carries less is none to begin with: a record would not fit
_TICK_MS = const(40)  # between two looks at the module's clock, which has whole seconds
_TICKS = const(30)
_PAUSE_S = (60, 300, 900, 1800, 3600)  # between attempts to join or to find the module
_QUEUE = const(4)
_LENGTHS = (("dev_eui", 8), ("join_eui", 8), ("app_key", 16))


class Uplink:
    """`config`: `region` (the table), `module` (dialect, and wires: UART id, tx, rx, reset pin where there is one), `port` (2), `adr`.
    `identity` has dev_eui, join_eui and app_key; the key goes to the module and nowhere else."""

    def __init__(self, config, identity, board, store):
        self._wires = config["module"]
        name = self._wires["dialect"]
        self._words = words = __import__("kerb.modem.dialects." + name, None, None, ("DIALECT",)).DIALECT
        self._region = region = Region(config["region"])
        if region.name not in words["bands"]:
            raise ConfigError("uplink key region = %s is not one of the %s" % (region.name, name))
        self._identity = {key: identity.key(key) for key, _ in _LENGTHS}
        for key, size in _LENGTHS:
            if len(self._identity[key]) != size:
                raise ConfigError("identity lacks a %s of %d bytes: provision it again" % (key, size))
        self._store = store
        self._band = words["bands"][region.name]
        self._adr = "1" if config.get("adr", True) else "0"
        self.port = config.get("port", 2)
        self._at: At = None
        self._set = False  # identity and settings are known to be in the module
        self._joined = False
        self._confirm = None
        self._dr = 0
        self._inbox: list = []
        self._wants_time = False
        self._time = None
        self._rssi = None
        self._failures = 0
        self._retry_at = 0  # mono s
        self._talked = 0  # tick of the last command

    @property
    def mtu(self):
        """Bytes one frame may carry now; 0 while there is no session."""
        return self._region.max_payload(self._dr, self._region.dwell) if self._joined else 0

    # -- module ---------------------------------------------------------------------------------------------

    def _ask(self, command, got=None):
        """For commands that may be said twice: an answer damaged on its way is asked for again."""
        for _ in range(_TRIES - 1):
            try:
                lines = self._at.ask(command, got, _ANSWER_MS)
                if lines or not got:
                    return lines
            except ModemError as error:
                if error.cause != "silent":
                    raise
        return self._at.ask(command, got, _ANSWER_MS)

    def _get(self, word):
        got = self._words["got"].format(word)
        lines = self._ask(self._words["get"].format(word), got)
        return lines[-1][len(got) :].strip() if lines else ""

    def _look_at_rate(self):
        """The network may have changed it; an answer that is no rate leaves the last one."""
        value = self._get(self._words["rate"])
        if value.isdigit() and int(value) < len(self._region.rates):
            self._dr = int(value)

    def _put(self, word, value):
        self._ask(self._words["set"].format(word, value))

    def _reach(self):
        """The module awake, with our identity and settings. ModemError when it is not to be had."""
        words = self._words
        if self._at is None:
            wires = self._wires
            uart = machine.UART(wires["id"], words["baud"], tx=machine.Pin(wires["tx"]), rx=machine.Pin(wires["rx"]), rxbuf=_RX_BYTES)
            self._at = At(uart, words["errors"], words["boot"], words["end"])
        at = self._at
        if not at.attend(_ATTEND_MS):
            if "reset" not in self._wires:
                raise ModemError("AT", "silent", "check the supply and the UART of the module")
            pin = machine.Pin(self._wires["reset"], machine.Pin.OUT, value=0)
            sleep_ms(20)
            pin.value(1)
            self._set = self._joined = False
            if not at.attend(words["boot_ms"] + _ATTEND_MS):
                raise ModemError("AT", "silent", "a reset did not help: check the supply and the UART of the module")
        at.look()
        if at.restarted:
            self._set = self._joined = False
        at.restarted = False
        if not self._set:
            self._set_up()
            self._set = True
        self._talked = ticks_ms()

    def _awake(self):
        """After a wait: the module may have fallen asleep, and what wakes it is lost."""
        if ticks_diff(ticks_ms(), self._talked) > _STAYS_MS and not self._at.attend(_ATTEND_MS):
            raise ModemError("AT", "silent")
        self._talked = ticks_ms()

    def _set_up(self):
        words = self._words
        fill = {"band": self._band, "adr": self._adr}
        mine = sha256(b"".join([self._identity[key] for key, _ in _LENGTHS])).digest()[:8]
        if self._store.get(_MARK) != mine or self._get(words["eui"]).lower() != hexlify(self._identity["dev_eui"]).decode():
            for word, key in words["keys"]:
                self._put(word, hexlify(self._identity[key]).decode())
            self._store.put(_MARK, mine)
        wanted = [(word, value.format(**fill)) for word, value in words["setup"]]
        if "mask" in self._wires:
            wanted.append((words["mask"], self._wires["mask"]))
        for word, value in wanted:
            if self._get(word) != value:
                self._put(word, value)

    # -- session --------------------------------------------------------------------------------------------

    def connect(self):
        """True with a session. One bounded search where there is none; a module that restarted has lost it."""
        if self._joined and self._at and not self._at.restarted:
            return True
        if self.retry_after_s():
            return False
        try:
            self._reach()
            self._joined = self._get(self._words["joined"]) == "1" or self._join()
            if self._joined:
                self._look_at_rate()
                self._failures = 0
                return True
        except ModemError as error:
            self._trouble(error)
        self._fail()
        return False

    def _join(self):
        words = self._words
        rates = [dr for dr in range(len(self._region.rates)) if self._region.usable(dr, self._region.dwell)]
        if self._region.max_payload(rates[0], self._region.dwell) < _NARROW:
            wide = [dr for dr in rates if self._region.max_payload(dr, self._region.dwell) >= _NARROW]
            self._put(words["rate"], str(wide[0]))
        self._at.ask(words["join"].format(pause=words["join_pause_s"], more=_MORE_JOINS))
        for _ in range(_MORE_JOINS + 1):
            line = self._at.wait(words["join_events"], (_JOIN_S + words["join_pause_s"]) * 1000)
            if line is None:
                break
            if line.startswith(words["join_good"]):
                self._awake()
                log.event("join", "done")
                return True
        log.event("join", "silent")
        return False

    def _trouble(self, error):
        log.event("note", error)
        self._joined = False
        if getattr(error, "cause", "") == "restarted":
            self._set = False
            self._at.restarted = False

    def _fail(self):
        pause = _PAUSE_S[min(self._failures, len(_PAUSE_S) - 1)]
        self._failures = min(self._failures + 1, 255)
        self._retry_at = mono_ms() // 1000 + pause

    def retry_after_s(self):
        """Seconds until the next attempt: the duty cycle's, or a growing pause after failures."""
        return max(self._retry_at - mono_ms() // 1000, 0)

    # -- frames ---------------------------------------------------------------------------------------------

    def send(self, frame, priority, confirmed, again=None):
        """A Receipt once the module says that the frame left, and whether the network confirmed it; None when it could not leave.

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
        at, words = self._at, self._words
        self._awake()
        for stale in words["sent_events"]:
            while at.take(stale):  # of a frame that was given up
                pass
        if self._confirm != confirmed:
            value = "1" if confirmed else "0"
            if self._get(words["confirm"]) != value:
                self._put(words["confirm"], value)
            self._confirm = confirmed
        if self._wants_time:
            self._ask(words["ask_time"])
        try:
            at.ask(words["send"].format(port=self.port, data=hexlify(frame).decode()), limit_ms=_ANSWER_MS)
        except ModemError as error:
            if error.cause != "silent":
                raise
            # Its OK may have been damaged on the way; the event tells.
        line = at.wait(words["sent_events"], (3 if confirmed else _REPEATS) * _FRAME_S * 1000)
        if line is None:
            self._joined = False  # look at it anew before the next frame
            return None
        self._awake()
        self._gather()
        self._look_at_rate()
        return line.startswith(words["sent_good"])

    def _gather(self):
        """What came with the frame: the time, and downlinks."""
        at, words = self._at, self._words
        if self._wants_time:
            line = at.wait(words["time_events"], _EVENT_MS)
            if line and line.startswith(words["time_good"]):
                self._time = self._read_clock()
                self._wants_time = False
        line = at.wait(words["down"], _EVENT_MS)
        while line is not None:
            self._keep(line)
            line = at.take(words["down"])

    def _keep(self, line):
        try:
            _, rssi, _, _, port, data = line[len(self._words["down"]) :].split(":")
            found = int(port), unhexlify(data)
            self._rssi = int(rssi)
        except ValueError:
            return  # damaged on its way
        if len(self._inbox) == _QUEUE:
            self._inbox.pop(0)
        self._inbox.append(found)

    def _wait(self, line):
        number = line[len(self._words["wait"]) :].split("_")[0]
        if number.isdigit():
            self._retry_at = mono_ms() // 1000 + int(number) // 1000 + 1

    def receive(self):
        """The oldest downlink not yet taken as (port, bytes), or None."""
        return self._inbox.pop(0) if self._inbox else None

    # -- time -----------------------------------------------------------------------------------------------

    def _read_clock(self):
        """(UTC s, ms, tick) at the moment its seconds change, which is the only moment they say exactly."""
        first = self._get(self._words["clock"])
        for _ in range(_TICKS):
            text, tick = self._get(self._words["clock"]), ticks_ms()
            if text != first:
                break
            sleep_ms(_TICK_MS)
        found = seconds(text)
        return None if found is None else (found - self._words["leap_s"], 0, tick)

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
        if not self._set and not self.retry_after_s():
            try:
                self._reach()
            except ModemError as error:
                self._trouble(error)
                self._fail()

    def pack(self):
        return pack(_STATE, _VERSION if self._set else 0, self._failures, self._retry_at)

    def unpack(self, data):
        """Resumes after deep sleep: the module went on alone. False when the record is damaged."""
        if len(data) != 6 or data[0] > _VERSION:
            return False
        version, self._failures, self._retry_at = unpack(_STATE, data)
        self._set = version == _VERSION
        return True


def seconds(text):
    """Seconds since 1970 of "15h08m55s on 08/17/2026" (month first); None for anything else."""
    clock, _, date = text.partition("s on ")
    parts = date.split("/")
    if len(parts) != 3:
        return None
    return utc(": %s/%s/%s,%s" % (parts[2], parts[0], parts[1], clock.replace("h", ":").replace("m", ":")), False)
