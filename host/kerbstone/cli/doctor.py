"""`kerbstone doctor`: why does a board not answer?"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from kerbstone.cli.access import JsonOption
from kerbstone.flash import doctor, spots


def command(
    port: Annotated[list[str] | None, typer.Option(help="A serial port, or the folder of a drive; may be repeated; default: all.")] = None,
    drive: Annotated[list[Path] | None, typer.Option(help="Folder where a boot loader's drive may be mounted; may be repeated.")] = None,
    json_out: JsonOption = False,
) -> None:
    """Look at every board, or those named, and say what is wrong and the cure. Exit code 1 when something is.

    Nothing is written. A board is interrupted: what runs on it stops until it is reset.

    Example: kerbstone doctor
    """
    found = doctor.examine([spots.named(word) for word in port] if port else spots.all_spots(drive or []))
    if json_out:
        typer.echo(json.dumps([asdict(finding) | {"well": finding.well} for finding in found], indent=1))
    else:
        for finding in found:
            typer.echo(f"{finding.where}: {finding.seen}{f'. {finding.cure[0].upper()}{finding.cure[1:]}' if finding.cure else ''}.")
    if not all(finding.well for finding in found):
        raise typer.Exit(1)
