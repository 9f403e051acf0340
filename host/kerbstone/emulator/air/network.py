"""The bench network server: one thread behind a UDP socket on 127.0.0.1 that speaks Semtech UDP with gateways.

A counterpart for the firmware, not a product: one region, no roaming, nothing is stored. The order of datagrams is what makes a run
repeat: the downlink first, then the gateway's TX_ACK is awaited, and PUSH_ACK comes last, when the application has its payload.
With `collect`, for several gateways, copies of a frame are kept until a gateway asks for downlinks (PULL_DATA), `COLLECT_US` later: the
copy with the best SNR counts, its gateway answers, before its PULL_ACK. What is for a device of class C leaves in the same way.
"""

from __future__ import annotations

import socket
import threading
import time
from collections import Counter, deque
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from kerbstone.emulator.air import gwmp, lora
from kerbstone.emulator.air.ns_adr import MARGIN_DB
from kerbstone.emulator.air.ns_core import NetworkCore, UplinkMeta, UplinkSink
from kerbstone.emulator.air.ns_device import Device
from kerbstone.emulator.air.ns_duty import DutyCycle
from kerbstone.emulator.air.ns_reply import Reply, Slot, Uplink
from kerbstone.emulator.air.plan import EU868, Plan
from kerbstone.errors import KerbstoneError

COLLECT_US = 200_000  # virtual time for copies to come in, as ChirpStack's deduplication_delay
_TX_ACK_S = 1.0  # real time; a gateway that does not answer is taken to have sent
_POLL_S = 0.2
_DATAGRAM = 65_535
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class NetworkError(KerbstoneError):
    """The bench network server stopped by a mistake of its own or of the program that listens to it."""


def _ignore(_device: str, _port: int, _payload: bytes, _fcnt: int, _meta: UplinkMeta) -> None:
    pass


