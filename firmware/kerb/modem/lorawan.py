"""A LoRaWAN module behind AT commands, as far as it is no radio: awake, with our identity and settings, and its clock.

What it understands is its dialect (kerb/modem/dialects). Settings stay in the module's flash, which bears 10,000 writes, so each is read
first and written only where it is another; the key, which some modules do not give back, once for each identity.
"""

from binascii import hexlify
from hashlib import sha256
from time import sleep_ms, ticks_diff, ticks_ms

import machine
from micropython import const

from kerb.errors import ConfigError, ModemError
from kerb.modem.at import At
from kerb.modem.cells import utc

_MARK = "module"  # blob: which identity the module was given
_RX_BYTES = const(1024)
_ATTEND_MS = const(3000)
_ANSWER_MS = const(2000)
_TRIES = const(3)
_STAYS_MS = const(1000)  # awake after a command, at least
_RESET_MS = const(20)
_TICK_MS = const(40)  # between two looks at its clock, which has whole seconds
_TICKS = const(30)
_IDENTITY = (("dev_eui", 8), ("join_eui", 8), ("app_key", 16))


class Module:
    """`wires`: the module table of node.json: dialect, UART id, tx, rx, reset pin where there is one, mask of a fixed plan. `fill`: what
    the settings are filled in with. The key goes from `identity` to the module and nowhere else."""

    def __init__(self, wires, fill, identity, store):
        self.words = __import__("kerb.modem.dialects." + wires["dialect"], None, None, ("DIALECT",)).DIALECT
        self._wires = wires
        self._fill = fill
        self._store = store
        self._identity = {}
        for name, size in _IDENTITY:
            self._identity[name] = value = identity.key(name)
            if len(value) != size:
                raise ConfigError("identity lacks a %s of %d bytes: provision it again" % (name, size))
        self.at: At = None
        self.ready = False  # identity and settings are known to be in the module
        self._talked = 0  # tick of the last command

    def ask(self, command, got=None):
        """For commands that may be said twice: an answer damaged on its way is asked for again."""
        for _ in range(_TRIES - 1):
            try:
                lines = self.at.ask(command, got, _ANSWER_MS)
                if lines or not got:
                    return lines
            except ModemError as error:
                if error.cause != "silent":
                    raise
        return self.at.ask(command, got, _ANSWER_MS)

    def get(self, word):
        """The value of a setting; "" when the answer has none."""
        got = self.words["got"].format(word)
        lines = self.ask(self.words["get"].format(word), got)
        return lines[-1][len(got) :].strip() if lines else ""

    def put(self, word, value):
        """Writes a setting. What the module said to it stays out of the error: a damaged echo may look like a refusal, and has the key."""
        try:
            self.ask(self.words["set"].format(word, value))
        except ModemError as error:
            raise ModemError("AT+" + word, error.cause)

    def say_once(self, command):
        """A command that must not be said twice. Its OK may get lost on the way: the event behind it tells."""
        try:
            self.at.ask(command, limit_ms=_ANSWER_MS)
        except ModemError as error:
            if error.cause != "silent":
                raise

    def reach(self):
        """Awake, with our identity and settings. False: it had started anew, so its session is gone. ModemError: not to be had."""
        words = self.words
        if self.at is None:
            wires = self._wires
            uart = machine.UART(wires["id"], words["baud"], tx=machine.Pin(wires["tx"]), rx=machine.Pin(wires["rx"]), rxbuf=_RX_BYTES)
            self.at = At(uart, words["errors"], words["boot"], end=words["end"])
        at = self.at
        if not at.attend(_ATTEND_MS):
            self._reset()
        at.look()
        kept = not at.restarted
        at.restarted = False
        if not kept:
            self.ready = False
        if not self.ready:
            self._set_up()
            self.ready = True
        self._talked = ticks_ms()
        return kept

    def _reset(self):
        if "reset" not in self._wires:
            raise ModemError("AT", "silent", "check the supply and the UART of the module")
        pin = machine.Pin(self._wires["reset"], machine.Pin.OUT, value=0)
        sleep_ms(_RESET_MS)
        pin.value(1)
        sleep_ms(self.words["boot_ms"])
        if not self.at.attend(_ATTEND_MS):
            raise ModemError("AT", "silent", "a reset did not help: check the supply and the UART of the module")

    def awake(self):
        """After a wait: the module may have fallen asleep, and what wakes it is lost."""
        if ticks_diff(ticks_ms(), self._talked) > _STAYS_MS and not self.at.attend(_ATTEND_MS):
            raise ModemError("AT", "silent")
        self._talked = ticks_ms()

    def started_anew(self):
        """Its boot message came: settings and session are looked at again before the next use."""
        self.ready = False
        self.at.restarted = False

    def _set_up(self):
        words, identity = self.words, self._identity
        mine = sha256(b"".join([identity[name] for name, _ in _IDENTITY])).digest()[:8]
        if self._store.get(_MARK) != mine or self.get(words["eui"]).lower() != hexlify(identity["dev_eui"]).decode():
            for word, name in words["keys"]:
                self.put(word, hexlify(identity[name]).decode())
            self._store.put(_MARK, mine)
        wanted = [(word, value.format(**self._fill)) for word, value in words["setup"]]
        if "mask" in self._wires:
            wanted.append((words["mask"], self._wires["mask"]))
        for word, value in wanted:
            if self.get(word) != value:
                self.put(word, value)

    def clock(self):
        """(UTC s, ms, tick) at the moment its seconds change, the only one at which they say the time exactly; None: it has none."""
        first = text = self.get(self.words["clock"])
        tick = ticks_ms()
        for _ in range(_TICKS):
            sleep_ms(_TICK_MS)
            text, tick = self.get(self.words["clock"]), ticks_ms()
            if text != first:
                break
        found = seconds(text)
        return None if found is None else (found - self.words["leap_s"], 0, tick)


def seconds(text):
    """Seconds since 1970 of "15h08m55s on 08/17/2026" (month first); None for anything else."""
    clock, _, date = text.partition("s on ")
    parts = date.split("/")
    if len(parts) != 3:
        return None
    return utc(": %s/%s/%s,%s" % (parts[2], parts[0], parts[1], clock.replace("h", ":").replace("m", ":")), False)
