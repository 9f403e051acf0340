"""Registration and power saving of a modem on its cell (3GPP TS 24.301, TS 23.401 section 4.3.22)."""

from __future__ import annotations

import random

from kerbstone.emulator.kernel import SECOND_US, Event, Kernel
from kerbstone.emulator.modems import grants
from kerbstone.emulator.modems.cell import CAUSES, Cell
from kerbstone.emulator.modems.connection import HOME, ROAMING, Connection, Owner

NOT, SEARCHING = 0, 2  # +CEREG stat
_SCAN_US = 20 * SECOND_US  # a scan of all bands that finds nothing; 7.7 s for 2 bands to 46.7 s for 14 (SARA-R5 guide)
_PAUSES_S = (10, 30, 60, 120, 300)  # between scans out of coverage; the last for ever
_NOTICE_US = 8 * SECOND_US  # until a modem that listens is sure that its cell is gone (unconfirmed)


class Radio(Connection):
    """A modem's side of the network: searches, attaches, keeps registered, sleeps."""

    def __init__(self, kernel: Kernel, rng: random.Random, cell: Cell, owner: Owner):
        super().__init__(kernel, rng, cell, owner)
        self.cause = 0  # EMM cause of the last refusal
        self.known = False  # this network was found before
        self.barred = False  # the SIM card is locked
        self.asked: tuple[str, str] | None = None  # T3412, T3324 the modem wants
        self.attached = False
        self._scans = 0
        self._heard_us: int | None = None  # when this search finds, or found, the cell
        self._life: Event | None = None  # search or retry
        self._notice: Event | None = None
        cell.changed.append(self._cell_changed)

    # -- registration --------------------------------------------------------------------------------------

    def start(self) -> None:
        """CFUN=1 and the like: looks for a network, from the beginning."""
        if self._life:
            self._life.cancel()
        self._scans = 0
        if not self.barred:
            self._search()

    def stop(self) -> None:
        """CFUN=0 or power: leaves the network; what waits to be sent fails."""
        self._cancel()
        self.asleep = False
        self.attached = False
        self._heard_us = None
        self._enter("off")
        self._set(NOT)
        self._fail_queue()

    def _search(self) -> None:
        if self.asleep:
            return
        self._set(SEARCHING)
        self._enter("search")
        cell = self.cell
        level = cell.level
        if level is None:
            self._heard_us = None
            self._life = self.kernel.after(_SCAN_US, self._nothing)
            return
        seconds = (cell.warm_attach_s if self.known else cell.first_attach_s) * self.rng.uniform(0.8, 1.6)
        self._life = self.kernel.after(int(seconds * level.attach_factor * SECOND_US), self._attach)
        self._finds(seconds)

    def _finds(self, seconds: float) -> None:
        """The cell is found in the time a good one takes; what coverage stretches is the way in (unconfirmed)."""
        self._heard_us = self.kernel.now + int(seconds * SECOND_US)

    @property
    def camps(self) -> bool:
        """It hears its cell, whether that lets it in or not."""
        found = self._heard_us is not None and self.kernel.now >= self._heard_us
        return self.cell.level is not None and (self.registered or found)

    def _nothing(self) -> None:
        self._life = None
        if self.cell.level is not None:
            self._search()
            return
        pause = _PAUSES_S[min(self._scans, len(_PAUSES_S) - 1)]
        self._scans += 1
        self._enter("idle")
        self._life = self.kernel.after(pause * SECOND_US, self._search)

    def _attach(self) -> None:
        self._life = None
        if self.cell.level is None:
            self._search()
            return
        if self.cell.cause:
            self.cause = self.cell.cause
            stat, again_s = CAUSES.get(self.cause, (3, 720))
            self._enter("idle")
            self._set(stat)
            if again_s is not None:
                self._life = self.kernel.after(again_s * SECOND_US, self._search)
            return
        self.known, self.attached, self._scans = True, True, 0
        self.negotiate()
        self._set(ROAMING if self.cell.roaming else HOME, always=True)
        self._connected()
        if self.cell.nitz:
            self.owner.network_time()

    def negotiate(self) -> None:
        """The timers as the network grants them now (attach or tracking area update)."""
        self.granted = self.cell.grant(*(self.asked or (grants.t3412_bits(3240), grants.OFF)))

    def update(self) -> None:
        """A tracking area update: what the modem asks for has changed, the cell has, or T3412 has run out."""
        if self.registered and not self.asleep:
            self.send(0, lambda ok: self._updated() if ok else None)

    def _updated(self) -> None:
        self.negotiate()
        self._set(self.stat, always=True)

    def detach(self) -> None:
        """CGATT=0: stays on the cell."""
        if self.registered:
            self.attached = False
            self._set(NOT)
            self._idle()
            self.owner.context_lost()

    def put_out(self) -> None:
        """The network detaches the modem, which tries to come back; one that sleeps finds out when it wakes."""
        if self.registered and not self.asleep:
            self.lost()

    def _set(self, stat: int, always: bool = False) -> None:
        if stat != self.stat or always:
            self.stat = stat
            self.owner.registration()

    def _cell_changed(self) -> None:
        if self.phase == "off" or self.asleep:
            return
        if self.cell.level is None:
            if self.registered and not self._notice:
                self._notice = self.kernel.after(_NOTICE_US, self._gone)
            return
        if self._notice:
            self._notice.cancel()
            self._notice = None
        if self.registered:
            self.update()

    def _gone(self) -> None:
        self._notice = None
        if self.cell.level is None and self.registered:
            self.lost()

    def lost(self) -> None:
        """The cell is gone: the connection ends without a goodbye, the search begins."""
        if self._life:
            self._life.cancel()
        self._idle()
        self._fail_queue()
        self._search()

    # -- sleep ---------------------------------------------------------------------------------------------

    def sleep(self) -> None:
        """Power saving mode: registered, deaf."""
        self._cancel()
        self._fail_queue()
        self.asleep = True

    def wake(self, update: bool) -> None:
        """Out of power saving mode: back on its cell without an attach, if it is still there. `update`: the network expects a sign."""
        self.asleep = False
        level = self.cell.level
        if level is None or not self.attached or self.cell.cause:
            self.attached = False
            self._scans = 0
            self._search()
            self._fail_queue()
            return
        self._enter("search")
        seconds = self.cell.warm_attach_s * self.rng.uniform(0.6, 1.2)
        self._life = self.kernel.after(int(seconds * level.attach_factor * SECOND_US), self._resumed, update)
        self._finds(seconds)

    def _resumed(self, update: bool) -> None:
        self._life = None
        if self.cell.level is None:
            self._search()
            return
        busy = self._sending or self.connected  # the host was faster than the radio
        if not busy:
            self._enter("idle")
        self._set(ROAMING if self.cell.roaming else HOME, always=True)
        if busy or self._queue:
            if not self._sending:
                self._next()
            return
        if update:
            self.update()
            return
        active = grants.t3324_s(self.granted[1])
        if active is not None:
            self._active = self.kernel.after(max(active, 2) * SECOND_US, self._active_over)

    def _cancel(self) -> None:
        for event in (self._life, self._release, self._active, self._notice):
            if event:
                event.cancel()
        self._life = self._release = self._active = self._notice = None
        if self.connected:
            self.phase = "idle"
            self.owner.connection(False)
