"""A gateway: hears the uplinks of its cell with eight demodulators and speaks Semtech UDP over a real loopback socket.

The virtual clock stands still while the gateway waits for PUSH_ACK. A server that sends its PULL_RESP before that PUSH_ACK, as the
bench server does, makes a run repeat exactly. For another server the clock stands still for `linger_s` more of real time, or until
its answer came; what comes later is taken at the next uplink, if it is not too late.
Limits of the just-in-time queue: Lora-net/packet_forwarder jitqueue.c.
"""

from __future__ import annotations

import base64
import socket
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from kerbstone.emulator.air import gwmp, lora
from kerbstone.emulator.air.channel import Channel, Reception, Transmission
from kerbstone.emulator.air.ns_core import UplinkMeta
from kerbstone.emulator.air.observer import Observer
from kerbstone.emulator.air.plan import EU868, Plan
from kerbstone.emulator.kernel import Kernel

DEMODULATORS = 8
_NOISE_FIGURE_DB = 3.0  # a gateway with LNA: -140 dBm at SF12
_LOCK_SYMBOLS = 5
_SYNC_WORD = 0x34
_LEAD_US = 32_500  # TX_START_DELAY + TX_MARGIN_DELAY + TX_JIT_DELAY: a packet must be there this long before it leaves
_ADVANCE_US = 512_000_000  # TX_MAX_ADVANCE_DELAY
_KEEP_ALIVE_US = 10_000_000
_KEEP_US = 10_000_000  # longer than any frame: what ended earlier overlaps no frame that ends now
_PATIENCE_S = 2.0  # real time
_DATAGRAM = 65_535


