"""What the bench network server wants to say after an uplink, and where it may say it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from kerbstone.emulator.air import ns_adr, ns_frames, ns_mac
from kerbstone.emulator.air.ns_device import Device, Queued, Session
from kerbstone.emulator.air.plan import RX2_AFTER_RX1_US, Plan

_DAY_US = 86_400_000_000
_TRIES = 3  # of a confirmed downlink


@dataclass(frozen=True)
class Uplink:
    """One frame as a gateway heard it; `utc_us` and `tmst` at its end."""

    gateway: bytes
    phy: bytes
    tmst: int
    utc_us: int
    freq_hz: int
    dr: int
    rssi_dbm: float
    snr_db: float
    gateways: int = 1  # that heard it


@dataclass(frozen=True)
class Slot:
    """A receive window of the device: `delay_us` after the end of the uplink; None: at once, for a device that always listens."""

    delay_us: int | None
    freq_hz: int
    dr: int
    power_dbm: int


class Reply(Protocol):
    """Builds the downlink for a slot; `sent()` is called once, when the gateway has taken it."""

    slots: tuple[Slot, ...]

    def build(self, slot: Slot) -> bytes: ...

    def sent(self) -> None: ...


def slots(up: Uplink, delay_us: int, rx2_dr: int, plan: Plan) -> tuple[Slot, Slot]:
    """RX1 on the channel and at the rate that answer the uplink's, RX2 on its own."""
    rx2_hz, _, rx2_dbm = plan.rx2
    return (
        Slot(delay_us, *plan.rx1(up.freq_hz, up.dr), plan.rx1_power_dbm),
        Slot(delay_us + RX2_AFTER_RX1_US, rx2_hz, rx2_dr, rx2_dbm),
    )


class JoinReply:
    """A join accept; the session it opens is in use from the device's first uplink on."""

    def __init__(self, device: Device, session: Session, phy: bytes, where: tuple[Slot, ...]):
        self.slots = where
        self._device, self._session, self._phy = device, session, phy

    def build(self, slot: Slot) -> bytes:
        return self._phy

    def sent(self) -> None:
        self._device.offered = self._session


class DataReply:
    """Acknowledgement, MAC commands and one queued message, as far as they fit."""

    def __init__(
        self, device: Device, session: Session, where: tuple[Slot, ...], ack: bool, answers: bytes, now_us: int, plan: Plan
    ):  # fmt: skip
        self.slots = where
        self._plan = plan
        self._device, self._session, self._ack, self._now_us = device, session, ack, now_us
        self._fopts = answers
        self._rate: tuple[int, int] | None = None
        self._status = False
        self._item: Queued | None = None
        self._ask_status()

    def _ask_status(self) -> None:
        if self._now_us - self._session.status_asked_us >= _DAY_US and self._room(1):
            self._status = True
            self._fopts += bytes([ns_mac.DEV_STATUS])

    def _room(self, size: int) -> bool:
        return len(self._fopts) + size <= ns_frames.FOPTS_MAX

    def adapt(self) -> None:
        """Adds a LinkADRReq when the latest uplinks ask for another rate or power."""
        session = self._session
        if session.asked or session.adr_rest or len(session.snr_db) < ns_adr.ENOUGH:
            return
        wanted = ns_adr.target(session.dr, session.power, session.snr_db, self._device.adr_margin_db, self._plan)
        request = ns_mac.link_adr_req(*wanted, self._plan)
        if wanted != (session.dr, session.power) and self._room(len(request)):
            self._rate = wanted
            self._fopts += request

    @property
    def needed(self) -> bool:
        """Something must be said, whatever is queued."""
        return self._ack or bool(self._fopts) or bool(self._device.queue)

    def build(self, slot: Slot) -> bytes:
        session, queue = self._session, self._device.queue
        limit = self._plan.data_rates[slot.dr].payload - len(self._fopts)
        self._item = queue[0] if queue and len(queue[0].data) <= limit else None
        item = self._item
        return ns_frames.build_data_down(
            session.nwk_s_key, session.app_s_key, session.dev_addr, session.fcnt_down, self._ack, len(queue) > (item is not None),
            bool(item and item.confirmed), self._fopts, item.port if item else None, item.data if item else b"",
        )  # fmt: skip

    def sent(self) -> None:
        session = self._session
        session.fcnt_down += 1
        if self._rate:
            session.asked = self._rate
            self._device.counts["LinkADRReq"] += 1
        if self._status:
            session.status_asked_us = self._now_us
            self._device.counts["DevStatusReq"] += 1
        if self._item:
            take_item(self._device, session, self._item)


class PushReply:
    """The oldest queued message for a device of class C, without waiting for its uplink: at the frequency and rate of RX2."""

    def __init__(self, device: Device, session: Session, plan: Plan):
        hz, dr, dbm = plan.rx2
        self.slots: tuple[Slot, ...] = (Slot(None, hz, dr, dbm),)
        self._device, self._session, self._item = device, session, device.queue[0]

    def build(self, slot: Slot) -> bytes:
        session, item = self._session, self._item
        return ns_frames.build_data_down(
            session.nwk_s_key, session.app_s_key, session.dev_addr, session.fcnt_down, False, False, item.confirmed, b"", item.port,
            item.data,
        )

    def sent(self) -> None:
        take_item(self._device, self._session, self._item)
        self._session.fcnt_down += 1


def take_item(device: Device, session: Session, item: Queued) -> None:
    """A queued message is on its way: a confirmed one waits for its acknowledgement."""
    device.queue.remove(item)
    device.counts["downlinks"] += 1
    if item.confirmed:
        item.tries += 1
        session.unacknowledged = item


def settle_confirmed(device: Device, session: Session, ack: bool) -> None:
    """A new uplink says whether the last confirmed downlink arrived; if not, it goes to the head of the queue again."""
    item, session.unacknowledged = session.unacknowledged, None
    if item and not ack:
        device.counts["unacknowledged"] += 1
        if item.tries < _TRIES:
            device.queue.appendleft(item)
