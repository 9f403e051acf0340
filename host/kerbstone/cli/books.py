"""`kerbstone books`: makes them, and says who may do what with them."""

from __future__ import annotations

import json
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from kerbstone.books.books import Books
from kerbstone.books.members import MAY
from kerbstone.cli.access import DEFAULT, AsOption, BooksOption, JsonOption, enter, passphrase
from kerbstone.identity import ca

app = typer.Typer(no_args_is_help=True, help="The books: devices, their secrets, and the log of who did what.")


@app.command()
def create(books: BooksOption = DEFAULT, member: AsOption = "owner", json_out: JsonOption = False) -> None:
    """Make new books with one owner. The passphrase comes from KERBSTONE_PASSPHRASE or the terminal; without it no key opens again.

    Example: kerbstone books create --books city.db
    """
    Books.create(books, member, passphrase(member, new=True)).close()
    typer.echo(json.dumps({"books": _shown(books), "owner": member}) if json_out else f"Books at {_shown(books)}, owner {member}.")


@app.command()
def member(
    name: Annotated[str, typer.Argument(help="The new member.")],
    role: Annotated[str, typer.Option(help=f"One of {', '.join(MAY)}.")] = "station",
    books: BooksOption = DEFAULT,
    asked_by: AsOption = "owner",
    json_out: JsonOption = False,
) -> None:
    """Add a member with a passphrase of their own (KERBSTONE_NEW_PASSPHRASE or the terminal).

    A station mints, writes and commissions, and cannot export; an auditor reads what is no secret.

    Example: kerbstone books member bench-1 --role station
    """
    opened = enter(books, asked_by)
    opened.add_member(name, role, passphrase(name, "KERBSTONE_NEW_PASSPHRASE", new=True))
    typer.echo(json.dumps({"member": name, "role": role}) if json_out else f"{name} is a member with the role {role}.")


@app.command()
def members(books: BooksOption = DEFAULT, asked_by: AsOption = "owner", json_out: JsonOption = False) -> None:
    """List the members and what each may do.

    Example: kerbstone books members
    """
    rows = enter(books, asked_by).list_members()
    if json_out:
        typer.echo(json.dumps([{"member": name, "role": role, "may": sorted(MAY[role])} for name, role in rows], indent=1))
        return
    table = Table("member", "role", "may")
    for name, role in rows:
        table.add_row(name, role, ", ".join(sorted(MAY[role])) or "look")
    Console().print(table)


@app.command("ca")
def make_ca(
    name: Annotated[str, typer.Argument(help="Common name of the CA.")],
    books: BooksOption = DEFAULT,
    asked_by: AsOption = "owner",
    json_out: JsonOption = False,
) -> None:
    """Make a CA for device certificates (ECDSA P-256) and print its certificate; its key stays in the books.

    Example: kerbstone books ca "City of Example devices" > ca.pem
    """
    opened = enter(books, asked_by)
    with opened.change("sign") as change:
        pem = ca.create(change, opened, name)
    typer.echo(json.dumps({"certificate": pem}) if json_out else pem, nl=json_out)


def _shown(url: str) -> str:
    from kerbstone.books.store import parse_url

    return parse_url(url).render_as_string(hide_password=True).removeprefix("sqlite:///")