class Gateway:
    """`latency_us`: time a datagram takes to the server and again back. `start_utc`: seconds since 1970 at virtual time 0.
    `first_tmst`: value of the microsecond counter at virtual time 0."""

    def __init__(
        self, kernel: Kernel, channel: Channel, server: tuple[str, int], start_utc: int = 0, name: str = "gateway",
        eui: bytes = bytes.fromhex("02000000000000a1"), latency_us: int = 30_000, first_tmst: int = 0,
        plan: Plan = EU868, linger_s: float = 0.0, observer: Observer | None = None,
    ):  # fmt: skip
        self.name = name
        self._plan, self._linger_s, self._observer = plan, linger_s, observer
        self._kernel, self._channel, self._server, self._eui = kernel, channel, server, eui
        self._start = datetime.fromtimestamp(start_utc, UTC)
        self._latency_us, self._first_tmst = latency_us, first_tmst
        self._socket: socket.socket | None = None
        self._token = 0
        self._pulled_at: int | None = None
        self._busy_demodulators = 0
        self._answers = 0  # downlinks the server asked for
        self.away = False  # without supply or backhaul
        self._down: list[tuple[int, int]] = []  # start and end of own transmissions, waiting ones too
        channel.subscribe(self)

    def start(self) -> None:
        """Opens the socket and announces itself to the server."""
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((self._server[0], 0))
        self._pull()

    def close(self) -> None:
        if self._socket:
            self._socket.close()
            self._socket = None

    # -- uplink ------------------------------------------------------------------------------------------------------------

    def on_air(self, tx: Transmission) -> None:
        """Takes a demodulator when the preamble of an uplink stands out of the noise."""
        channel = self._plan.channel(tx.freq_hz, tx.bw_hz)
        if tx.sender == self.name or tx.iq_inverted or tx.sync_word != _SYNC_WORD or channel is None:
            return
        got = self._channel.reception(tx, self.name, _NOISE_FIGURE_DB)
        if got.audible(tx.sf):
            self._kernel.at(tx.start_us + lora.symbols_us(_LOCK_SYMBOLS, tx.sf, tx.bw_hz), self._lock, tx, channel, got)

    def _lock(self, tx: Transmission, channel: int, got: Reception) -> None:
        if self._busy_demodulators >= DEMODULATORS:
            self._missed(tx, "all demodulators busy")
            return
        self._busy_demodulators += 1
        self._kernel.at(tx.end_us, self._received, tx, channel, got, self._kernel.now)

    def _received(self, tx: Transmission, channel: int, got: Reception, since: int) -> None:
        self._busy_demodulators -= 1
        self._down = [d for d in self._down if d[1] > self._kernel.now - _KEEP_US]
        if self.away:
            self._missed(tx, "away")
        elif any(start < tx.end_us and end > tx.start_us for start, end in self._down):
            self._missed(tx, "transmitting itself")
        elif self._channel.disturbed(tx, self.name, since, tx.end_us):
            self._missed(tx, "collision")
        else:
            self._kernel.log.write(
                self.name, "uplink", sender=tx.sender, size=len(tx.payload), sf=tx.sf, rssi_dbm=round(got.rssi_dbm, 1),
                snr_db=round(got.snr_db, 1),
            )  # fmt: skip
            self._kernel.after(self._latency_us, self._push, self._rxpk(tx, channel, got))
            if self._observer:
                dr = self._plan.data_rate_index(tx.sf, tx.bw_hz) or 0
                self._observer.up(
                    tx.payload,
                    UplinkMeta(
                        t_us=tx.end_us, tmst=self._tmst(tx.end_us), freq_hz=tx.freq_hz, dr=dr, rssi_dbm=got.rssi_dbm, snr_db=got.snr_db
                    ),
                )

    def _missed(self, tx: Transmission, why: str) -> None:
        self._kernel.log.write(self.name, "uplink_missed", sender=tx.sender, why=why)

    def _tmst(self, t_us: int) -> int:
        return (self._first_tmst + t_us) % gwmp.TMST_RANGE

    def _rxpk(self, tx: Transmission, channel: int, got: Reception) -> dict[str, Any]:
        when = self._start + timedelta(microseconds=tx.end_us)
        return {
            "time": when.strftime("%Y-%m-%dT%H:%M:%S.%fZ"), "tmst": self._tmst(tx.end_us), "chan": channel, "rfch": channel // 5,
            "freq": self._plan.channels_hz[channel] / 1e6, "stat": 1, "modu": "LORA", "datr": gwmp.data_rate(tx.sf, tx.bw_hz),
            "codr": f"4/{tx.cr + 4}", "rssi": round(got.packet_rssi_dbm), "lsnr": round(got.snr_db, 1), "size": len(tx.payload),
            "data": base64.b64encode(tx.payload).decode(),
        }

    # -- to and from the server --------------------------------------------------------------------------------------------

    def _push(self, rxpk: dict[str, Any]) -> None:
        if self._pulled_at is None or self._kernel.now - self._pulled_at > _KEEP_ALIVE_US:
            self._pull()
        before = self._answers
        if self._ask(gwmp.PUSH_DATA, {"rxpk": [rxpk]}, gwmp.PUSH_ACK) and self._linger_s and self._answers == before:
            self._await(time.monotonic() + self._linger_s, gwmp.PULL_RESP, b"")

    def _pull(self) -> None:
        if self._ask(gwmp.PULL_DATA, {}, gwmp.PULL_ACK):
            self._pulled_at = self._kernel.now

    def _ask(self, kind: int, body: dict[str, Any], answer: int) -> bool:
        """Sends and waits in real time for the acknowledgement; downlinks that come before it are taken."""
        if self._socket is None:
            return False
        self._token = (self._token + 1) & 0xFFFF
        token = self._token.to_bytes(2, "big")
        self._socket.sendto(gwmp.Datagram(kind, token, self._eui, body).encode(), self._server)
        if self._await(time.monotonic() + _PATIENCE_S, answer, token):
            return True
        self._kernel.log.write(self.name, "server_silent", kind=kind)
        return False

    def _await(self, deadline: float, answer: int, token: bytes) -> bool:
        """Reads datagrams until the wanted one came; `token` empty: any. False when the time ran out."""
        assert self._socket is not None
        while (left := deadline - time.monotonic()) > 0:
            self._socket.settimeout(left)
            try:
                datagram = gwmp.parse(self._socket.recv(_DATAGRAM))
            except (TimeoutError, ConnectionError):
                break
            except gwmp.GwmpError as error:
                self._kernel.log.write(self.name, "bad_datagram", why=str(error))
                continue
            if datagram.kind == gwmp.PULL_RESP:
                self._take(datagram)
            if datagram.kind == answer and token in (b"", datagram.token):
                return True
        return False

    # -- downlink ----------------------------------------------------------------------------------------------------------

    def _take(self, datagram: gwmp.Datagram) -> None:
        self._answers += 1
        try:
            error = self._schedule(datagram.body.get("txpk", {}))
        except (KeyError, ValueError) as problem:
            self._kernel.log.write(self.name, "bad_datagram", why=f"txpk: {problem}")
            return
        self._kernel.log.write(self.name, "downlink", error=error)
        answer = gwmp.Datagram(gwmp.TX_ACK, datagram.token, self._eui, {"txpk_ack": {"error": error}})
        if self._socket:
            self._socket.sendto(answer.encode(), self._server)

    def _schedule(self, txpk: dict[str, Any]) -> str:
        """Puts a downlink into the queue; returns the error for TX_ACK, "NONE" when it will leave."""
        sf, bw_hz = gwmp.parse_data_rate(str(txpk["datr"]))
        phy, freq_hz = gwmp.payload(txpk), gwmp.freq_hz(txpk)
        now = self._kernel.now
        earliest = now + self._latency_us + _LEAD_US
        if txpk.get("imme"):
            start = earliest
        else:
            ahead = (int(txpk["tmst"]) - self._tmst(now)) % gwmp.TMST_RANGE
            start = now + (ahead if ahead < gwmp.TMST_RANGE // 2 else ahead - gwmp.TMST_RANGE)
        crc = not txpk.get("ncrc", False)
        end = start + lora.airtime_us(len(phy), sf, bw_hz, crc=crc)
        if not self._plan.may_send(freq_hz):
            return "TX_FREQ"
        if start < earliest:
            return "TOO_LATE"
        if start > now + _ADVANCE_US:
            return "TOO_EARLY"
        if any(start < b and a < end for a, b in self._down):
            return "COLLISION_PACKET"
        self._down.append((start, end))
        if self._observer:
            self._observer.down(phy)
        tx = Transmission(
            start, end, freq_hz, sf, bw_hz, 1, _SYNC_WORD, bool(txpk.get("ipol", False)), crc, float(txpk.get("powe", 14)), phy, self.name,
            ldro=lora.needs_ldro(sf, bw_hz),
        )
        self._kernel.at(start, self._radiate, tx)
        return "NONE"

    def _radiate(self, tx: Transmission) -> None:
        if not self.away:
            self._channel.transmit(tx)
