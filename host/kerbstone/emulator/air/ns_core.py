"""The bench network server without its socket: joins, sessions, MAC commands, rate adaptation. Classes A and C, LoRaWAN 1.0.4."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import TypedDict

from kerbstone.emulator.air import ns_commands, ns_crypto, ns_frames, ns_mac
from kerbstone.emulator.air.ns_adr import MARGIN_DB
from kerbstone.emulator.air.ns_device import Device, Queued, Session
from kerbstone.emulator.air.ns_reply import DataReply, JoinReply, PushReply, Reply, Uplink, settle_confirmed, slots
from kerbstone.emulator.air.plan import EU868, Plan

NET_ID = 0x000000  # TS002-1.1 section 2: for experiments and private networks
_SAME_US = 200_000  # copies of one frame from several gateways lie this close; a repetition comes a second later at the earliest
_ADR_REST = 20


class UplinkMeta(TypedDict):
    """How an uplink arrived. `t_us`: virtual time of its end."""

    t_us: int
    tmst: int
    freq_hz: int
    dr: int
    rssi_dbm: float
    snr_db: float


UplinkSink = Callable[[str, int, bytes, int, UplinkMeta], None]


class NetworkCore:
    """Takes uplinks, gives replies. `on_uplink(device_name, port, payload, fcnt, meta)` once for each new frame with a payload.

    `refused` counts what was not accepted, by reason: "frame", "device", "mic", "devnonce", "copy".
    """

    def __init__(self, on_uplink: UplinkSink, start_utc: int, plan: Plan = EU868):
        self._plan = plan
        self.devices: dict[str, Device] = {}  # by DevEUI
        self.refused: Counter[str] = Counter()
        self._on_uplink = on_uplink
        self._start_us = start_utc * 1_000_000
        self._by_addr: dict[int, Device] = {}
        self._last: tuple[bytes, int] = (b"", -_SAME_US)

    def register(
        self, dev_eui: str, join_eui: str, app_key: bytes, name: str, adr_margin_db: float = MARGIN_DB, always_on: bool = False
    ) -> Device:
        """Makes a device known; EUIs as 16 hex digits. `adr_margin_db`: what rate adaptation leaves unspent. `always_on`: class C."""
        device = Device(name, dev_eui.lower(), join_eui.lower(), len(self.devices) + 1, app_key, adr_margin_db, always_on)
        self.devices[device.dev_eui] = self._by_addr[device.dev_addr] = device
        return device

    def uplink(self, up: Uplink) -> Reply | None:
        """Takes one frame; the reply, if there is something to say."""
        phy, at = self._last
        self._last = (up.phy, up.utc_us)
        if up.phy == phy and abs(up.utc_us - at) < _SAME_US:
            return self._refuse("copy")
        try:
            frame = ns_frames.parse_uplink(up.phy)
        except ns_frames.FrameError:
            return self._refuse("frame")
        if isinstance(frame, ns_frames.JoinRequest):
            return self._join(frame, up)
        return self._data(frame, up)

    def _refuse(self, why: str, device: Device | None = None) -> Reply | None:
        self.refused[why] += 1
        if device:
            device.counts[f"refused_{why}"] += 1
        return None

    def _join(self, request: ns_frames.JoinRequest, up: Uplink) -> Reply | None:
        device = self.devices.get(request.dev_eui)
        if device is None or device.join_eui != request.join_eui:
            return self._refuse("device")
        if not request.genuine(device.app_key):
            return self._refuse("mic", device)
        if request.dev_nonce <= device.last_dev_nonce:
            return self._refuse("devnonce", device)
        device.counts["joins"] += 1
        device.last_dev_nonce = request.dev_nonce
        device.join_nonce += 1
        keys = ns_crypto.session_keys(device.app_key, device.join_nonce, NET_ID, request.dev_nonce)
        session = Session(device.dev_addr, *keys, status_asked_us=up.utc_us)
        phy = ns_frames.build_join_accept(
            device.app_key, device.join_nonce, NET_ID, device.dev_addr, 0, self._plan.rx2[1], self._plan.rx_delay_s, self._plan.cf_list
        )
        return JoinReply(device, session, phy, slots(up, self._plan.join_delay_us, self._plan.rx2_join_dr, self._plan))

    def _data(self, frame: ns_frames.DataUp, up: Uplink) -> Reply | None:
        device = self._by_addr.get(frame.dev_addr)
        if device is None:
            return self._refuse("device")
        found = device.match(frame)
        if found is None:
            return self._refuse("mic", device)
        session, fcnt = found
        session.gateway, session.gateways = up.gateway, up.gateways
        fresh = fcnt > session.fcnt_up
        if fresh:
            session.fcnt_up = fcnt
            settle_confirmed(device, session, frame.ack)
            self._note_rate(session, up)
        answers = self._mac(device, session, frame, fcnt, up, fresh)
        if fresh:
            self._deliver(device, session, frame, fcnt, up)
        where = slots(up, self._plan.rx_delay_s * 1_000_000, self._plan.rx2[1], self._plan)
        reply = DataReply(device, session, where, frame.confirmed, answers, up.utc_us, self._plan)
        if frame.adr and fresh:
            reply.adapt()
        return reply if reply.needed or frame.adr_ack_req else None

    def _note_rate(self, session: Session, up: Uplink) -> None:
        if up.dr != session.dr:
            if up.dr < session.dr:
                session.power = 0  # the device backs off: it has raised its power first
            session.dr = up.dr
            session.snr_db.clear()
        session.snr_db.append(up.snr_db)
        session.adr_rest = max(0, session.adr_rest - 1)

    def _mac(self, device: Device, session: Session, frame: ns_frames.DataUp, fcnt: int, up: Uplink, fresh: bool) -> bytes:
        """Reads the device's commands and answers; the answers to a repeated frame are given again."""
        data = frame.fopts
        if frame.port == 0:
            data = ns_crypto.crypt(session.nwk_s_key, ns_crypto.UP, session.dev_addr, fcnt, frame.body)
        answers = b""
        for cid, arguments in ns_mac.commands_up(data):
            device.counts[ns_commands.COMMANDS[cid][2]] += fresh
            if cid == ns_mac.LINK_CHECK:
                answers += ns_mac.link_check_ans(up.snr_db, up.dr, up.gateways, self._plan)
            elif cid == ns_mac.DEVICE_TIME:
                answers += ns_mac.device_time_ans(up.utc_us + device.clock_step_us)
            elif cid == ns_mac.DEV_STATUS:
                device.battery, device.margin_db = arguments[0], ns_mac.status_margin_db(arguments[1])
            elif cid == ns_mac.LINK_ADR and fresh:
                _rate_answered(session, arguments[0])
        if fresh:
            session.asked = None  # an uplink without the answer: the request was lost, and may be made again
        return answers[: ns_frames.FOPTS_MAX]

    def _deliver(self, device: Device, session: Session, frame: ns_frames.DataUp, fcnt: int, up: Uplink) -> None:
        if not frame.port:
            return
        payload = ns_crypto.crypt(session.app_s_key, ns_crypto.UP, session.dev_addr, fcnt, frame.body)
        meta = UplinkMeta(
            t_us=up.utc_us - self._start_us, tmst=up.tmst, freq_hz=up.freq_hz, dr=up.dr, rssi_dbm=up.rssi_dbm, snr_db=up.snr_db
        )
        self._on_uplink(device.name, frame.port, payload, fcnt, meta)

    def enqueue(self, dev_eui: str, port: int, data: bytes, confirmed: bool) -> None:
        """Queues a downlink. Raises KeyError for a device nobody registered."""
        self.devices[dev_eui.lower()].queue.append(Queued(port, data, confirmed))


    def push(self, device: Device) -> tuple[bytes, PushReply] | None:
        """What can be said to a device of class C at once, and the gateway to say it through; None: nothing, or it waits for an uplink."""
        session = device.session
        if not (device.always_on and session and session.gateway and device.queue):
            return None
        if session.unacknowledged:
            return None  # one at a time: the next would drown the acknowledgement
        if len(device.queue[0].data) > self._plan.data_rates[self._plan.rx2[1]].payload:
            return None
        return session.gateway, PushReply(device, session, self._plan)


def _rate_answered(session: Session, status: int) -> None:
    if session.asked is None:
        return
    if status == ns_mac.ADR_ACCEPTED:
        session.dr, session.power = session.asked
        session.snr_db.clear()
    else:
        session.adr_rest = _ADR_REST
