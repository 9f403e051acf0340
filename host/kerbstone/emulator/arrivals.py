"""What came out at a broker or a CoAP server, in virtual time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from kerbstone.build.node import MqttTable, NbIotTable, Node
from kerbstone.emulator.tally import Arrival
from kerbstone.listen.coap import CoapListener
from kerbstone.listen.mqtt import MqttListener

Listener = MqttListener | CoapListener

_QUIET_S = 20.0  # real time the broker may take to pass on what it has


@dataclass(frozen=True)
class Outlet:
    """Where a bearer of a node brings its records: host name, topic prefix or first path segment; `modem`: through a cellular one."""

    protocol: Literal["mqtt", "coap"]
    host: str
    path: str
    modem: bool
    tls: bool = False


def outlets(node: Node) -> list[Outlet]:
    """Those of the node's bearers that end at a server which is really there; LoRaWAN's end at the emulated gateway."""
    found = []
    if wifi := node.bearer(MqttTable):
        found.append(Outlet("mqtt", wifi.broker, wifi.prefix, False, wifi.tls != "off"))
    if cellular := node.bearer(NbIotTable):
        found.append(Outlet(cellular.protocol, cellular.host, cellular.path, True))
    return found


def published(events: list[tuple[int, str, str, dict[str, Any]]], name: str, modem: bool = False) -> list[tuple[int, bytes, bool]]:
    """What a node published through its modem, or else: (virtual time in us, payload, marked as a repeat of the protocol)."""
    return [
        (t, bytes.fromhex(f["payload"]), bool(f["dup"]))
        for t, source, kind, f in events
        if source == name and kind == "publish" and f.get("modem", False) == modem
    ]


def match(listener: Listener, device_id: str, published: list[tuple[int, bytes, bool]]) -> list[Arrival]:
    """Gives each message of the subscriber the virtual time at which the node published it."""
    listener.wait_quiet({device_id: len({(p, t) for t, p, _ in published})}, _QUIET_S)
    open_times: dict[bytes, list[tuple[int, bool]]] = {}
    for t_us, payload, dup in published:
        open_times.setdefault(payload, []).append((t_us, dup))
    found = []
    for message in (a for a in listener.arrivals() if a.device == device_id):
        times = open_times.get(message.payload)
        if times:
            t_us, dup = times.pop(0) if len(times) > 1 else times[0]
            found.append(Arrival(t_us, message.payload, redelivered=message.dup or dup))
    return sorted(found, key=lambda a: a.t_us)
