"""`kerbstone health`: what nodes say of themselves, in words; crashes against the source, the security log against its chain."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from kerbstone import chainlog, downlink, healthview, selfview
from kerbstone.cli.access import DEFAULT, AsOption, BooksOption, JsonOption
from kerbstone.cli.command import identity_values
from kerbstone.cli.decode import table
from kerbstone.codec import decode_any, load_profile
from kerbstone.codec.decode import Decoded
from kerbstone.errors import CodecError, KerbstoneError

_PROFILES = ("answer", "health", "crash", "update", "log")
_NAMED = ("no_key", "bad_value")


def command(
    payload: Annotated[list[str] | None, typer.Argument(help="Messages of a node in hex: answers, health, crashes, its log.")] = None,
    fleet: Annotated[Path | None, typer.Option("--fleet", help="What `kerbstone listen --json` printed: a line a device.")] = None,
    source: Annotated[list[Path] | None, typer.Option(help="Folder of your own node: its drivers/ and apps/ are shown too.")] = None,
    sent: Annotated[str | None, typer.Option("--sent", help="The command that was answered, in hex: names what was refused.")] = None,
    log: Annotated[Path | None, typer.Option("--log", help="A security log: a node's file /state/seclog, or what --save wrote.")] = None,
    save: Annotated[Path | None, typer.Option("--save", help="Keep the security log in the messages in this file.")] = None,
    since: Annotated[Path | None, typer.Option("--since", help="An older log of this device: the new one must go on from it.")] = None,
    device: Annotated[str | None, typer.Option("--device", help="Whose log it is: its code is checked with the device's key.")] = None,
    emulated: Annotated[int | None, typer.Option(help="The device is a node of the emulator with this seed, not of the books.")] = None,
    books: BooksOption = DEFAULT, member: AsOption = "owner", json_out: JsonOption = False,
) -> None:
    """Show what nodes say of themselves: health, answers to commands, crashes with their lines of source, the checked security log.

    Example: kerbstone health a002010cea4044675201b151f08a8a8f8444
    """
    if not payload and not log and not fleet:
        raise KerbstoneError("Nothing to show: give messages in hex, --log with a security log, or --fleet with a recording.")
    devices = healthview.read(fleet) if fleet else []
    told = [_one(text, source or [], sent) for text in payload or []]
    raw = _read(log) if log else _joined([decoded for decoded, _ in told])
    if (save or since or device) and not raw:
        raise KerbstoneError("There is no security log here: give its messages in hex, or --log with the file.")
    entries = selfview.security_log(raw) if raw else []
    unseen = chainlog.check_against(raw, _read(since)) if since else 0
    for decoded, _ in told:
        if raw and decoded.profile == "health":
            chainlog.check_report(raw, decoded.values)
    if device:
        chainlog.check_code(raw, identity_values(device, emulated, books, member))
    if save:
        _write(save, raw)
    if json_out:
        rows = [{"profile": d.profile, **d.data(), "about": about} for d, about in told]
        chain = [dict(zip(("number", "mono_s", "word", "often"), entry, strict=True)) for entry in entries]
        typer.echo(json.dumps({"messages": rows, "log": chain, "unseen": unseen, "devices": [_device(found) for found in devices]}))
        return
    if fleet:
        _show(devices)
    _print(told)
    for number, mono, word, often in entries:
        typer.echo(f"{number:6} {mono:10} s  {word}{f' x {often}' if often > 1 else ''}")
    if raw:
        by_whom = f", and {device} wrote it" if device else ""
        between = f"; {unseen} entries before them were never seen" if unseen else ""
        typer.echo(f"The chain of the security log holds: {len(entries)} entries{by_whom}{between}.")


def _print(told: Sequence[tuple[Decoded, list[str]]]) -> None:
    for decoded, about in told:
        if decoded.profile != "log":
            Console().print(table(decoded))
        for line in about:
            typer.echo(f"  {line}")


def _joined(told: Sequence[Decoded]) -> bytes:
    """The security log in the messages; b"" without one."""
    pieces: list[Mapping[str, Any]] = [decoded.values for decoded in told if decoded.profile == "log"]
    return chainlog.join(pieces) if pieces else b""


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
        raise KerbstoneError(f"{path} cannot be read ({error.strerror}): give /state/seclog of the node, or what --save wrote.") from None


def _write(path: Path, raw: bytes) -> None:
    try:
        path.write_bytes(raw)
    except OSError as error:
        raise KerbstoneError(f"{path} cannot be written ({error.strerror}): name another file with --save.") from None


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
