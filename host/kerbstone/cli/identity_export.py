"""`kerbstone identity export` and `kerbstone identity labels`."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress
from sqlalchemy import select

from kerbstone.books.tables import batches
from kerbstone.cli.access import DEFAULT, AsOption, BooksOption, JsonOption, enter
from kerbstone.errors import IdentityError
from kerbstone.identity import labels as printing
from kerbstone.identity import registry
from kerbstone.identity.export.forms import FORMS, Wish
from kerbstone.identity.export.source import collect, write_private

_TOKEN = "KERBSTONE_CHIRPSTACK_TOKEN"
_CHIRPSTACK = "chirpstack"


def command(
    form: Annotated[str, typer.Option("--for", help=f"One of {', '.join([*FORMS, _CHIRPSTACK])}.")],
    batch: Annotated[str, typer.Option(help="The batch.")],
    out: Annotated[Path | None, typer.Option("--out", help="New file, readable by you alone; - for standard output.")] = None,
    only: Annotated[list[str] | None, typer.Option(help="Only this device; may be repeated.")] = None,
    server: Annotated[str | None, typer.Option(help="ChirpStack: host:port of its API.")] = None,
    application: Annotated[str | None, typer.Option(help="ChirpStack: id of the application.")] = None,
    device_profile: Annotated[str | None, typer.Option(help="ChirpStack: id of the device profile.")] = None,
    tls: Annotated[bool, typer.Option("--tls", help="ChirpStack: over TLS.")] = False,
    books: BooksOption = DEFAULT, member: AsOption = "owner", json_out: JsonOption = False,
) -> None:
    """Give devices and their keys to another system. The API token of ChirpStack comes from KERBSTONE_CHIRPSTACK_TOKEN.

    Example: kerbstone identity export --for tts-csv --batch spring --out spring.csv
    """
    if form not in (*FORMS, _CHIRPSTACK):
        raise IdentityError(f"There is no form {form!r}: one of {', '.join([*FORMS, _CHIRPSTACK])}.")
    if form != _CHIRPSTACK and out is None:
        raise IdentityError("Name the new file with --out, or - for standard output: it will hold keys.")
    opened = enter(books, member)
    with opened.look() as connection:
        node = connection.execute(select(batches.c.node).where(batches.c.name == batch)).scalar()
    if node is None:
        raise IdentityError(f"There is no batch {batch}: `kerbstone identity list` shows devices with their batches.")
    if out is not None and str(out) != "-" and out.exists():
        raise IdentityError(f"{out} exists already, and an export is not overwritten: name another file.")
    devices = collect(opened, batch, only or (), form)
    if form != _CHIRPSTACK:
        assert out is not None
        write_private(out, FORMS[form](Wish(devices, node)))
        if str(out) != "-":
            sentence = f"{len(devices)} devices in {out}."
            typer.echo(json.dumps({"form": form, "devices": len(devices), "file": str(out)}) if json_out else sentence)
        return
    from kerbstone.identity.export import chirpstack

    token = os.environ.get(_TOKEN)
    if not (server and application and device_profile and token):
        raise IdentityError(f"ChirpStack needs --server, --application, --device-profile, and its API token in {_TOKEN}.")
    with Progress(console=Console(stderr=True), disable=json_out or not Console(stderr=True).is_terminal) as bar:
        task = bar.add_task("exporting", total=len(devices))
        target = chirpstack.Server(server, application, device_profile, token, tls)
        done = chirpstack.export(target, devices, lambda n: bar.update(task, completed=n))
    sentence = f"ChirpStack at {server}: {done.created} created, {done.updated} with new keys, {done.kept} as they were."
    typer.echo(json.dumps(vars(done)) if json_out else sentence)


def labels(
    batch: Annotated[str, typer.Option(help="The batch.")],
    pdf: Annotated[Path | None, typer.Option(help="A sheet of A4 pages, 24 labels each.")] = None,
    png: Annotated[Path | None, typer.Option(help="A folder for one picture a device.")] = None,
    profile_id: Annotated[str, typer.Option(help="LoRa Alliance VendorID and VendorProfileID, 8 digits.")] = printing.NO_PROFILE,
    books: BooksOption = DEFAULT, member: AsOption = "owner", json_out: JsonOption = False,
) -> None:
    """Print labels: a TR005 code without any secret, and the serial.

    Example: kerbstone identity labels --batch spring --pdf labels.pdf
    """
    if pdf is None and png is None:
        raise IdentityError("Name a sheet with --pdf, a folder with --png, or both.")
    with enter(books, member).look() as connection:
        rows = registry.listing(connection, batch, (*registry.LIVE, registry.PLANNED))
        node = connection.execute(select(batches.c.node).where(batches.c.name == batch)).scalar()
    if not rows:
        raise IdentityError(f"Batch {batch} has no device to label.")
    made = [printing.Label(row.serial, row.dev_eui, row.join_eui, str(node)) for row in rows]
    if png is not None:
        printing.write_png(made, png, profile_id)
    if pdf is not None:
        try:
            pdf.write_bytes(printing.sheet(made, profile_id))
        except OSError as error:
            raise IdentityError(f"{pdf} cannot be written: {error.strerror}.") from error
    typer.echo(json.dumps({"labels": len(made)}) if json_out else f"{len(made)} labels.")
