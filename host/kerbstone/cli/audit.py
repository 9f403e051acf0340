"""`kerbstone audit`: is the log of the books whole."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from kerbstone.books.books import verify as verify_books
from kerbstone.cli.access import DEFAULT, BooksOption, JsonOption

app = typer.Typer(no_args_is_help=True, help="The log of the books.")


@app.callback()
def log() -> None:
    """The log of the books: every row bound to the one before, the head signed by whoever wrote it."""


@app.command()
def verify(
    books: BooksOption = DEFAULT,
    seen: Annotated[str | None, typer.Option("--seen", help="A head printed earlier: rows cut off since then are found.")] = None,
    json_out: JsonOption = False,
) -> None:
    """Recompute every hash and signature; exit code 1 and a line for each finding when something was changed. Needs no passphrase.

    Example: kerbstone audit verify --seen 375c10761d180e26df2e46253aacea12505316bc6a40a4795697acbdd2298237
    """
    verdict = verify_books(books, seen)
    if json_out:
        typer.echo(json.dumps({"rows": verdict.rows, "signed": verdict.signed, "head": verdict.head, "wrong": verdict.wrong}, indent=1))
    else:
        for sentence in verdict.wrong:
            typer.echo(sentence)
        typer.echo(f"{verdict.rows} rows, {verdict.signed} signatures, {len(verdict.wrong)} findings. Head: {verdict.head}")
    if verdict.wrong:
        raise typer.Exit(1)
