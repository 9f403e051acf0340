"""The RRC connection of a modem and the datagrams that cross it (3GPP TS 36.331; paging TS 36.304)."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Protocol

from kerbstone.emulator.kernel import SECOND_US, Event, Kernel
from kerbstone.emulator.modems import grants
from kerbstone.emulator.modems.cell import Cell

Done = Callable[[bool], None]

HOME, ROAMING = 1, 5  # +CEREG stat
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


class Connection:
    """`phase` for the ledger: off, search, idle, connected, tx. `stat` as +CEREG shows it."""

    def __init__(self, kernel: Kernel, rng: random.Random, cell: Cell, owner: Owner):
        self.kernel, self.rng, self.cell, self.owner = kernel, rng, cell, owner
        self.phase = "off"
        self.stat = 0
        self.asleep = False  # power saving mode: hears nothing
        self.granted = (grants.t3412_bits(3240), grants.OFF)
        self.edrx_us = 0  # granted cycle
        self.rai = 0  # 1: no more data, 2: one answer expected; of the datagram sent next
        self._queue: list[tuple[int, Done]] = []
        self._sending = False
        self._released_by = 0
        self._release: Event | None = None
        self._active: Event | None = None
        self._step: Event | None = None  # of the datagram on its way

    @property
    def registered(self) -> bool:
        return self.stat in (HOME, ROAMING)

    def lost(self) -> None:
        """The cell is gone."""

    def _enter(self, phase: str) -> None:
        self.phase = phase
        self.owner.charge()

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

    def release_soon(self) -> None:
        """Release assistance while connected: the network lets go."""
        if self.connected and not self._sending:
            self._rearm(_RAI_US)

    # -- traffic -------------------------------------------------------------------------------------------

    def send(self, size: int, done: Done) -> None:
        """Sends `size` bytes with their headers; `done(ok)` when they are over, or could not leave. What comes before the radio is awake
        waits for it."""
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
