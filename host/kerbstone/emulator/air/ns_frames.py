"""PHYPayloads of LoRaWAN 1.0.4 as the network sees them: parse uplinks, build downlinks (TS001-1.0.4 chapters 4 and 6)."""

from __future__ import annotations

from dataclasses import dataclass

from kerbstone.emulator.air import ns_crypto as crypto

JOIN_REQUEST, JOIN_ACCEPT, DATA_UP, DATA_DOWN, CONFIRMED_UP, CONFIRMED_DOWN = range(6)
_JOIN_REQUEST_BYTES = 23
_SHORTEST_DATA = 12
FOPTS_MAX = 15


class FrameError(ValueError):
    """A PHYPayload is not an uplink of LoRaWAN 1.0.x."""


@dataclass(frozen=True)
class JoinRequest:
    """EUIs as 16 hex digits, most significant byte first."""

    join_eui: str
    dev_eui: str
    dev_nonce: int
    mic: bytes
    message: bytes  # what the MIC covers

    def genuine(self, app_key: bytes) -> bool:
        return crypto.mic(app_key, self.message) == self.mic


@dataclass(frozen=True)
class DataUp:
    """An uplink still encrypted. `fcnt16` as on the air; `port` None when there is no FPort."""

    confirmed: bool
    dev_addr: int
    adr: bool
    adr_ack_req: bool
    ack: bool
    fcnt16: int
    fopts: bytes
    port: int | None
    body: bytes
    mic: bytes
    message: bytes

    def genuine(self, nwk_s_key: bytes, fcnt: int) -> bool:
        return crypto.data_mic(nwk_s_key, crypto.UP, self.dev_addr, fcnt, self.message) == self.mic


def parse_uplink(phy: bytes) -> JoinRequest | DataUp:
    """Takes an uplink apart. Raises FrameError."""
    if not phy or phy[0] & 0x1F:
        raise FrameError("The frame's major version is not LoRaWAN R1: it comes from another network.")
    kind = phy[0] >> 5
    message, mic = phy[:-4], phy[-4:]
    if kind == JOIN_REQUEST and len(phy) == _JOIN_REQUEST_BYTES:
        return JoinRequest(phy[8:0:-1].hex(), phy[16:8:-1].hex(), int.from_bytes(phy[17:19], "little"), mic, message)
    if kind not in (DATA_UP, CONFIRMED_UP) or len(phy) < _SHORTEST_DATA:
        raise FrameError("The frame is no uplink of LoRaWAN 1.0: it comes from another network or was cut.")
    control = phy[5]
    at = 8 + (control & 15)
    if at > len(message):
        raise FrameError("The frame ends within its FOpts: it was cut.")
    return DataUp(
        kind == CONFIRMED_UP, int.from_bytes(phy[1:5], "little"), bool(control & 0x80), bool(control & 0x40), bool(control & 0x20),
        int.from_bytes(phy[6:8], "little"), message[8:at], message[at] if at < len(message) else None, message[at + 1 :], mic, message,
    )


def build_data_down(
    nwk_s_key: bytes, app_s_key: bytes, dev_addr: int, fcnt: int, ack: bool, pending: bool, confirmed: bool, fopts: bytes,
    port: int | None, data: bytes,
) -> bytes:  # fmt: skip
    """A downlink, encrypted and signed; `port` None: no FPort and no data. ADR bit set: the network does adapt the rate."""
    head = bytes([(CONFIRMED_DOWN if confirmed else DATA_DOWN) << 5]) + dev_addr.to_bytes(4, "little")
    head += bytes([0x80 | ack << 5 | pending << 4 | len(fopts)]) + (fcnt & 0xFFFF).to_bytes(2, "little") + fopts
    if port is not None:
        head += bytes([port]) + crypto.crypt(app_s_key if port else nwk_s_key, crypto.DOWN, dev_addr, fcnt, data)
    return head + crypto.data_mic(nwk_s_key, crypto.DOWN, dev_addr, fcnt, head)


def build_join_accept(
    app_key: bytes, join_nonce: int, net_id: int, dev_addr: int, rx1_offset: int, rx2_dr: int, rx_delay_s: int, cf_list: bytes
) -> bytes:
    """A join accept; `cf_list`: 16 bytes or none."""
    body = join_nonce.to_bytes(3, "little") + net_id.to_bytes(3, "little") + dev_addr.to_bytes(4, "little")
    body += bytes([rx1_offset << 4 | rx2_dr, rx_delay_s])
    body += cf_list
    head = bytes([JOIN_ACCEPT << 5])
    return head + crypto.seal_accept(app_key, body + crypto.mic(app_key, head + body))
