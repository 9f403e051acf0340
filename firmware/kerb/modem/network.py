"""A modem and its network: registration, data context, time, signal, and the way to sleep."""

from time import ticks_diff, ticks_ms

from micropython import const

from kerb import log
from kerb.errors import ModemError
from kerb.modem import cells
from kerb.modem.modem import PSM, UNKNOWN

_POLL_MS = const(1000)  # between two questions for the registration
_DENIED_MS = const(20000)  # a network that refuses the SIM card rarely thinks better of it
_ATTACHES = const(4)
_ATTACH_PAUSE_MS = const(700)  # shorter than any active time
_NOTHING = "\n"  # how no line begins
_AWAKE_MS = const(700)
_RELEASE_MS = const(25000)  # until the network lets go of an idle connection, without release assistance


class Network:
    """`modem`: one that start() has brought up, for all but rest(). Every method raises ModemError when it does not go along."""

    def __init__(self, modem):
        self._modem = modem
        self.registration = None  # as last read in this connection

    def search(self, limit_ms, look_ms):
        """True once registered; False when that takes longer, is denied for long, or nothing is heard for look_ms. Waits as the node does:
        asleep, if it may.
        """
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
            if took >= look_ms and not denied and not self._hears():
                return False
            self._modem.wait(min(_POLL_MS, limit_ms - took))

    def _hears(self):
        """True when a cell is there to register with (TS 27.007 8.5: 99 is "not known or not detectable")."""
        try:
            lines = self._modem.at.ask("+CSQ", "+CSQ:")
        except ModemError as error:
            if error.cause != "refused":
                raise
            return False
        return bool(lines) and cells.fields(lines[-1])[0] not in ("99", "")

    def read_registration(self):
        lines = self._modem.at.ask("+CEREG?", "+CEREG:", accept=cells.is_read)
        self.registration = cells.Registration(lines[-1] if lines else "+CEREG: 0")

    def attach(self):
        """The data context; one that is there already is kept."""
        modem = self._modem
        if modem.attached:
            return
        there: list = []
        if modem.dialect["active"]:
            command, prefix, ready = modem.dialect["active"]
            there = [line for line in modem.at.ask(command, prefix) if line.startswith(ready)]
        if not there:
            self._attach(_ATTACHES)
        modem.attached = True

    def _attach(self, tries):
        """After a wake a modem may show the registration it had before it has found its SIM card and its cell again: it refuses then."""
        while True:
            tries -= 1
            try:
                return self._modem.run_all(self._modem.dialect["attach"])
            except ModemError as error:
                if not tries or error.cause != "refused":
                    raise
            self._modem.wait(_ATTACH_PAUSE_MS)

    def utc(self):
        """(seconds since 1970, tick at which the modem said so), or None while no network has set its clock."""
        modem = self._modem
        command, prefix, local = modem.dialect["clock"]
        lines = modem.at.ask(command, prefix, 1500)
        at = ticks_ms()
        found = cells.utc(lines[-1], local) if lines else None
        return None if found is None else (found, at)

    def signal(self):
        """{"rsrp_dbm", "rsrq_db", "sinr_db", "ecl", "cell"}: what of it the dialect can tell; ecl is the coverage class, 0 to 2."""
        modem = self._modem
        found: dict = {}
        for command, prefix, where in modem.dialect["signal"]:
            try:
                for line in modem.at.ask(command, prefix, 2000):
                    if prefix or line.count(",") >= 12:
                        found.update(cells.signal(line, where))
            except ModemError as error:
                if error.cause != "refused":
                    raise
        if self.registration and self.registration.cell:
            found["cell"] = self.registration.cell
        return found

    def fell_asleep(self):
        """True when the modem has gone to sleep by itself since it was last asked: a node without deep sleep leaves it alone."""
        at = self._modem.at
        at.look()
        if not at.asleep:
            if at.attend(_AWAKE_MS):
                return False
            self._modem.leave(PSM)
        self.registration = None
        return True

    def rest(self, psm):
        """Leaves the modem as cheaply as it can be left: in PSM if `psm` and the network has granted it, else off."""
        modem = self._modem
        if not modem.at:
            if modem.state == UNKNOWN:
                modem.off()
            return
        if modem.at.asleep:
            modem.leave(PSM)
            return
        granted = None
        try:
            if psm and modem.sleeps is not False and not modem.at.restarted:
                self.read_registration()
                granted = self.registration.active_s if self.registration.registered else None
                if granted is not None and modem.sleeps is None:
                    self._see_it_sleep(granted)
        except ModemError as error:
            log.event("note", error)
        if granted is None or modem.sleeps is False:
            modem.off()
        else:
            modem.leave(PSM)
        self.registration = None

    def _see_it_sleep(self, granted_s):
        """Once: a modem that was granted PSM and does not enter it would empty the battery."""
        modem = self._modem
        if not modem.dialect["psm_urc"]:
            return
        try:
            modem.at.wait(_NOTHING, granted_s * 1000 + _RELEASE_MS)
        except ModemError:
            pass  # its last word is one of those that end every wait
        modem.sleeps = modem.at.asleep
        if not modem.sleeps:
            log.event("note", "modem: it was granted %d s until PSM and did not enter it" % granted_s)
