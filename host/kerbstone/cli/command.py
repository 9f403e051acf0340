"""`kerbstone command`: an authenticated command to a device, as bytes for any network server or sent through a broker."""

from __future__ import annotations

import base64
import json
import time
from typing import Annotated

import typer

from kerbstone import downlink, wording
from kerbstone.cli.access import DEFAULT, AsOption, BooksOption, JsonOption, enter
from kerbstone.cli.durations import duration_us
from kerbstone.emulator.identity import mint
from kerbstone.errors import CommandError
from kerbstone.identity import registry
from kerbstone.identity import secrets as secret
from kerbstone.identity.record import Values
from kerbstone.listen.broker import BrokerAddress
from kerbstone.listen.mqtt import MqttListener

_PORT = 20
_HELP = f"One of {', '.join(downlink.KINDS)}."


def command(
    device: Annotated[str, typer.Argument(help="Serial, DevEUI or chip id; with --emulated the node's name.")],
    kind: Annotated[str, typer.Argument(help=_HELP)],
    words: Annotated[list[str] | None, typer.Argument(help="dim: LEVEL or auto; schedule: 22:30=50; else NAME=VALUE")] = None,
    lasts: Annotated[str | None, typer.Option("--for", help="How long: 30m, 2h, 1d. configure: how long the trial may take.")] = None,
    version: Annotated[int | None, typer.Option("--version", help="configure, schedule: the version this makes.")] = None,
    counter: Annotated[int | None, typer.Option(help="Above the last one used; without it the seconds since 1970.")] = None,
    send: Annotated[str | None, typer.Option(help="mqtt://[user:password@]host[:port]: send it there.")] = None,
    prefix: Annotated[str, typer.Option(help="Of the topics.")] = "kerb",
    emulated: Annotated[int | None, typer.Option(help="The device is a node of the emulator with this seed, not of the books.")] = None,
    books: BooksOption = DEFAULT, member: AsOption = "owner", json_out: JsonOption = False,
) -> None:
    """Make a command that only this device accepts, and only once. LoRaWAN: hand the bytes to your network server for any application port.

    Example: kerbstone command KS-00001 dim 40 --for 2h
    """
    us = duration_us(lasts) if lasts else None
    if us is not None and us % 60_000_000:
        raise CommandError(f"{lasts} is not a number of whole minutes: commands count in minutes.")
    content = wording.body(kind, words or [], None if us is None else us // 60_000_000, version) if kind in downlink.KINDS else None
    values = identity_values(device, emulated, books, member)
    name = str(values.get("device_id"))
    if kind == "wipe" and content != name:
        raise CommandError(f"wipe ends {name}: write its device id, {name}, once more behind the command.")
    count = int(time.time()) if counter is None else counter
    message = downlink.seal(values, kind, count, content)
    if send:
        with MqttListener(BrokerAddress.parse(send), prefix) as listener:
            listener.command(name, message)
    facts = {
        "device": name, "command": kind, "counter": count, "bytes": len(message), "hex": message.hex(),
        "base64": base64.b64encode(message).decode(), "port": _PORT, "sent": bool(send),
    }  # fmt: skip
    if json_out:
        typer.echo(json.dumps(facts))
        return
    where = f"sent to {prefix}/{name}/down" if send else f"for LoRaWAN port {_PORT} or any application port"
    typer.echo(f"{message.hex()}\n{facts['base64']}\n{name}: {kind}, counter {count}, {len(message)} bytes, {where}.")


def identity_values(device: str, emulated: int | None, books: str, member: str) -> Values:
    """The identity of a device of the books, or of a node of the emulator with this seed. Raises IdentityError or BooksError."""
    if emulated is not None:
        return {**mint(emulated, device).values()}
    opened = enter(books, member)
    with opened.look() as connection:
        row = registry.find(connection, device)
        return secret.read(connection, opened, row.serial, row.key_version)
