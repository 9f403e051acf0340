"""Messages between a Basics Station gateway and its network server (LNS protocol of lorabasics/basicstation): encode and parse.

Numbers of four bytes are signed there, EUIs are written as eight hex bytes with dashes, byte strings as capital hex.
"""

from __future__ import annotations

import struct
from typing import Any

_JOIN_REQUEST, _PROPRIETARY = 0, 7
_JOIN_REQUEST_BYTES = 23
_SHORTEST_DATA = 12
_DATA = (2, 3, 4, 5)  # data up and down, confirmed or not
ANY_EUI = "01-01-01-01-01-01-01-01"  # a gateway only writes DevEui into its log; servers that lack it send this
CLASS_CODES = {"A": 0, "B": 1, "C": 2}


class StationError(ValueError):
    """A frame or a message that the LNS protocol does not allow."""


def _dashed(data: bytes) -> str:
    return "-".join(f"{byte:02X}" for byte in data)


def parse_frame(phy: bytes) -> dict[str, Any]:
    """The JSON object a gateway sends for a frame it heard. Raises StationError where it would keep silent."""
    if not phy or (phy[0] & 3 and phy[0] >> 5 != _PROPRIETARY):
        raise StationError("The frame is empty or its major version is not LoRaWAN R1.")
    kind = phy[0] >> 5
    if kind == _PROPRIETARY:
        return {"msgtype": "propdf", "FRMPayload": phy.hex().upper()}
    if kind == _JOIN_REQUEST and len(phy) == _JOIN_REQUEST_BYTES:
        nonce, mic = struct.unpack("<Hi", phy[17:])
        return {
            "msgtype": "jreq", "MHdr": phy[0], "JoinEui": _dashed(phy[8:0:-1]), "DevEui": _dashed(phy[16:8:-1]), "DevNonce": nonce,
            "MIC": mic,
        }  # fmt: skip
    if kind not in _DATA or len(phy) < _SHORTEST_DATA:
        raise StationError("The frame is no join request and no data frame, or it was cut.")
    address, control, fcnt = struct.unpack_from("<iBH", phy, 1)
    at, end = 8 + (control & 15), len(phy) - 4
    if at > end:
        raise StationError("The frame ends within its FOpts.")
    return {
        "msgtype": "updf" if kind in (2, 4) else "dndf", "MHdr": phy[0], "DevAddr": address, "FCtrl": control, "FCnt": fcnt,
        "FOpts": phy[8:at].hex().upper(), "FPort": phy[at] if at < end else -1, "FRMPayload": phy[at + 1 : end].hex().upper(),
        "MIC": struct.unpack_from("<i", phy, end)[0],
    }  # fmt: skip


def eui(text: str) -> bytes:
    """Eight bytes of an EUI, most significant first: dashes, colons, plain hex, or the shortened form "f::1" (ID6). Raises StationError."""
    plain = text.replace("-", "").replace(":", "")
    head, gap, tail = text.partition("::")
    left, right = (head.split(":") if head else []), (tail.split(":") if tail else [])
    try:
        if len(plain) == 16 and not gap:
            return bytes.fromhex(plain)
        missing = 4 - len(left) - len(right)
        if missing < 0 or (missing > 0 and not gap):
            raise ValueError
        return struct.pack(">4H", *(int(word, 16) for word in [*left, *["0"] * missing, *right]))
    except (ValueError, struct.error) as error:
        raise StationError(f"{text!r} is no EUI: write 01-23-45-67-89-AB-CD-EF, hex, or an ID6 such as f::1.") from error


def id6(data: bytes) -> str:
    """The shortened form of an EUI of eight bytes."""
    words = [int.from_bytes(data[i : i + 2], "big") for i in range(0, 8, 2)]
    runs = [(j - i, i, j) for i in range(4) for j in range(i + 1, 5) if not any(words[i:j])]
    if not runs:
        return ":".join(f"{w:x}" for w in words)
    _, i, j = max(runs, key=lambda run: (run[0], -run[1]))
    return ":".join(f"{w:x}" for w in words[:i]) + "::" + ":".join(f"{w:x}" for w in words[j:])


def build_frame(message: dict[str, Any]) -> bytes:
    """The PHYPayload of a `jreq`, `updf` or `propdf` object; the kind is told by its keys. Raises StationError."""
    try:
        if "DevNonce" in message:
            head = bytes([message["MHdr"]]) + eui(message["JoinEui"])[::-1] + eui(message["DevEui"])[::-1]
            return head + struct.pack("<Hi", message["DevNonce"], message["MIC"])
        if "DevAddr" not in message:
            return bytes.fromhex(message["FRMPayload"])
        fopts, port = bytes.fromhex(message["FOpts"]), message["FPort"]
        phy = struct.pack("<BiBH", message["MHdr"], message["DevAddr"], message["FCtrl"], message["FCnt"]) + fopts
        if port >= 0:
            phy += bytes([port]) + bytes.fromhex(message["FRMPayload"])
        return phy + struct.pack("<i", message["MIC"])
    except (KeyError, TypeError, ValueError, struct.error) as error:
        raise StationError(f"The message lacks a field or one is out of range ({error}).") from error


def channels(config: dict[str, Any]) -> list[tuple[int, int]]:
    """(Hz, width) of every LoRa channel that a `router_config` switches on. Raises KeyError for one without its radio's frequency."""
    found = []
    for board in config.get("sx1301_conf") or config.get("sx1302_conf") or []:
        for name, channel in board.items():
            if name.startswith(("chan_multiSF_", "chan_Lora_std")) and channel.get("enable"):
                centre = board[f"radio_{channel['radio']}"]["freq"]
                found.append((int(centre + channel["if"]), int(channel.get("bandwidth", 125_000))))
    return found


def downlink(
    device_class: str, diid: int, pdu: bytes, rctx: int, xtime: int, rx_delay_s: int | None = None,
    rx1: tuple[int, int] | None = None, rx2: tuple[int, int] | None = None, dev_eui: str = ANY_EUI, priority: int = 1,
    ping: tuple[int, int, int] | None = None,
) -> dict[str, Any]:
    """A `dnmsg`; `rx1` and `rx2` are (DR, Hz), `rctx` and `xtime` those of the uplink it answers.

    Class A has `rx_delay_s` with `rx1`, `rx2` or both; class B `ping` (DR, Hz, GPS time in us); class C `rx2`.
    """
    message: dict[str, Any] = {
        "msgtype": "dnmsg", "DevEui": dev_eui, "dC": CLASS_CODES[device_class], "diid": diid, "priority": priority, "pdu": pdu.hex(),
        "rctx": rctx, "xtime": xtime,
    }  # fmt: skip
    if rx_delay_s is not None:
        message["RxDelay"] = rx_delay_s
    for name, window in (("RX1", rx1), ("RX2", rx2)):
        if window:
            message[f"{name}DR"], message[f"{name}Freq"] = window
    if ping:
        message["DR"], message["Freq"], message["gpstime"] = ping
    return message
