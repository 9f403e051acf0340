"""Downlinks that a run is asked to send through the bench network server."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from kerbstone.build.node import LoRaWanTable, Node
from kerbstone.errors import KerbstoneError

_HOW = "write NODE:at=2h,port=10,data=0142, and confirmed=yes if it must be acknowledged"
_LARGEST = 242  # bytes of the fastest rates


@dataclass(frozen=True)
class DownlinkOrder:
    """Picklable."""

    node: str
    at_us: int
    port: int
    data: bytes
    confirmed: bool = False


def read_downlink(text: str, duration_us: Callable[[str], int]) -> DownlinkOrder:
    """An order from "NODE:at=...,port=...,data=HEX[,confirmed=yes]". Raises KerbstoneError."""
    node, _, rest = text.partition(":")
    given = dict(word.partition("=")[::2] for word in rest.split(",") if word)
    if not node or not {"port", "data"} <= given.keys() <= {"at", "port", "data", "confirmed"}:
        raise KerbstoneError(f"{text!r} is no downlink: {_HOW}.")
    try:
        port, data = int(given["port"]), bytes.fromhex(given["data"])
    except ValueError:
        raise KerbstoneError(f"{text!r} is no downlink, its port must be a number and its data hex: {_HOW}.") from None
    if not 1 <= port <= 223 or len(data) > _LARGEST or given.get("confirmed", "no") not in ("yes", "no"):
        raise KerbstoneError(f"{text!r} is no downlink, ports go from 1 to 223 and data to {_LARGEST} bytes: {_HOW}.")
    return DownlinkOrder(node, duration_us(given["at"]) if "at" in given else 0, port, data, given.get("confirmed") == "yes")


def check_downlinks(orders: Sequence[DownlinkOrder], nodes: Sequence[Node], own_server: bool) -> None:
    """Raises KerbstoneError for one that nobody could get."""
    known = {node.name for node in nodes if node.bearer(LoRaWanTable)}
    for order in orders:
        if not own_server:
            raise KerbstoneError("With --lns the network server is not ours: have it send the downlink itself.")
        if order.node not in known:
            raise KerbstoneError(f"No LoRaWAN node of this run is called {order.node!r}: take one of {', '.join(sorted(known)) or 'none'}.")
