"""The class A procedure of a module that has its own LoRaWAN stack: a frame, its two windows, its repeats, its duty cycle.

It works on events of the kernel; the node behind the module's serial line only hears what came of it.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Protocol

from kerbstone.emulator.air import lora, ns_crypto
from kerbstone.emulator.air.channel import Channel, Reception
from kerbstone.emulator.air.device_session import DeviceSession, Downlink, default_channels, open_accept
from kerbstone.emulator.air.plan import RX2_AFTER_RX1_US, Plan
from kerbstone.emulator.kernel import Event, Kernel
from kerbstone.emulator.parts.lora_front import Frame, Front
from kerbstone.emulator.parts.lora_modem import Irq, Modulation, Search

_EARLY_US = 5_000  # a window opens before its time and lasts long enough
_SYMBOLS = 8
_FIGURE_DB = 6.0
_SYNC_WORD = 0x34
_ACK_TIMEOUT_US = (1_000_000, 3_000_000)  # RP002-1.0.3 section 2.3


class Owner(Protocol):
    """Whose radio it is. `radio(state)`: "idle", "tx" or "rx"."""

    def radio(self, state: str) -> None: ...


class DeviceMac:
    """One exchange at a time. `nonces`: [next DevNonce, last JoinNonce], kept by the owner over resets."""

    def __init__(self, kernel: Kernel, air: Channel, node: str, rng: random.Random, plan: Plan, owner: Owner, nonces: list[int]):
        self.kernel, self.rng, self.plan, self.owner, self.nonces = kernel, rng, plan, owner, nonces
        self.front = Front(kernel, air, node, rng, self._on_irq, self._rest)
        self.session: DeviceSession | None = None
        self.mask = (1 << len(default_channels(plan))) - 1
        self.max_dbm = 20
        self.antenna_db = 0.0
        self.last: Reception | None = None
        self.sent_at = 0  # when the last frame ended
        self._quiet_until: dict[int | None, int] = {}
        self._next: Event | None = None
        self._heard: tuple[bytes, Reception] | None = None
        self._windows: list[tuple[int, int, int]] = []  # kernel us, Hz, DR
        self._take: Callable[[bytes], bool] = lambda data: False
        self._over: Callable[[bool], None] = lambda heard: None
        self._after_tx: tuple[int, int, int] = (0, 0, 0)  # delay us, carrier, DR of the uplink
        self._rx2 = (0, 0)

    @property
    def busy(self) -> bool:
        return self._next is not None or self.front.busy

    def halt(self) -> None:
        """Reset or supply lost: whatever was under way is over, and nobody is told."""
        if self._next:
            self._next.cancel()
            self._next = None
        self.front.halt()
        self._windows.clear()
        self.session = None
        self.owner.radio("idle")

    # -- activation --------------------------------------------------------------------------------------------------------

    def join(self, dev_eui: bytes, join_eui: bytes, app_key: bytes, dr: int, attempt: int, adr: bool, done: Callable[[bool], None]) -> None:
        """One join request and its windows; the DevNonce is spent."""
        nonce = self.nonces[0]
        self.nonces[0] += 1
        head = b"\0" + join_eui[::-1] + dev_eui[::-1] + nonce.to_bytes(2, "little")
        rates = self.plan.table["join_dr"]
        rate = rates[attempt % len(rates)]
        hz = self.rng.choice([f for i, (f, low, high) in default_channels(self.plan).items() if self.mask >> i & 1 and low <= rate <= high])

        def take(phy: bytes) -> bool:
            found = open_accept(self.plan, app_key, nonce, phy, self.nonces[1], max(dr, rate), self.mask)
            if found:
                self.session, self.nonces[1] = found
                self.session.adr = adr
            return found is not None

        self._rx2 = (self.plan.rx2[0], self.plan.rx2_join_dr)
        self._exchange(head + ns_crypto.mic(app_key, head), hz, rate, 0, self.plan.join_delay_us, take, done)

    # -- data --------------------------------------------------------------------------------------------------------------

    def wait_us(self) -> int:
        """Until the duty cycle of some carrier lets a frame out."""
        assert self.session is not None
        return min((self._quiet_until.get(self.plan.sub_band(hz), 0) - self.kernel.now for hz in self.session.carriers()), default=0)

    def send(
        self, port: int, data: bytes, confirmed: bool, retries: int, requests: bytes, on_down: Callable[[Downlink], None],
        done: Callable[[bool], None],
    ) -> None:  # fmt: skip
        """Sends; `done(acknowledged)` after the last window of the last repeat, `on_down` for each downlink."""
        session = self.session
        assert session is not None
        phy = session.encode(port, data, confirmed, requests)
        left = retries if confirmed else session.nb_trans - 1
        acked = heard = False

        def take(down_phy: bytes) -> bool:
            nonlocal acked, heard
            down = session.decode(down_phy)
            if down is None:
                return False
            heard = True
            acked = acked or down.ack
            session.obey(down.commands, round(self.last.snr_db) if self.last else 0)
            on_down(down)
            return True

        def over(_any: bool) -> None:
            nonlocal left
            if left and not acked and not (heard and not confirmed):
                left -= 1
                self._next = self.kernel.after(self.rng.randrange(*_ACK_TIMEOUT_US), again)
            else:
                done(acked)

        def again() -> None:
            self._next = None
            free = [hz for hz in session.carriers() if self._quiet_until.get(self.plan.sub_band(hz), 0) <= self.kernel.now]
            if not free:
                self._next = self.kernel.after(max(self.wait_us(), 1), again)
                return
            self._rx2 = session.rx2
            self._exchange(phy, self.rng.choice(free), session.dr, session.power, session.rx_delay_s * 1_000_000, take, over)

        again()

    # -- one frame and its windows -----------------------------------------------------------------------------------------

    def _modulation(self, hz: int, dr: int, down: bool, size: int) -> Modulation:
        rate = self.plan.data_rates[dr]
        return Modulation(hz, rate.sf, rate.bw_hz, 1, lora.needs_ldro(rate.sf, rate.bw_hz), 8, False, size, not down, down)

    def _exchange(
        self, phy: bytes, hz: int, dr: int, power: int, delay_us: int, take: Callable[[bytes], bool], over: Callable[[bool], None]
    ) -> None:
        self._take, self._over = take, over
        self._after_tx = (delay_us, hz, dr)
        eirp = self.plan.table["max_eirp_dbm"] - self.plan.table["power_step_db"] * power
        level = min(eirp - self.antenna_db, self.max_dbm) + self.antenna_db
        self.owner.radio("tx")
        us = self.front.radiate(Frame(phy, self._modulation(hz, dr, False, len(phy)), _SYNC_WORD, level))
        band = self.plan.sub_band(hz)
        share = self.plan.sub_bands[band].permille if band is not None else 1000
        self._quiet_until[band] = self.kernel.now + us * 1000 // share

    def _rest(self) -> None:
        self.front.halt()
        self.owner.radio("idle")

    def _on_irq(self, irq: Irq) -> None:
        if irq & Irq.TX_DONE:
            delay, hz, dr = self._after_tx
            rx1 = self._rx1(hz, dr)
            end = self.sent_at = self.kernel.now
            self._windows = [(end + delay, *rx1), (end + delay + RX2_AFTER_RX1_US, *self._rx2)]
            self._schedule()
        elif irq & (Irq.RX_DONE | Irq.HEADER_ERR | Irq.TIMEOUT):
            got, self._heard = self._heard, None
            if got and not irq & Irq.CRC_ERR:
                self.last = got[1]
                if self._take(got[0]):
                    self._windows.clear()
            self._schedule()

    def _rx1(self, hz: int, dr: int) -> tuple[int, int]:
        down_hz, down_dr = self.plan.rx1(hz, dr)
        offset = self.session.rx1_offset if self.session else 0
        return down_hz, max(self.plan.table["rx1_dr"][dr][offset], down_dr if not offset else 0)

    def _schedule(self) -> None:
        """The next window whose time has not passed, or the end."""
        while self._windows:
            at, hz, dr = self._windows.pop(0)
            if at - _EARLY_US >= self.kernel.now and self.plan.data_rates[dr].sf:
                self._next = self.kernel.at(at - _EARLY_US, self._open, hz, dr)
                return
        self._over(False)

    def _open(self, hz: int, dr: int) -> None:
        self._next = None
        m = self._modulation(hz, dr, True, 255)
        assert m.bw_hz is not None
        symbol = lora.symbols_us(1, m.sf, m.bw_hz)
        symbols = _SYMBOLS + -(-2 * _EARLY_US // symbol)
        self.owner.radio("rx")
        search = Search(m, _SYNC_WORD, True, _FIGURE_DB, self.antenna_db, False, None, symbols, stop_on_preamble=False)
        self.front.open(search, self._store)

    def _store(self, data: bytes, reception: Reception) -> None:
        self._heard = (data, reception)
