"""`kerbstone update install | send`: a bundle to one device, through a cable, over MQTT or CoAP."""

from __future__ import annotations

import json
import queue
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from kerbstone.cli.access import JsonOption
from kerbstone.cli.durations import duration_us
from kerbstone.cli.listen import coap_address
from kerbstone.errors import UpdateError
from kerbstone.listen.broker import BrokerAddress
from kerbstone.listen.coap import CoapListener
from kerbstone.update import bundle
from kerbstone.update.carry import Carrier
from kerbstone.update.carry.coap import Shelf
from kerbstone.update.carry.mqtt import MqttCarrier
from kerbstone.update.carry.reports import RECEIVING, Report
from kerbstone.update.carry.serial import install as install_by_cable

BundleArgument = Annotated[Path, typer.Argument(help="A bundle, as `kerbstone update sign` writes it.")]
_LOOK_S = 0.2


def register(app: typer.Typer) -> None:
    """Adds the verbs to `kerbstone update`."""
    app.command()(install)
    app.command()(send)


def read(file: Path) -> bytes:
    """A bundle from a file. Raises UpdateError when it is none."""
    try:
        data = file.read_bytes()
    except OSError as error:
        raise UpdateError(f"{file} cannot be read: {error.strerror}.") from error
    if data[:4] != bundle.MAGIC:
        raise UpdateError(f"{file} is not a bundle: `kerbstone update sign` writes one.")
    return data


def install(
    file: BundleArgument,
    port: Annotated[str, typer.Option("--port", help="Serial port of the device.")],
    patience: Annotated[str, typer.Option(help="How long to knock; press the device's reset meanwhile.")] = "30s",
    json_out: JsonOption = False,
) -> None:
    """Bring a bundle to a device through its cable; it installs it at once if it trusts its signature. An interrupted one goes on.

    Example: kerbstone update install bin-2.kup --port /dev/ttyUSB0
    """
    data = read(file)
    typer.echo(f"Knocking at {port}: reset the device now, or plug it in.", err=True)
    bars = Progress(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), console=Console(stderr=True), transient=True)
    with bars:
        bar = bars.add_task(f"{file.name} to {port}", total=None)
        install_by_cable(port, data, lambda done, of: bars.update(bar, completed=done, total=of), duration_us(patience) / 1e6)
    shown = {"bundle": str(file), "bytes": len(data), "port": port}
    typer.echo(json.dumps(shown) if json_out else f"{file}: {len(data)} bytes are on the device at {port}, which starts anew with them.")


def send(
    file: BundleArgument,
    device: Annotated[str, typer.Argument(help="Id of the device.")],
    via: Annotated[str, typer.Option("--via", help="mqtt://[USER:PASSWORD@]HOST[:PORT], or coap://HOST[:PORT] to be the server.")],
    path: Annotated[str | None, typer.Option(help="First part of topic or URI; kerb for MQTT, k for CoAP unless given.")] = None,
    duration: Annotated[str | None, typer.Option("--for", help="Give up after so long: 30s, 2h.")] = None,
    json_out: Annotated[bool, typer.Option("--json", help="Print one JSON object for each report.")] = False,
) -> None:
    """Send a bundle to one device and follow it until the device says what became of it; start it again and it goes on.

    Example: kerbstone update send bin-2.kup bin-0a1b2c --via mqtt://broker.example.org
    """
    data = read(file)
    told: queue.SimpleQueue[Report] = queue.SimpleQueue()
    until = time.monotonic() + duration_us(duration) / 1e6 if duration else float("inf")
    with ExitStack() as stack:
        carrier = _carrier(via, path, device, told, stack)
        carrier.begin(device, data)
        while (left := until - time.monotonic()) > 0:
            try:
                report = told.get(timeout=min(left, _LOOK_S))
            except queue.Empty:
                continue
            typer.echo(line(device, report, json_out))
            if report.state != RECEIVING:
                return
    raise UpdateError(f"{device} has not said what became of {file} within {duration}: run this again, it goes on where it was.")


def line(device: str, report: Report, json_out: bool) -> str:
    """A report for a person or a machine."""
    if json_out:
        return json.dumps({"device": device, **{k: v for k, v in vars(report).items() if v is not None}})
    count = f", {report.had} of {report.wanted} fragments" if report.wanted else ""
    number = f" {report.sequence}" if report.sequence is not None else ""
    why = f": {report.reason}" if report.reason != "none" else ""
    return f"{device} {report.state}{number}{why}{count}"


def _carrier(via: str, path: str | None, device: str, told: queue.SimpleQueue[Report], stack: ExitStack) -> Carrier:
    def of_device(who: str, report: Report) -> None:
        if who == device:
            told.put(report)

    if not via.startswith("coap"):
        return stack.enter_context(MqttCarrier(BrokerAddress.parse(via), path or "kerb", of_device))
    shelf = Shelf(of_device)
    listener = CoapListener(*coap_address(via), (path or "k",))
    listener.shelf = shelf
    stack.enter_context(listener)
    return shelf
