"""`kerbstone listen`: what real or emulated devices send, decoded as it comes."""

from __future__ import annotations

import json
import queue
import time
from datetime import UTC, datetime
from typing import Annotated
from urllib.parse import urlsplit

import typer

from kerbstone.cli.decode import ANY
from kerbstone.cli.durations import duration_us
from kerbstone.codec import Decoded, Profile, decode_any, load_profile, profile_names
from kerbstone.errors import CoapError, CodecError
from kerbstone.listen.broker import BrokerAddress
from kerbstone.listen.coap import CoapListener
from kerbstone.listen.mqtt import Arrival, MqttListener

_LOOK_S = 0.2


def command(
    address: Annotated[str, typer.Argument(help="coap://HOST[:PORT] to be the server, or mqtt://[USER:PASSWORD@]HOST[:PORT].")],
    profile: Annotated[str, typer.Option(help="Profile: parking, bins, air, light, the path of one or of a node file, or `any`.")] = ANY,
    path: Annotated[str | None, typer.Option(help="First part of URI or topic; k for CoAP, kerb for MQTT unless given.")] = None,
    duration: Annotated[str | None, typer.Option("--for", help="Stop after so long: 30s, 10m. Until Ctrl-C unless given.")] = None,
    json_out: Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")] = False,
) -> None:
    """Listen to what devices send and decode it.

    Example: kerbstone listen coap://0.0.0.0:5683 --profile bins
    """
    names = profile_names() if profile == ANY else [profile, "node"]
    profiles = [load_profile(name) for name in names]
    until = time.monotonic() + duration_us(duration) / 1e6 if duration else float("inf")
    arrivals: queue.SimpleQueue[Arrival] = queue.SimpleQueue()
    with _listener(address, path, arrivals):
        typer.echo("listening", err=True)
        while (left := until - time.monotonic()) > 0:
            try:
                arrival = arrivals.get(timeout=min(left, _LOOK_S))
            except queue.Empty:
                continue
            typer.echo(line(arrival, profiles, json_out))


def _listener(address: str, path: str | None, arrivals: queue.SimpleQueue[Arrival]) -> CoapListener | MqttListener:
    if not address.startswith("coap"):
        return MqttListener(BrokerAddress.parse(address), path or "kerb", arrivals.put)
    return CoapListener(*coap_address(address), (path or "k",), arrivals.put)


def coap_address(address: str) -> tuple[str, int]:
    """Host and port to listen at. Raises CoapError for what is no such address."""
    parts = urlsplit(address)
    try:
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if parts.scheme != "coap" or not host or parts.path.strip("/") or parts.username:
        raise CoapError(f"{address} is no address to listen at: write coap://0.0.0.0:5683; the path is an option.")
    return host, 5683 if port is None else port


def line(arrival: Arrival, profiles: list[Profile], as_json: bool) -> str:
    """One arrival as one line; a payload nobody can decode stands there in hex, with the reason."""
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    decoded: Decoded | None = None
    reason = ""
    try:
        decoded = decode_any(profiles, arrival.payload)
    except CodecError as error:
        reason = str(error)
    if as_json:
        told = {"profile": decoded.profile, "record": decoded.record, "data": decoded.data()} if decoded else {"error": reason}
        return json.dumps({"at": now, "device": arrival.device, "payload": arrival.payload.hex(), **told})
    if decoded is None:
        return f"{now} {arrival.device} {arrival.payload.hex()}: {reason}"
    values = ", ".join(f"{name} {_shown(value)} {decoded.units.get(name, '')}".rstrip() for name, value in decoded.values.items())
    return f"{now} {arrival.device} {decoded.profile} {decoded.record}{' (repeat)' if decoded.repeat else ''}: {values}"


def _shown(value: object) -> str:
    if value is None:
        return "missing"
    return ", ".join(map(str, value)) or "none" if isinstance(value, list) else str(value)
