"""Somebody else's LoRaWAN network server: its address, and the devices it has to be told of."""

from __future__ import annotations

import json
import os
import socket
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from kerbstone.build.node import LoRaWanTable, Node
from kerbstone.emulator.identity import mint
from kerbstone.errors import KerbstoneError

_PORT = 1700  # registered with nobody, used by everybody: Lora-net/packet_forwarder global_conf.json


@dataclass(frozen=True)
class Lns:
    """`address`: IPv4 and port. `wait_s`: real time it has to answer an uplink after PUSH_ACK; ChirpStack waits 0.2 s for copies."""

    address: tuple[str, int]
    wait_s: float = 0.5


def parse_lns(text: str) -> Lns:
    """A server from "udp://host[:port]". Raises KerbstoneError."""
    try:
        url = urlsplit(text)
        port = url.port or _PORT
    except ValueError:
        raise KerbstoneError(f"{text} has no valid port: write it as udp://host:{_PORT}.") from None
    if url.scheme != "udp" or not url.hostname or url.path.strip("/"):
        raise KerbstoneError(f"{text} is no address of a network server: write it as udp://host:{_PORT}.")
    try:
        return Lns((socket.gethostbyname(url.hostname), port))
    except OSError:
        raise KerbstoneError(f"The network server {url.hostname} has no address: check its name.") from None


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
                    "lorawan_version": "1.0.4", "class": "A",
                }
            )  # fmt: skip
    try:
        path.unlink(missing_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(json.dumps(rows, indent=1) + "\n")
    except OSError as error:
        raise KerbstoneError(f"{path} cannot be written: {error.strerror}.") from error
