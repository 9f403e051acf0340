"""A gateway's backhaul over Semtech UDP, through a real socket.

The virtual clock stands still while the gateway waits for PUSH_ACK. A server that sends its PULL_RESP before that PUSH_ACK, as the
bench server does, makes a run repeat exactly. For another server the clock stands still for a while more of real time (`Patience`), or
until its answer came; what comes later is taken at the next uplink, if it is not too late.
"""

from __future__ import annotations

import base64
import socket
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from kerbstone.emulator.air import gwmp
from kerbstone.emulator.air.gateway import Downlink, Gateway, Heard
from kerbstone.emulator.air.patience import Patience

_KEEP_ALIVE_US = 10_000_000
_PATIENCE_S = 2.0  # real time
_DATAGRAM = 65_535


class SemtechUdp:
    """`server`: IPv4 address and port. `patience`: of a server that answers when it likes; None: of one that answers before PUSH_ACK."""

    def __init__(self, server: tuple[str, int], patience: Patience | None = None):
        self._server, self._patience = server, patience
        self._socket: socket.socket | None = None
        self._token = 0
        self._answers = 0  # downlinks the server asked for
        self._pulled_at: int | None = None

    def start(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("0.0.0.0" if not self._server[0].startswith("127.") else "127.0.0.1", 0))
        if self._patience:
            self._patience.add(self._answered)
        self.poll()

    def close(self) -> None:
        if self._socket:
            self._socket.close()
            self._socket = None

    def forward(self, heard: Heard) -> None:
        now = self._gateway.kernel.now
        # A poll that follows anyway must not come first: it would end the collection of copies before this one.
        stale = self._pulled_at is None or now - self._pulled_at > _KEEP_ALIVE_US
        if stale and self._gateway.poll_after_us is None:
            self.poll()
        before = self._answers
        acknowledged = self._ask(gwmp.PUSH_DATA, {"rxpk": [self._rxpk(heard)]}, gwmp.PUSH_ACK)
        if acknowledged and self._patience and self._answers == before:
            self._patience.wait_soon(self._gateway.kernel)

    def poll(self) -> None:
        """PULL_DATA: it opens the way back, and the bench server puts what it has ready before the acknowledgement."""
        if self._ask(gwmp.PULL_DATA, {}, gwmp.PULL_ACK):
            self._pulled_at = self._gateway.kernel.now

    def left(self, down: Downlink, start_us: int) -> None:
        """TX_ACK was sent when the queue took it."""

    def _rxpk(self, heard: Heard) -> dict[str, Any]:
        tx, got, gateway = heard.tx, heard.got, self._gateway
        when = datetime.fromtimestamp(gateway.start_utc, UTC) + timedelta(microseconds=tx.end_us)
        return {
            "time": when.strftime("%Y-%m-%dT%H:%M:%S.%fZ"), "tmst": heard.count_us % gwmp.TMST_RANGE, "chan": heard.channel,
            "rfch": heard.channel // 5, "freq": gateway.channels[heard.channel][0] / 1e6, "stat": 1, "modu": "LORA",
            "datr": gwmp.data_rate(tx.sf, tx.bw_hz), "codr": f"4/{tx.cr + 4}", "rssi": round(got.packet_rssi_dbm),
            "lsnr": round(got.snr_db, 1), "size": len(tx.payload), "data": base64.b64encode(tx.payload).decode(),
        }  # fmt: skip

    def _log(self, what: str, /, **fields: Any) -> None:
        self._gateway.kernel.log.write(self._gateway.name, what, **fields)

    def _ask(self, kind: int, body: dict[str, Any], answer: int) -> bool:
        """Sends and waits in real time for the acknowledgement; downlinks that come before it are taken."""
        if self._socket is None:
            return False
        self._token = (self._token + 1) & 0xFFFF
        token = self._token.to_bytes(2, "big")
        self._socket.sendto(gwmp.Datagram(kind, token, self._gateway.eui, body).encode(), self._server)
        deadline = time.monotonic() + _PATIENCE_S
        while (left := deadline - time.monotonic()) > 0:
            datagram = self._read(left)
            if datagram and (datagram.kind, datagram.token) == (answer, token):
                return True
        self._log("server_silent", kind=kind)
        return False

    def _answered(self, timeout_s: float) -> bool:
        datagram = self._read(timeout_s)
        return datagram is not None and datagram.kind == gwmp.PULL_RESP

    def _read(self, timeout_s: float) -> gwmp.Datagram | None:
        """The next datagram; a downlink is taken. None: none came, or one that does not parse."""
        assert self._socket is not None
        self._socket.settimeout(timeout_s)
        try:
            datagram = gwmp.parse(self._socket.recv(_DATAGRAM))
        except (TimeoutError, ConnectionError):
            return None
        except gwmp.GwmpError as error:
            self._log("bad_datagram", why=str(error))
            return None
        if datagram.kind == gwmp.PULL_RESP:
            self._take(datagram)
        return datagram

    def _take(self, datagram: gwmp.Datagram) -> None:
        self._answers += 1
        try:
            error = self._gateway.schedule(self._downlink(datagram.body.get("txpk", {})))
        except (KeyError, ValueError) as problem:
            self._log("bad_datagram", why=f"txpk: {problem}")
            return
        answer = gwmp.Datagram(gwmp.TX_ACK, datagram.token, self._gateway.eui, {"txpk_ack": {"error": error}})
        if self._socket:
            self._socket.sendto(answer.encode(), self._server)

    def _downlink(self, txpk: dict[str, Any]) -> Downlink:
        """Raises KeyError or ValueError for what is no LoRa downlink."""
        sf, bw_hz = gwmp.parse_data_rate(str(txpk["datr"]))
        count_us = None
        if not txpk.get("imme"):
            now = self._gateway.count_us(self._gateway.kernel.now)
            ahead = (int(txpk["tmst"]) - now) % gwmp.TMST_RANGE
            count_us = now + (ahead if ahead < gwmp.TMST_RANGE // 2 else ahead - gwmp.TMST_RANGE)
        return Downlink(
            gwmp.payload(txpk), gwmp.freq_hz(txpk), sf, bw_hz, float(txpk.get("powe", 14)), count_us, bool(txpk.get("ipol", False)),
            not txpk.get("ncrc", False),
        )
