"""A cellular modem between power key and prompt: on, set up, recovered, off. What it understands is its dialect.

A dialect is a dict (kerb/modem/dialects). A step is (command, seconds it may take, how the line begins that brings the result, what it
must go on with); a command that begins with "?" may be refused. In commands {apn}, {host}, {port}, {tau} and {active} are filled in.
"""

from time import sleep_ms

import machine
from micropython import const

from kerb import log
from kerb.errors import ModemError
from kerb.modem import timers
from kerb.modem.at import ERRORS, At
from kerb.modem.keys import Keys

OFF, PSM, UNKNOWN = 0, 1, 2
_RX_BYTES = const(1024)
_NAP_MS = const(1500)  # from the message to sleep; a character meanwhile would hold some awake
_ATTEND_MS = const(1200)  # for a modem that should be awake


class Modem:
    """`wires`: the modem table of node.json. `words`: what the commands are filled in with. `saving`: the steps that ask for PSM or eDRX.
    `wait(ms)`: how the node waits.
    """

    def __init__(self, wires, words, saving, wait):
        name = wires["dialect"]
        self.dialect = d = __import__("kerb.modem.dialects." + name, None, None, ("DIALECT",)).DIALECT
        self.words = words
        self._saving = saving
        self._wires = wires
        self._keys = Keys(wires)
        self.wait = wait
        self._on_ms = max(wires.get("on_ms", 0), d["on_ms"])
        self._off_ms = wires.get("off_ms", d["off_ms"])
        self.at: At = None
        self.state = UNKNOWN  # while `at` is None: how the modem was left
        self.configured = False  # what it keeps without power has been written
        self.sleeps = None  # None: not known; True: it was seen to enter PSM; False: it does not
        self.attached = False  # has its data context
        self._slept = True  # the node slept deeply since it left the modem

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
        if self.at and not self.at.restarted:
            return
        if self.at and self.at.asleep:
            self.wait(_NAP_MS)
            self.leave(PSM)
        if self.at:
            self.at.forget()  # it started anew while we were away: its sockets are gone, its settings may be
        else:
            self._open()
            self._wake()
        self.attached = False
        self.run_all(self.dialect["setup"])
        if not self.configured:
            self.run_all(self.dialect["config"])
            self.run_all(self._saving)
            self._restart()
            self.configured = True

    def _open(self):
        wires = self._wires
        self._keys.supply(True)
        uart = machine.UART(wires["id"], wires["baud"], tx=machine.Pin(wires["tx"]), rx=machine.Pin(wires["rx"]), rxbuf=_RX_BYTES)
        naps = (self.dialect["psm_urc"],) if self.dialect["psm_urc"] else ()
        self.at = At(uart, ERRORS + self.dialect["errors"], self.dialect["boot"], naps)

    def _wake(self):
        """Finds out how the modem is, and brings it to answer."""
        ready_ms = self.dialect["ready_ms"]
        if self.state != OFF and self.at.attend(_ATTEND_MS if self.state == UNKNOWN or self.sleeps is None else 300):
            # One that should have been asleep was awake all the time: from now on it is switched off.
            if self.state == PSM and self._slept and self.dialect["wake"] == "key":
                self.sleeps = False
                log.event("note", "modem: it was told to sleep and did not")
        elif not self._press(ready_ms):
            raise ModemError("AT", "silent", "check its supply, power key and UART")
        self.at.forget()
        self.state = UNKNOWN
        self._slept = False

    def _press(self, ready_ms):
        """True when it answers: the first press may have switched off one that hung, the second switches it on again."""
        for _ in range(2):
            self._keys.press(self._on_ms, self.wait)
            self.wait(self.dialect["boot_ms"])
            if self.at.attend(ready_ms):
                return True
        if not self._keys.reset():
            return False
        if not self.at.attend(ready_ms):
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
        if rung > 2 or not self.at.attend(_ATTEND_MS):
            self.configured = False
            self.off()
        elif rung == 1:
            self._try(self.dialect["detach"])
        else:
            self._try((("+CFUN=0", 40), ("+CFUN=1", 40)))

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
                return self.leave(OFF)
        if not self._say_off() and self._keys.has_key:
            # It hangs, or a dip of the supply has switched it off: then the key switches it on, and it listens again.
            self._keys.press(self._off_ms)
            sleep_ms(self.dialect["off_wait_ms"])
            if self.at.attend(self.dialect["ready_ms"]) and not self._say_off():
                log.event("note", "modem: it cannot be switched off")
        sleep_ms(self.dialect["off_wait_ms"])
        return self.leave(OFF)

    def _say_off(self):
        """True when the modem obeys."""
        try:
            self.run(self.dialect["off"])
            return True
        except ModemError as error:
            return error.cause == "restarted"  # its last words are among those of a boot

    def leave(self, state):
        """Forgets the line; the modem was left in this state."""
        self.at = None
        self.state = state
        self.attached = False
        self._keys.supply(state != OFF)


def words(config):
    """What the commands of a dialect are filled in with, of the node's uplink table."""
    return {
        "apn": config["apn"],
        "host": config["host"],
        "port": config["port"],
    }


def saving(config):
    """The steps that ask the network for PSM, or for eDRX (TS 27.007 7.38 and 7.40; 5 is NB-IoT), and for nothing else."""
    psm, edrx_s = config["psm"] and not config["edrx_s"], config["edrx_s"]
    # Some modems ask only when it changes from 0 to 1.
    steps: list = [("+CPSMS=0", 5)]
    if psm:
        tau, active = timers.encode(timers.T3412, config["tau_s"]), timers.encode(timers.T3324, config["active_s"])
        steps.append(("+CPSMS=1,,,\"%s\",\"%s\"" % (tau, active), 5))
    bits = timers.edrx_bits(timers.EDRX_NB, edrx_s * 100)
    steps.append(("+CEDRXS=1,5,\"%s\"" % bits if edrx_s else "?+CEDRXS=0,5", 5))
    return steps
