"""`kerbstone identity`: from a plan to a device that has proven its keys, and after."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from kerbstone.build.board import load_board
from kerbstone.build.node import load_node
from kerbstone.cli import identity_export
from kerbstone.cli.access import DEFAULT, AsOption, BooksOption, JsonOption, enter
from kerbstone.identity import batchfile, eui, importing, registry, site, writing

_FILE_WIDTH = 130  # columns when the output goes to a file or a pipe

app = typer.Typer(no_args_is_help=True, help="Identities: planned, minted, written to boards, proven, accounted for.")
Device = Annotated[str, typer.Argument(help="Serial, DevEUI or chip id.")]
Port = Annotated[str, typer.Option("--port", help="The board's serial port.")]
Drive = Annotated[Path | None, typer.Option("--drive", help="RP2040: the folder its boot loader's drive appears at.")]
Board = Annotated[str, typer.Option("--board", help="The board's name, as in boards/<name>.toml.")]
Site = Annotated[Path | None, typer.Option("--site", help="TOML file with what all devices of the site share: Wi-Fi, CA.")]
Station = Annotated[str | None, typer.Option("--station", help="The member who will write these keys.")]


@contextmanager
def _progress(text: str, quiet: bool) -> Iterator[Any]:
    with Progress(console=Console(stderr=True), disable=quiet or not Console(stderr=True).is_terminal) as bar:
        task = bar.add_task(text, total=None)
        yield lambda done, total=None: bar.update(task, completed=done, total=total)


def _say(json_out: bool, facts: dict[str, Any], sentence: str) -> None:
    typer.echo(json.dumps(facts) if json_out else sentence)


@app.command()
def block(
    prefix: Annotated[str, typer.Argument(help="First hexadecimal digits of the EUI-64s: 6 (MA-L), 7 (MA-M), 9 (MA-S), or up to 14.")],
    first: Annotated[int, typer.Option(min=0, help="The first number to give.")] = 0,
    local: Annotated[bool, typer.Option("--local", help="It is locally administered: for trials, never in production.")] = False,
    books: BooksOption = DEFAULT, member: AsOption = "owner", json_out: JsonOption = False,
) -> None:
    """Enter a block of EUI-64s you own.

    Example: kerbstone identity block 70b3d57ed
    """
    parsed = eui.parse_block(prefix, local)
    with enter(books, member).change("block") as change:
        eui.add_block(change.connection, parsed, first)
        change.note("block", parsed.prefix, local=parsed.local)
    room = parsed.size - first
    _say(json_out, {"block": parsed.prefix, "devices": room}, f"Block {parsed.prefix}: room for {room} devices.")


@app.command()
def plan(
    batch: Annotated[str, typer.Argument(help="Name of the batch.")],
    node: Annotated[str, typer.Option(help="Node file or ready-made node the devices will run.")],
    join_eui: Annotated[str, typer.Option(help="JoinEUI of your join server.")],
    file: Annotated[Path | None, typer.Option("--file", help="CSV with a column serial; others (lat, lon, bay) say where.")] = None,
    count: Annotated[int, typer.Option(help="Without a file: how many.")] = 0,
    prefix: Annotated[str, typer.Option(help="Without a file: serials are PREFIX-00001 and so on.")] = "KS",
    first: Annotated[int, typer.Option(min=0, help="Without a file: the first number.")] = 1,
    production: Annotated[bool, typer.Option("--production/--trial", help="A trial may have locally administered EUIs.")] = True,
    books: BooksOption = DEFAULT, member: AsOption = "owner", json_out: JsonOption = False,
) -> None:
    """Enter devices and give each its DevEUI; all of them or none.

    Example: kerbstone identity plan spring --node parking --join-eui 70B3D57ED0000010 --count 500
    """
    load_node(node)
    serials = batchfile.read(file) if file else batchfile.serials_of(prefix, first, count)
    euis = registry.plan(enter(books, member), registry.Plan(batch, node, join_eui, production, serials))
    facts = {"batch": batch, "devices": len(euis), "first": euis[0], "last": euis[-1]}
    _say(json_out, facts, f"Batch {batch}: {len(euis)} devices, DevEUI {euis[0]} to {euis[-1]}.")


@app.command()
def mint(
    batch: Annotated[str, typer.Argument(help="Name of the batch.")],
    station: Station = None, site_file: Site = None,
    books: BooksOption = DEFAULT, member: AsOption = "owner", json_out: JsonOption = False,
) -> None:
    """Make the keys of every planned device of a batch; interrupted, run it again.

    Example: kerbstone identity mint spring --station bench-1
    """
    opened = enter(books, member)
    with _progress("minting", json_out) as tell:
        made = registry.mint(opened, batch, station, site.read(site_file), tell)
    _say(json_out, {"batch": batch, "minted": made}, f"Batch {batch}: {made} identities minted.")


@app.command()
def write(
    port: Port, board: Board, drive: Drive = None,
    batch: Annotated[str | None, typer.Option(help="Take new identities from this batch.")] = None,
    books: BooksOption = DEFAULT, member: AsOption = "owner", json_out: JsonOption = False,
) -> None:
    """Give the board on a port its identity, twice, and let it prove it. The same chip always gets the same one.

    Example: kerbstone identity write --port /dev/ttyUSB0 --board heltec_wifi_lora_32_v3 --batch spring
    """
    place = writing.Place(port, load_board(board), drive)
    done = writing.write(enter(books, member), place, batch)
    _say(json_out, vars(done), f"{port}: {done.serial}, DevEUI {done.dev_eui}, chip {done.chip_id}: {done.state}.")


@app.command()
def prove(
    port: Port, board: Board, books: BooksOption = DEFAULT, member: AsOption = "owner", json_out: JsonOption = False
) -> None:
    """Let the board on a port prove every value of its identity against the books.

    Example: kerbstone identity prove --port /dev/ttyUSB0 --board heltec_wifi_lora_32_v3
    """
    done = writing.prove(enter(books, member), writing.Place(port, load_board(board)))
    _say(json_out, vars(done), f"{port}: {done.serial} proves every value of its identity; it is {done.state}.")


@app.command("list")
def list_devices(
    batch: Annotated[str | None, typer.Option(help="Only this batch.")] = None,
    state: Annotated[list[str] | None, typer.Option(help="Only devices in this state; may be repeated.")] = None,
    books: BooksOption = DEFAULT, member: AsOption = "owner", json_out: JsonOption = False,
) -> None:
    """List devices. Never a secret.

    Example: kerbstone identity list --batch spring --state minted
    """
    with enter(books, member).look() as connection:
        rows = registry.listing(connection, batch, state or ())
    if json_out:
        typer.echo(json.dumps([_public(row) for row in rows], indent=1))
        return
    table = Table("serial", "DevEUI", "state", "chip", "batch", "keys", "changed")
    for row in rows:
        table.add_row(row.serial, row.dev_eui, row.state, row.chip_id or "", row.batch, str(row.key_version), row.changed)
    console = Console()
    (console if console.is_terminal else Console(width=_FILE_WIDTH)).print(table)
    typer.echo(f"{len(rows)} devices.")


@app.command()
def show(name: Device, books: BooksOption = DEFAULT, member: AsOption = "owner", json_out: JsonOption = False) -> None:
    """Show what the books have of a device. Never a secret.

    Example: kerbstone identity show KS-00001
    """
    with enter(books, member).look() as connection:
        facts = _public(registry.find(connection, name))
    if json_out:
        typer.echo(json.dumps(facts, indent=1))
        return
    for key, value in facts.items():
        typer.echo(f"{key:12} {value if value is not None else ''}")


def _public(row: Any) -> dict[str, Any]:
    names = ("serial", "dev_eui", "join_eui", "state", "chip_id", "batch", "key_version", "certificate", "place", "changed")
    return {name: getattr(row, name) for name in names}


@app.command()
def rotate(
    name: Device, station: Station = None, site_file: Site = None,
    books: BooksOption = DEFAULT, member: AsOption = "owner", json_out: JsonOption = False,
) -> None:
    """Make new keys for a device; `write` puts them onto its board.

    Example: kerbstone identity rotate KS-00001
    """
    registry.rotate(enter(books, member), name, station, site.read(site_file))
    _say(json_out, {"device": name, "state": "rotated"}, f"{name} has new keys: write them to its board, and export them again.")


@app.command()
def revoke(
    name: Device, reason: Annotated[str, typer.Option(help="Why; it stands in the log.")],
    books: BooksOption = DEFAULT, member: AsOption = "owner", json_out: JsonOption = False,
) -> None:
    """Trust a device no longer: it is not exported, and its chip gets no other identity.

    Example: kerbstone identity revoke KS-00001 --reason "stolen from Main Street"
    """
    registry.revoke(enter(books, member), name, reason)
    _say(json_out, {"device": name, "state": registry.REVOKED}, f"{name} is revoked: remove it from the network server and the broker.")


@app.command()
def retire(name: Device, books: BooksOption = DEFAULT, member: AsOption = "owner", json_out: JsonOption = False) -> None:
    """Take a device out of service and destroy its keys in the books; EUI and chip are never used again.

    Example: kerbstone identity retire KS-00001
    """
    registry.retire(enter(books, member), name)
    _say(json_out, {"device": name, "state": registry.RETIRED}, f"{name} is retired and its keys are destroyed.")


@app.command("import")
def import_devices(
    file: Annotated[Path, typer.Argument(help="CSV of ours or The Things Stack's, or its JSON.")],
    batch: Annotated[str, typer.Option(help="Name of the batch they make.")],
    node: Annotated[str, typer.Option(help="Node file or ready-made node they run.")],
    books: BooksOption = DEFAULT, member: AsOption = "owner", json_out: JsonOption = False,
) -> None:
    """Enter devices that have keys already; all of them or none.

    Example: kerbstone identity import old.csv --batch before-2026 --node parking
    """
    load_node(node)
    count = importing.enter(enter(books, member), batch, node, importing.read(file))
    _say(json_out, {"batch": batch, "imported": count}, f"Batch {batch}: {count} devices imported.")


app.command("export")(identity_export.command)
app.command("labels")(identity_export.labels)
