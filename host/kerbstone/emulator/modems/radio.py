"""Registration, RRC connection and power saving of a modem on its cell (3GPP TS 24.301, 36.331, 23.401 section 4.3.22)."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Protocol

from kerbstone.emulator.kernel import SECOND_US, Event, Kernel
from kerbstone.emulator.modems import grants
from kerbstone.emulator.modems.cell import CAUSES, Cell

Done = Callable[[bool], None]

NOT, HOME, SEARCHING, DENIED, ROAMING = 0, 1, 2, 3, 5  # +CEREG stat
_SCAN_US = 20 * SECOND_US  # a scan of all bands that finds nothing; 7.7 s for 2 bands to 46.7 s for 14 (SARA-R5 guide)
_PAUSES_S = (10, 30, 60, 120, 300)  # between scans out of coverage; the last for ever
_NOTICE_US = 8 * SECOND_US  # until a modem that listens is sure that its cell is gone (unconfirmed)
_GIVE_UP_US = 6 * SECOND_US  # a service request nobody answers (T300 and its repeats, unconfirmed)
_RAI_US = 1_200_000  # release after "no more data"; 1.2 s and, after the expected downlink, 0.15 s measured (Quectel TCP/IP note)
_RAI_DOWN_US = 150_000
_PAGING_US = 2_560_000  # longest idle cycle


class Owner(Protocol):
    """What the radio tells its modem."""

    def charge(self) -> None: ...

    def registration(self) -> None: ...

    def connection(self, up: bool) -> None: ...

    def network_time(self) -> None: ...

    def active_time_over(self) -> None: ...

    def context_lost(self) -> None: ...


class Radio:
    """`phase` for the ledger: off, search, idle, connected, tx. `stat` as +CEREG shows it."""

    def __init__(self, kernel: Kernel, rng: random.Random, cell: Cell, owner: Owner):
        self.kernel, self.rng, self.cell, self.owner = kernel, rng, cell, owner
        self.phase = "off"
        self.stat = NOT
        self.cause = 0  # EMM cause of the last refusal
        self.known = False  # this network was found before
        self.asleep = False  # power saving mode: hears nothing
        self.asked: tuple[str, str] | None = None  # T3412, T3324 the modem wants
        self.granted = (grants.t3412_bits(3240), grants.OFF)
        self.edrx_us = 0  # granted cycle
        self.rai = 0  # 1: no more data, 2: one answer expected; of the datagram sent next
        self.attached = False
        self._queue: list[tuple[int, Done]] = []
        self._sending = False
        self._released_by = 0
        self._scans = 0
        self._life: Event | None = None  # search or retry
        self._release: Event | None = None
        self._active: Event | None = None
        self._notice: Event | None = None
        self._step: Event | None = None  # of the datagram on its way
        cell.changed.append(self._cell_changed)

    # -- registration --------------------------------------------------------------------------------------

    @property
    def registered(self) -> bool:
        return self.stat in (HOME, ROAMING)

    def start(self) -> None:
        """CFUN=1: looks for a network."""
        self._scans = 0
        self._search()

    def stop(self) -> None:
        """CFUN=0 or power: leaves the network; what waits to be sent fails."""
        self._cancel()
        self.asleep = False
        self.attached = False
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
            self._life = self.kernel.after(_SCAN_US, self._nothing)
            return
        seconds = (cell.warm_attach_s if self.known else cell.first_attach_s) * level.attach_factor * self.rng.uniform(0.8, 1.6)
        self._life = self.kernel.after(int(seconds * SECOND_US), self._attach)

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

    def _set(self, stat: int, always: bool = False) -> None:
        if stat != self.stat or always:
            self.stat = stat
            self.owner.registration()

    def _enter(self, phase: str) -> None:
        self.phase = phase
        self.owner.charge()

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

    # -- connection ----------------------------------------------------------------------------------------

    @property
    def connected(self) -> bool:
        return self.phase in ("connected", "tx")

    def _connected(self) -> None:
        was = self.connected
        self._enter("connected")
        if not was:
            self.owner.connection(True)
        self._stop_active()
        self._rearm(int(self.cell.inactivity_s * SECOND_US))

    def _rearm(self, us: int) -> None:
        if self._release:
            self._release.cancel()
        self._release = self.kernel.after(us, self._idle)

    def _idle(self) -> None:
        was = self.connected
        if self._release:
            self._release.cancel()
            self._release = None
        if was:
            self._enter("idle")
            self.owner.connection(False)
            active = grants.t3324_s(self.granted[1])
            if self.registered and active is not None:
                self._active = self.kernel.after(active * SECOND_US, self._active_over)

    def _active_over(self) -> None:
        self._active = None
        self.owner.active_time_over()

    def _stop_active(self) -> None:
        if self._active:
            self._active.cancel()
            self._active = None

    def release(self) -> None:
        """Ends the connection now."""
        self._idle()

    # -- traffic -------------------------------------------------------------------------------------------

    def send(self, size: int, done: Done) -> None:
        """Sends `size` bytes with their headers; `done(ok)` when they are over, or could not leave."""
        self._queue.append((size, done))
        if not self._sending:
            self._next()

    def _next(self) -> None:
        if not self._queue or self.asleep:
            return
        level = self.cell.level
        if not self.registered:
            self._finish(False)
            return
        self._sending = True
        self._stop_active()
        if level is None:
            self._then(_GIVE_UP_US, self._refused)
            return
        if self.connected:
            self._transmit()
        else:
            self._then(int(level.setup_us * self.rng.uniform(0.8, 1.4)), self._set_up)

    def _then(self, us: int, fn: Callable[..., None], *args: int) -> None:
        self._step = self.kernel.after(us, fn, *args)

    def _set_up(self) -> None:
        if self.registered and self.cell.level:
            self._connected()
            self._transmit()
        else:
            self._refused()

    def _transmit(self) -> None:
        level = self.cell.level
        if level is None:
            self._then(_GIVE_UP_US, self._refused)
            return
        us = level.up_us + level.up_byte_us * self._queue[0][0]
        sends = int(us * level.sends)
        self._enter("tx")
        self._then(sends, self._sent, us - sends)

    def _sent(self, rest_us: int) -> None:
        self._connected()
        self._then(rest_us, self._over)

    def _over(self) -> None:
        self._step = None
        self._finish(True)
        if self._queue:
            return
        self._released_by, self.rai = self.rai, 0
        if self._released_by == 1 and self.connected:
            self._rearm(_RAI_US)

    def _refused(self) -> None:
        self._step = None
        self._finish(False)
        if self.cell.level is None and self.registered:
            self.lost()

    def _finish(self, ok: bool) -> None:
        self._sending = False
        if self._queue:
            _, done = self._queue.pop(0)
            done(ok)
        if not self._sending:
            self._next()

    def _fail_queue(self) -> None:
        if self._step:
            self._step.cancel()
            self._step = None
        waiting, self._queue, self._sending = self._queue, [], False
        for _, done in waiting:
            done(False)

    def receive(self, size: int, deliver: Callable[[], None]) -> None:
        """Something for the modem has come to its network: handed over now, at the next paging, or never."""
        level = self.cell.level
        if self.asleep or not self.registered or level is None or self.rng.random() < self.cell.loss:
            return
        if self.connected:
            self.kernel.after(level.down_us, self._down, deliver)
            return
        paging = self.rng.randrange(max(self.edrx_us, _PAGING_US))
        self.kernel.after(paging, self._paged, deliver)

    def _paged(self, deliver: Callable[[], None]) -> None:
        level = self.cell.level
        if not self.asleep and self.registered and level is not None:
            self.kernel.after(level.setup_us + level.down_us, self._down, deliver)

    def _down(self, deliver: Callable[[], None]) -> None:
        if self.asleep or not self.registered:
            return
        self._connected()
        if self._released_by == 2:
            self._released_by = 0
            self._rearm(_RAI_DOWN_US)
        deliver()

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
            return
        self._enter("search")
        us = int(self.cell.warm_attach_s * SECOND_US * level.attach_factor * self.rng.uniform(0.6, 1.2))
        self._life = self.kernel.after(us, self._resumed, update)

    def _resumed(self, update: bool) -> None:
        self._life = None
        if self.cell.level is None:
            self._search()
            return
        self._enter("idle")
        self._set(ROAMING if self.cell.roaming else HOME, always=True)
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
