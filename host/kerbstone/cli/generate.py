"""`kerbstone generate`: decoders, schemas and tables from the profiles."""

from typing import Annotated

import typer

from kerbstone.codec.generated import stale_files, write_files
from kerbstone.errors import CodecError
from kerbstone.paths import protocols_dir


def command(check: Annotated[bool, typer.Option("--check", help="Write nothing; exit with 2 if a file is stale.")] = False) -> None:
    """Write the JavaScript decoders, JSON Schemas and channel table of every profile to protocols/generated.

    Example: kerbstone generate --check
    """
    folder = protocols_dir() / "generated"
    if check:
        stale = stale_files(folder)
        if stale:
            raise CodecError(f"stale in {folder.name}: {', '.join(stale)}; run `kerbstone generate` and commit the result")
        typer.echo("generated files are up to date")
        return
    written = write_files(folder)
    typer.echo(f"wrote {', '.join(written)}" if written else "generated files were up to date")