class NetworkServer:
    """`on_uplink(device_name, port, payload, fcnt, meta)` is called on the server's thread, before the gateway goes on.

    `start_utc`: seconds since 1970 at virtual time 0. Every method may be called from any thread.
    """

    def __init__(self, on_uplink: UplinkSink = _ignore, start_utc: int = 0, plan: Plan = EU868, collect: bool = False):
        self._plan = plan
        self._copies: dict[bytes, list[Uplink]] | None = {} if collect else None  # by PHYPayload
        self._ready: list[tuple[bytes, int, int, Reply]] = []  # gateway, tmst and UTC us of what it answers
        self._core = NetworkCore(on_uplink, start_utc, plan)
        self._lock = threading.RLock()
        self._duty: dict[bytes, DutyCycle] = {}  # by gateway
        self._pull: dict[bytes, tuple[str, int]] = {}  # where a gateway's downlinks go
        self._later: deque[tuple[bytes, tuple[str, int]]] = deque()
        self._latest_us = 0  # UTC us of the latest uplink: what is known of the time
        self._token = 0
        self._failure: BaseException | None = None
        self._stopping = threading.Event()
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._run, name="network-server", daemon=True)

    # -- for the program ---------------------------------------------------------------------------------------------------

    @property
    def address(self) -> tuple[str, int]:
        """Where gateways send to."""
        host, port = self._socket.getsockname()
        return str(host), int(port)

    @property
    def refused(self) -> Counter[str]:
        """What was not accepted, by reason; see NetworkCore."""
        with self._lock:
            return Counter(self._core.refused)

    def register(
        self, dev_eui: str, join_eui: str, app_key: str | bytes, name: str, adr_margin_db: float = MARGIN_DB, always_on: bool = False
    ) -> None:
        """Makes a device known. EUIs as 16 hex digits; the key as 16 bytes or 32 hex digits.

        `adr_margin_db`: dB that rate adaptation leaves unspent; more where the antenna gets covered. `always_on`: a device of class C.
        Raises NetworkError.
        """
        key = bytes.fromhex(app_key) if isinstance(app_key, str) else app_key
        if len(key) != 16:
            raise NetworkError(f"The AppKey of {name} does not have 16 bytes: mint its identity again.")
        with self._lock:
            self._core.register(dev_eui, join_eui, key, name, adr_margin_db, always_on)

    def device(self, dev_eui: str) -> Device:
        """What is known of a device; a live object, to be read while no uplink is under way."""
        with self._lock:
            return self._core.devices[dev_eui.lower()]

    def summary(self, dev_eui: str) -> dict[str, Any]:
        """Figures of a device for reports; empty for one that nobody registered."""
        with self._lock:
            device = self._core.devices.get(dev_eui.lower())
            return device.summary() if device else {}

    def step_clock(self, dev_eui: str, by_us: int) -> None:
        """The time given to this device jumps by this much against the truth."""
        with self._lock:
            self._core.devices[dev_eui.lower()].clock_step_us += by_us

    def enqueue(self, dev_eui: str, port: int, data: bytes, confirmed: bool = False) -> None:
        """Queues a downlink for the device's next uplink; one of class C gets it when its gateway asks next (`Gateway.poll`).

        A confirmed one is repeated until acknowledged, three times at most, each time after an uplink that did not acknowledge it.
        """
        with self._lock:
            self._core.enqueue(dev_eui, port, data, confirmed)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """Ends the thread. Raises NetworkError when it had failed."""
        self._stopping.set()
        if self._thread.is_alive():
            # An empty datagram to itself ends the wait at once.
            self._socket.sendto(b"", self.address)
            self._thread.join()
        self._socket.close()
        if self._failure:
            failure, self._failure = self._failure, None
            raise NetworkError(f"The bench network server stopped on {failure!r}: see the cause above.") from failure

    # -- the thread --------------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                got = self._later.popleft() if self._later else self._next(_POLL_S)
                if got:
                    self._serve(*got)
        except Exception as error:  # handed to the program by close()
            self._failure = error

    def _next(self, timeout_s: float) -> tuple[bytes, tuple[str, int]] | None:
        self._socket.settimeout(timeout_s)
        try:
            return self._socket.recvfrom(_DATAGRAM)
        except (TimeoutError, ConnectionError):
            return None

    def _serve(self, data: bytes, sender: tuple[str, int]) -> None:
        try:
            datagram = gwmp.parse(data)
        except gwmp.GwmpError:
            self._core.refused["datagram"] += 1
            return
        if datagram.kind == gwmp.PULL_DATA:
            self._pull[datagram.eui] = sender
            with self._lock:
                self._settle()
                self._push(datagram.eui)
            self._socket.sendto(datagram.ack(), sender)
        elif datagram.kind == gwmp.PUSH_DATA:
            for packet in datagram.body.get("rxpk", []):
                self._packet(datagram.eui, packet)
            self._socket.sendto(datagram.ack(), sender)

    def _packet(self, gateway: bytes, rxpk: dict[str, Any]) -> None:
        with self._lock:
            try:
                up = _uplink(gateway, rxpk, self._plan)
            except (KeyError, ValueError):
                self._core.refused["datagram"] += 1
                return
            self._latest_us = max(self._latest_us, up.utc_us)
            if self._copies is not None:
                self._copies.setdefault(up.phy, []).append(up)
                return
            reply = self._core.uplink(up)
            if reply:
                self._answer(up.gateway, up.tmst, up.utc_us, reply)

    def _settle(self) -> None:
        """Takes the best copy of each frame that was collected."""
        copies, self._copies = self._copies, self._copies and {}
        for group in (copies or {}).values():
            best = max(group, key=lambda up: up.snr_db)
            self._core.refused["copy"] += len(group) - 1
            reply = self._core.uplink(replace(best, gateways=len({up.gateway for up in group})))
            if reply:
                self._ready.append((best.gateway, best.tmst, best.utc_us, reply))

    def _push(self, gateway: bytes) -> None:
        """Everything that this gateway is to send."""
        mine = [r for r in self._ready if r[0] == gateway]
        self._ready = [r for r in self._ready if r[0] != gateway]
        for row in mine:
            self._answer(*row)
        for device in self._core.devices.values():
            while (found := self._core.push(device)) and found[0] == gateway and self._answer(gateway, 0, self._latest_us, found[1]):
                pass

    def _answer(self, gateway: bytes, tmst: int, utc_us: int, reply: Reply) -> bool:
        """RX1 first; RX2 when the duty cycle forbids RX1 or the gateway refuses it. False when neither could be had."""
        duty = self._duty.setdefault(gateway, DutyCycle(self._plan))
        for slot in reply.slots:
            phy = reply.build(slot)
            rate = self._plan.data_rates[slot.dr]
            airtime = lora.airtime_us(len(phy), rate.sf, rate.bw_hz, crc=False)
            at = utc_us + (slot.delay_us or 0)
            if duty.allows(slot.freq_hz, airtime, at) and self._emit(gateway, tmst, slot, phy):
                duty.spend(slot.freq_hz, airtime, at)
                reply.sent()
                return True
        return False

    def _emit(self, gateway: bytes, tmst: int, slot: Slot, phy: bytes) -> bool:
        """Hands a downlink to the gateway; False when it refuses, or never asked for downlinks."""
        where = self._pull.get(gateway)
        if where is None:
            return False
        rate = self._plan.data_rates[slot.dr]
        self._token = (self._token + 1) & 0xFFFF
        token = self._token.to_bytes(2, "big")
        when = None if slot.delay_us is None else tmst + slot.delay_us
        txpk = gwmp.txpk(when, slot.freq_hz, slot.power_dbm, rate.sf, rate.bw_hz, phy)
        self._socket.sendto(gwmp.Datagram(gwmp.PULL_RESP, token, body={"txpk": txpk}).encode(), where)
        deadline = time.monotonic() + _TX_ACK_S
        while (left := deadline - time.monotonic()) > 0 and not self._stopping.is_set():
            got = self._next(left)
            if got is None:
                break
            try:
                datagram = gwmp.parse(got[0])
            except gwmp.GwmpError:
                continue
            if datagram.kind == gwmp.TX_ACK and datagram.token == token:
                return datagram.error == "NONE"
            self._later.append(got)
        return True


def _uplink(gateway: bytes, rxpk: dict[str, Any], plan: Plan) -> Uplink:
    """An `rxpk` of a LoRa frame with valid CRC. Raises KeyError or ValueError for anything else."""
    if rxpk["stat"] != 1 or rxpk["modu"] != "LORA":
        raise ValueError("no LoRa frame with valid CRC")
    dr = plan.data_rate_index(*gwmp.parse_data_rate(rxpk["datr"]))
    if dr is None:
        raise ValueError("no data rate of the region")
    since = datetime.fromisoformat(rxpk["time"]) - _EPOCH
    utc_us = (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
    return Uplink(
        gateway, gwmp.payload(rxpk), int(rxpk["tmst"]), utc_us, gwmp.freq_hz(rxpk), dr, float(rxpk["rssi"]), float(rxpk["lsnr"])
    )
