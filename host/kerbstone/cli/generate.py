"""`kerbstone generate`: decoders, schemas and tables from the profiles."""

from pathlib import Path
from typing import Annotated

import typer

from kerbstone.codec import load_profile
from kerbstone.codec.generated import profile_files, stale_files, write_files
from kerbstone.errors import CodecError
from kerbstone.paths import protocols_dir


def command(
    node: Annotated[str | None, typer.Argument(help="A node with channels of its own, or the path of a profile or node file.")] = None,
    out: Annotated[Path, typer.Option(help="Where the decoder of that node goes.")] = Path(),
    check: Annotated[bool, typer.Option("--check", help="Write nothing; exit with 2 if a file is stale.")] = False,
) -> None:
    """Write the JavaScript decoders, JSON Schemas and channel table of every profile to protocols/generated.

    Given a node or a profile file: write its decoder and schema, for The Things Stack and ChirpStack.

    Example: kerbstone generate --check

    Example: kerbstone generate terminal --out .
    """
    if node is not None:
        for name, text in profile_files(load_profile(node)).items():
            (out / name).write_text(text, encoding="utf-8", newline="\n")
            typer.echo(f"wrote {out / name}")
        return
    folder = protocols_dir() / "generated"
    if check:
        stale = stale_files(folder)
        if stale:
            raise CodecError(f"stale in {folder.name}: {', '.join(stale)}; run `kerbstone generate` and commit the result")
        typer.echo("generated files are up to date")
        return
    written = write_files(folder)
    typer.echo(f"wrote {', '.join(written)}" if written else "generated files were up to date")
