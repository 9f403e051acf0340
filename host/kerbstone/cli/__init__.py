"""The `kerbstone` command: one file a verb, errors as one sentence with exit code 2."""

from __future__ import annotations

import sys

import typer

from kerbstone.cli import chip, decode, emulate, encode, generate
from kerbstone.errors import KerbstoneError

app = typer.Typer(
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None,
    help="Build, emulate and listen to street-side devices that run MicroPython.",
)
app.command("emulate")(emulate.command)
app.command("decode")(decode.command)
app.command("encode")(encode.command)
app.command("generate")(generate.command)
app.command("chip")(chip.command)


def main() -> None:
    """Entry point of the console script."""
    try:
        app()
    except KerbstoneError as error:
        print(f"kerbstone: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("kerbstone: stopped.", file=sys.stderr)
        sys.exit(130)
