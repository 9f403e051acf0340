"""Datagrams of the Semtech UDP protocol, version 2 (Lora-net/packet_forwarder PROTOCOL.TXT): encode and parse, no sockets."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass, field
from typing import Any

VERSION = 2
PUSH_DATA, PUSH_ACK, PULL_DATA, PULL_RESP, PULL_ACK, TX_ACK = range(6)
_WITH_EUI = (PUSH_DATA, PULL_DATA, TX_ACK)
_ACK_OF = {PUSH_DATA: PUSH_ACK, PULL_DATA: PULL_ACK}
TMST_RANGE = 1 << 32  # the concentrator's microsecond counter wraps here, after 71.6 minutes


class GwmpError(ValueError):
    """A datagram is not one of protocol version 2."""


@dataclass(frozen=True)
class Datagram:
    """`token` as the two bytes on the wire, `eui` 8 bytes or empty, `body` the JSON object (empty if there is none)."""

    kind: int
    token: bytes
    eui: bytes = b""
    body: dict[str, Any] = field(default_factory=dict)

    def encode(self) -> bytes:
        text = json.dumps(self.body, separators=(",", ":")).encode() if self.body else b""
        return bytes([VERSION]) + self.token + bytes([self.kind]) + self.eui + text

    def ack(self) -> bytes:
        """The acknowledgement a server owes for PUSH_DATA and PULL_DATA."""
        return bytes([VERSION]) + self.token + bytes([_ACK_OF[self.kind]])

    @property
    def error(self) -> str:
        """Error of a TX_ACK; "NONE" when the gateway took the packet."""
        return str(self.body.get("txpk_ack", {}).get("error", "NONE"))


def parse(data: bytes) -> Datagram:
    """Takes a datagram apart. A trailing NUL is tolerated: some forwarders send one. Raises GwmpError."""
    if len(data) < 4 or data[0] != VERSION:
        raise GwmpError("The datagram is not Semtech UDP version 2: look for another program on this port.")
    kind, at = data[3], 4
    if kind > TX_ACK:
        raise GwmpError(f"Semtech UDP knows no datagram type {kind}: update the forwarder or the server.")
    eui = b""
    if kind in _WITH_EUI:
        eui, at = data[4:12], 12
        if len(eui) < 8:
            raise GwmpError("The datagram ends within the gateway's EUI: it was cut on its way.")
    text = data[at:].rstrip(b"\0")
    try:
        body = json.loads(text) if text else {}
    except ValueError as error:
        raise GwmpError("The datagram's JSON does not parse: it was cut on its way.") from error
    if not isinstance(body, dict):
        raise GwmpError("The datagram's JSON is not an object: look for another program on this port.")
    return Datagram(kind, data[1:3], eui, body)


def data_rate(sf: int, bw_hz: int) -> str:
    """(12, 125000) -> "SF12BW125"."""
    return f"SF{sf}BW{bw_hz // 1000}"


def parse_data_rate(text: str) -> tuple[int, int]:
    """ "SF12BW125" -> (12, 125000). Raises GwmpError."""
    sf, mark, bw = text.removeprefix("SF").partition("BW")
    if not (text.startswith("SF") and mark and sf.isdigit() and bw.isdigit()):
        raise GwmpError(f"{text!r} is no LoRa data rate: write it as SF12BW125.")
    return int(sf), int(bw) * 1000


def _when(tmst: int | None, gps_ms: int | None) -> dict[str, Any]:
    """At a value of the concentrator's counter, at a GPS time, or at once."""
    if tmst is not None:
        return {"tmst": tmst % TMST_RANGE}
    return {"imme": True} if gps_ms is None else {"tmms": gps_ms}


def _antenna(board: int, antenna: int | None) -> dict[str, Any]:
    """Forwarders with one antenna do not know these keys."""
    return {} if antenna is None else {"brd": board, "ant": antenna}


def txpk(
    tmst: int | None, freq_hz: int, power_dbm: int, sf: int, bw_hz: int, phy: bytes, board: int = 0, antenna: int | None = None,
    coding: str = "4/5", inverted: bool = True, gps_ms: int | None = None,
) -> dict[str, Any]:
    """The `txpk` object of a LoRa downlink without CRC at counter value `tmst`, else at `gps_ms`, else at once.

    A LoRaWAN downlink has its IQ inverted. `board` and `antenna` say which of several to send with.
    """
    return _when(tmst, gps_ms) | {
        "freq": freq_hz / 1e6, "rfch": 0, "powe": power_dbm, "modu": "LORA", "datr": data_rate(sf, bw_hz), "codr": coding,
        "ipol": inverted, "ncrc": True, "size": len(phy), "data": base64.b64encode(phy).decode(),
    } | _antenna(board, antenna)  # fmt: skip


def txpk_fsk(
    tmst: int | None, freq_hz: int, power_dbm: int, bit_rate: int, deviation_hz: int, phy: bytes, board: int = 0,
    antenna: int | None = None, gps_ms: int | None = None,
) -> dict[str, Any]:
    """The `txpk` object of an FSK downlink; times and antennas as in `txpk`."""
    return _when(tmst, gps_ms) | {
        "freq": freq_hz / 1e6, "rfch": 0, "powe": power_dbm, "modu": "FSK", "datr": bit_rate, "fdev": deviation_hz, "size": len(phy),
        "data": base64.b64encode(phy).decode(),
    } | _antenna(board, antenna)  # fmt: skip


def payload(packet: dict[str, Any]) -> bytes:
    """PHYPayload of an `rxpk` or `txpk`. Padding may be missing. Raises GwmpError."""
    text = str(packet.get("data", ""))
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except binascii.Error as error:
        raise GwmpError("The packet's data is not base64: it was cut on its way.") from error


def freq_hz(packet: dict[str, Any]) -> int:
    """Frequency of an `rxpk` or `txpk` in Hz."""
    return round(float(packet["freq"]) * 1e6)
