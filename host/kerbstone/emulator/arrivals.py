"""What came out at a broker, in virtual time."""

from __future__ import annotations

from typing import Any

from kerbstone.emulator.tally import Arrival
from kerbstone.listen.mqtt import MqttListener

_QUIET_S = 20.0  # real time the broker may take to pass on what it has


def published(events: list[tuple[int, str, str, dict[str, Any]]], name: str) -> list[tuple[int, bytes, bool]]:
    """What a node published: (virtual time in us, payload, marked as a repeat of the protocol)."""
    return [(t, bytes.fromhex(f["payload"]), bool(f["dup"])) for t, source, kind, f in events if source == name and kind == "publish"]


def match(listener: MqttListener, device_id: str, published: list[tuple[int, bytes, bool]]) -> list[Arrival]:
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
