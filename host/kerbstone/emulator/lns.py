"""Somebody else's LoRaWAN network server: its address, and the devices it has to be told of."""

from __future__ import annotations

import json
import os
import socket
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from kerbstone.build.node import LoRaWanTable, Node
from kerbstone.emulator.air.basics_station import BasicsStation
from kerbstone.emulator.air.gateway import Backhaul
from kerbstone.emulator.air.patience import Patience
from kerbstone.emulator.air.semtech_udp import SemtechUdp
from kerbstone.emulator.identity import mint
from kerbstone.errors import KerbstoneError

_PORT = 1700  # registered with nobody, used by everybody: Lora-net/packet_forwarder global_conf.json
TOKEN_VARIABLE = "KERBSTONE_LNS_AUTHORIZATION"


@dataclass(frozen=True)
class Lns:
    """`address`: IPv4 and port of one that speaks Semtech UDP; or `station`: ws:// or wss:// URL of one that speaks Basics Station.

    `wait_s`: real time it has to answer an uplink; ChirpStack waits 0.2 s for copies.
    """

    address: tuple[str, int] = ("", 0)
    wait_s: float = 0.5
    station: str = ""

    def backhaul(self, patience: Patience) -> Backhaul:
        """The way from one gateway to this server. A server that wants an Authorization header gets what TOKEN_VARIABLE holds."""
        if self.station:
            return BasicsStation(self.station, patience, os.environ.get(TOKEN_VARIABLE, ""))
        return SemtechUdp(self.address, patience)


def parse_lns(text: str) -> Lns:
    """A server from "udp://host[:port]", "ws://host:port" or "wss://host[:port]". Raises KerbstoneError."""
    how = f"write it as udp://host:{_PORT}, or ws://host:port for Basics Station."
    try:
        url = urlsplit(text)
        port = url.port or _PORT
    except ValueError:
        raise KerbstoneError(f"{text} has no valid port: {how}") from None
    if url.scheme not in ("udp", "ws", "wss") or not url.hostname or url.path.strip("/") or url.username or url.query:
        raise KerbstoneError(f"{text} is no address of a network server: {how}")
    try:
        address = socket.gethostbyname(url.hostname)
    except OSError:
        raise KerbstoneError(f"The network server {url.hostname} has no address: check its name.") from None
    return Lns((address, port)) if url.scheme == "udp" else Lns(station=text.rstrip("/"))


def write_devices(path: Path, nodes: list[Node], seed: int) -> None:
    """What the server must know of the LoRaWAN nodes of a run, as JSON that only the owner can read."""
    rows = []
    for node in nodes:
        uplink = node.bearer(LoRaWanTable)
        if uplink:
            who = mint(seed, node.name)
            rows.append(
                {
                    "name": node.name, "region": uplink.region, "dev_eui": who.dev_eui, "join_eui": who.join_eui, "app_key": who.app_key,
                    "lorawan_version": "1.0.4", "class": uplink.device_class,
                }
            )  # fmt: skip
    try:
        path.unlink(missing_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(json.dumps(rows, indent=1) + "\n")
    except OSError as error:
        raise KerbstoneError(f"{path} cannot be written: {error.strerror}.") from error
