"""A cellular modem from power key to network: on, set up, registered, attached, asleep. What it understands is its dialect.

A dialect is a dict (kerb/modem/dialects). A step is (command, seconds it may take, how the line begins that brings the result, what it
must go on with); a command that begins with "?" may be refused. In commands {apn}, {host}, {port}, {tau} and {active} are filled in.
"""

from time import sleep_ms, ticks_diff, ticks_ms

import machine
from micropython import const

from kerb import log
from kerb.errors import ModemError
from kerb.modem import cells, timers
from kerb.modem.at import ERRORS, At
from kerb.modem.keys import Keys

OFF, PSM, UNKNOWN = 0, 1, 2
_RX_BYTES = const(1024)
_POLL_MS = const(1000)  # between two questions for the registration
_DENIED_MS = const(20000)  # a network that refuses the SIM card rarely thinks better of it
_ATTEND_MS = const(1200)  # for a modem that should be awake
_RELEASE_MS = const(25000)  # until the network lets go of an idle connection, without release assistance


class Modem:
    """`wires`: the modem table of node.json. `words`: what the commands are filled in with. `wait(ms)`: how the node waits."""

    def __init__(self, wires, words, wait):
        name = wires["dialect"]
        self.dialect = d = __import__("kerb.modem.dialects." + name, None, None, ("DIALECT",)).DIALECT
        self.words = words
        self._wires = wires
        self._keys = Keys(wires)
        self._wait = wait
        self._on_ms = max(wires.get("on_ms", 0), d["on_ms"])
        self._off_ms = wires.get("off_ms", d["off_ms"])
        self.at: At = None
        self.state = UNKNOWN  # while `at` is None: how the modem was left
        self.configured = False  # what it keeps without power has been written
        self.sleeps = None  # None: not known; True: it was seen to enter PSM; False: it does not
        self.registration = None
        self.attached = False

    # -- steps ----------------------------------------------------------------------------------------------

    def run(self, step):
        """Carries out one step; returns its lines. ModemError when it fails."""
        command, limit_s, want, good = (step + (None, None))[:4]
        optional = command[0] == "?"
        command = (command[1:] if optional else command).format(**self.words)
        want = want and want.format(**self.words)
        try:
            lines = self.at.ask(command, limit_ms=limit_s * 1000, want=want)
        except ModemError as error:
            if optional and error.cause == "refused":
                return []
            raise
        if good and not lines[-1][len(want) :].startswith(good):
            raise ModemError("AT" + command.split("=")[0], "refused", lines[-1])
        return lines

    def run_all(self, steps):
        for step in steps:
            self.run(step)

    # -- on and off -----------------------------------------------------------------------------------------

    def start(self):
        """Awake and set up. ModemError when it stays silent whatever its wires are told."""
        if self.at:
            if not self.at.restarted:
                return
            self.at.forget()  # it started anew while we were away: its sockets are gone, its settings may be
        else:
            self._open()
            self._wake()
        self.attached = False
        self.registration = None
        self.run_all(self.dialect["setup"])
        if not self.configured:
            self.run_all(self.dialect["config"])
            self._restart()
            self.configured = True

    def _open(self):
        wires = self._wires
        self._keys.supply(True)
        uart = machine.UART(wires["id"], wires["baud"], tx=machine.Pin(wires["tx"]), rx=machine.Pin(wires["rx"]), rxbuf=_RX_BYTES)
        self.at = At(uart, ERRORS + self.dialect["errors"], self.dialect["boot"])

    def _wake(self):
        """Finds out how the modem is, and brings it to answer."""
        ready_ms = self.dialect["ready_ms"]
        if self.state != OFF and self.at.attend(_ATTEND_MS if self.state == UNKNOWN or self.sleeps is None else 300):
            # One that should have been asleep was awake all the time: from now on it is switched off.
            if self.state == PSM and self.dialect["wake"] == "key":
                self.sleeps = False
                log.event("note", "modem: it was told to sleep and did not")
        elif not self._press(ready_ms) and not self._press(ready_ms):
            # The first press may have switched off one that hung; the second switched it on again.
            if not self._keys.reset() or not (self.at.attend(ready_ms) or self._press(ready_ms)):
                raise ModemError("AT", "silent", "check its supply, power key and UART")
        self.at.forget()
        self.state = UNKNOWN

    def _press(self, ready_ms):
        self._keys.press(self._on_ms)
        return self.at.attend(ready_ms)

    def _restart(self):
        """By its own command; settings that only count after it do then."""
        try:
            self.run(self.dialect["reboot"])
            sleep_ms(self.dialect["reboot_ms"])
        except ModemError as error:
            if error.cause == "refused":
                raise
        if not self.at.attend(self.dialect["ready_ms"] + 10000):
            raise ModemError("AT", "silent", "it does not come back from a restart")
        self.at.forget()
        self.attached = False
        self.run_all(self.dialect["setup"])

    def recover(self, rung):
        """A step up the ladder for a modem that is on but of no use: 1 the context anew, 2 the radio, 3 and more all of it."""
        if not self.at:
            return
        self.attached = False
        if rung <= 1:
            self._try(self.dialect["detach"])
        elif rung == 2:
            self._try((("+CFUN=0", 40), ("+CFUN=1", 40)))
        else:
            self.configured = False
            self.off()

    def _try(self, steps):
        try:
            self.run_all(steps)
        except ModemError as error:
            log.event("note", error)

    def off(self):
        """Switched off, by command or key."""
        if not self.at:
            self._open()
            if self.state == OFF or not self.at.attend(_ATTEND_MS):
                return self._left(OFF)
        done = False
        try:
            if self.dialect["off"]:
                self.run(self.dialect["off"])
                done = True
        except ModemError as error:
            done = error.cause == "restarted"  # its last words are among those of a boot
        if not done and self.at.attend(_ATTEND_MS) and not self._cut():
            log.event("note", "modem: it cannot be switched off")
        sleep_ms(self.dialect["off_wait_ms"])
        return self._left(OFF)

    def _cut(self):
        if self._keys.has_key:
            self._keys.press(self._off_ms)
        return not self.at.attend(_ATTEND_MS)

    def _left(self, state):
        self.at = None
        self.state = state
        self.registration = None
        self.attached = False
        self._keys.supply(state != OFF)

    # -- network --------------------------------------------------------------------------------------------

    def search(self, limit_ms):
        """True once registered; False when that takes longer, or is denied for long. Waits as the node does: asleep, if it may."""
        began = ticks_ms()
        denied = 0
        while True:
            self.read_registration()
            took = ticks_diff(ticks_ms(), began)
            if self.registration.registered:
                return True
            denied = denied or (took + 1 if self.registration.state == cells.DENIED else 0)
            if took >= limit_ms or (denied and took - denied > _DENIED_MS):
                return False
            self._wait(min(_POLL_MS, limit_ms - took))

    def read_registration(self):
        lines = self.at.ask("+CEREG?", "+CEREG:", accept=cells.is_read)
        self.registration = cells.Registration(lines[-1] if lines else "+CEREG: 0")

    def attach(self):
        """The data context; one that is there already is kept."""
        if self.attached:
            return
        there: list = []
        if self.dialect["active"]:
            command, prefix, ready = self.dialect["active"]
            there = [line for line in self.at.ask(command, prefix) if line.startswith(ready)]
        if not there:
            self.run_all(self.dialect["attach"])
        self.attached = True

    def utc(self):
        """(seconds since 1970, tick at which the modem said so), or None while no network has set its clock."""
        command, prefix, local = self.dialect["clock"]
        lines = self.at.ask(command, prefix, 1500)
        at = ticks_ms()
        found = cells.utc(lines[-1], local) if lines else None
        return None if found is None else (found, at)

    def signal(self):
        """{"rsrp_dbm", "rsrq_db", "sinr_db", "ecl", "cell"}: what of it the dialect can tell."""
        found: dict = {}
        for command, prefix, where in self.dialect["signal"]:
            try:
                for line in self.at.ask(command, prefix, 2000):
                    if prefix or line.count(",") >= 12:
                        found.update(cells.signal(line, where))
            except ModemError as error:
                if error.cause != "refused":
                    raise
        if self.registration and self.registration.cell:
            found.setdefault("cell", self.registration.cell)
        return found

    def rest(self, psm):
        """Leaves the modem as cheaply as it can be left: in PSM if `psm` and the network has granted it, else off."""
        if not self.at:
            if self.state == UNKNOWN:
                self.off()
            return
        granted = None
        try:
            if psm and self.sleeps is not False and not self.at.restarted:
                self.read_registration()
                granted = self.registration.active_s if self.registration.registered else None
                if granted is not None and self.sleeps is None:
                    self._see_it_sleep(granted)
        except ModemError as error:
            log.event("note", error)
        if granted is None or self.sleeps is False:
            self.off()
        else:
            self._left(PSM)

    def _see_it_sleep(self, granted_s):
        """Once: a modem that was granted PSM and does not enter it would empty the battery."""
        urc = self.dialect["psm_urc"]
        if urc:
            self.sleeps = self.at.wait(urc, granted_s * 1000 + _RELEASE_MS) is not None
            if not self.sleeps:
                log.event("note", "modem: it was granted %d s until PSM and did not enter it" % granted_s)


def words(config):
    """What the commands of a dialect are filled in with, of the node's uplink table."""
    return {
        "apn": config["apn"],
        "host": config["host"],
        "port": config["port"],
        "tau": timers.encode(timers.T3412, config["tau_s"]),
        "active": timers.encode(timers.T3324, config["active_s"]),
    }
