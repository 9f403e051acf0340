"""The `kerbstone` command: one file a verb, errors as one sentence with exit code 2."""

from __future__ import annotations

import sys

import typer

from kerbstone.cli import (
    audit,
    board,
    boards,
    books,
    build,
    chip,
    command,
    commission,
    decode,
    doctor,
    emulate,
    encode,
    energy,
    faults,
    flash,
    generate,
    health,
    identity,
    listen,
    profile,
    replay,
    update,
    wipe,
)
from kerbstone.errors import KerbstoneError

app = typer.Typer(
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None,
    help="Build, emulate and listen to street-side devices that run MicroPython.",
)
app.command("emulate")(emulate.command)
app.command("replay")(replay.command)
app.command("faults")(faults.command)
app.command("energy")(energy.command)
app.command("listen")(listen.command)
app.command("decode")(decode.command)
app.command("encode")(encode.command)
app.command("generate")(generate.command)
app.command("profile")(profile.command)
app.command("command", context_settings={"ignore_unknown_options": True})(command.command)
app.command("health")(health.command)
app.command("boards")(boards.command)
app.command("board")(board.command)
app.command("build")(build.command)
app.command("doctor")(doctor.command)
app.command("commission")(commission.command)
app.command("flash")(flash.command)
app.command("wipe")(wipe.command)
app.command("chip")(chip.command)
app.add_typer(books.app, name="books")
app.add_typer(identity.app, name="identity")
app.add_typer(audit.app, name="audit")
app.add_typer(update.app, name="update")


def main() -> None:
    """Entry point of the console script."""
    if len(sys.argv) == 1:
        sys.argv.append("--help")
    try:
        code = app(standalone_mode=False)
        sys.exit(code if isinstance(code, int) else 0)
    except KerbstoneError as error:
        print(f"kerbstone: {error}", file=sys.stderr)
        sys.exit(2)
    except typer.TyperException as error:
        sentence = " ".join(error.format_message().split())
        print(f"kerbstone: {sentence} See `kerbstone {' '.join(sys.argv[1:2])} --help`.", file=sys.stderr)
        sys.exit(2)
    except (KeyboardInterrupt, typer.Abort):
        print("kerbstone: stopped.", file=sys.stderr)
        sys.exit(130)
