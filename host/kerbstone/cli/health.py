"""`kerbstone health`: what a node says of itself, in words; crashes against the source, the security log against its chain."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from kerbstone import downlink, healthview, selfview
from kerbstone.cli.decode import table
from kerbstone.codec import decode_any, load_profile
from kerbstone.codec.decode import Decoded
from kerbstone.errors import CodecError, KerbstoneError

_PROFILES = ("answer", "health", "crash")
_NAMED = ("no_key", "bad_value")


def command(
    payload: Annotated[list[str] | None, typer.Argument(help="Messages of a node in hex: answers, health, crashes.")] = None,
    source: Annotated[list[Path] | None, typer.Option(help="Folder of your own node: its drivers/ and apps/ are shown too.")] = None,
    sent: Annotated[str | None, typer.Option("--sent", help="The command that was answered, in hex: names what was refused.")] = None,
    log: Annotated[Path | None, typer.Option("--log", help="A node's file /state/seclog: checks the chain and shows the entries.")] = None,
    fleet: Annotated[Path | None, typer.Option("--fleet", help="What `kerbstone listen --json` printed: a line a device.")] = None,
    json_out: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show what a node says of itself: health, answers to commands, and crashes with the lines of source they came from.

    Example: kerbstone health a002010cea4044675201b151f08a8a8f8444
    """
    if not payload and not log and not fleet:
        raise KerbstoneError("Nothing to show: give messages in hex, --log with a node's file /state/seclog, or --fleet with a recording.")
    devices = healthview.read(fleet) if fleet else []
    told = [_one(text, source or [], sent) for text in payload or []]
    entries = selfview.security_log(_read(log)) if log else []
    if json_out:
        rows = [{"profile": d.profile, **d.data(), "about": about} for d, about in told]
        chain = [dict(zip(("number", "mono_s", "word", "often"), entry, strict=True)) for entry in entries]
        typer.echo(json.dumps({"messages": rows, "log": chain, "devices": [_device(device) for device in devices]}))
        return
    if fleet:
        _show(devices)
    for decoded, about in told:
        Console().print(table(decoded))
        for line in about:
            typer.echo(f"  {line}")
    for number, mono, word, often in entries:
        typer.echo(f"{number:6} {mono:10} s  {word}{f' x {often}' if often > 1 else ''}")
    if log:
        typer.echo(f"The chain of {log} holds: {len(entries)} entries.")


def _device(device: healthview.Device) -> dict[str, Any]:
    reports = [{"at": at, **values} for at, values in device.reports]
    return {"device": device.name, "concerns": device.concerns(), "reports": reports}


def _show(devices: list[healthview.Device]) -> None:
    if not devices:
        typer.echo("No device has reported its health: [health] period_h in the node file says how often.")
        return
    lines = [healthview.rows(device) for device in devices]
    shown = Table(*lines[0], title=f"{len(devices)} devices")
    for line in lines:
        shown.add_row(*map(escape, line.values()))
    Console().print(shown)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise KerbstoneError(f"{path} cannot be read ({error.strerror}): give the node's file /state/seclog.") from None


def _one(text: str, folders: list[Path], sent: str | None) -> tuple[Decoded, list[str]]:
    decoded = decode_any(map(load_profile, _PROFILES), text)
    values: dict[str, Any] = decoded.values
    about: list[str] = []
    if decoded.profile == "crash":
        about = selfview.crash_lines(values, folders)
    elif decoded.profile == "answer" and sent and values["result"] in _NAMED:
        try:
            name = downlink.refused_name(bytes.fromhex(sent), int(values["detail"] or 0))
        except ValueError:
            raise CodecError("--sent is not hexadecimal: give what `kerbstone command` printed.") from None
        about = [f"refused: {name}"] if name else []
    return decoded, about
