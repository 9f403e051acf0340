"""`kerbstone wipe`: no byte of a key is left on a board."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from kerbstone.build.node import load_node
from kerbstone.cli.access import JsonOption
from kerbstone.errors import FlashError
from kerbstone.flash import spots
from kerbstone.flash.wipe import wipe


def command(
    node: Annotated[str, typer.Argument(help="The node the board was flashed with, or any of the same board.")],
    port: Annotated[str, typer.Option(help="A serial port, PORT=DRIVE or a drive's folder.")],
    yes: Annotated[bool, typer.Option("--yes", help="It cannot be undone: say so.")] = False,
    json_out: JsonOption = False,
) -> None:
    """End a device by cable: erase identity, state and records. Opens a locked board again. `command DEVICE wipe` does it from afar.

    Example: kerbstone wipe parking --port /dev/ttyUSB0 --yes
    """
    spot = spots.named(port)
    board = load_node(node).board
    if not yes:
        raise FlashError(f"{spot.name}: what is erased cannot be brought back; add --yes.")
    wipe(spot, board, lambda step: None if json_out else typer.echo(f"{spot.name}: {step}"))
    kept = "MicroPython is still there" if board.mcu == "rp2040" else "MicroPython went too"
    typer.echo(json.dumps({"where": spot.name, "wiped": True}) if json_out else f"{spot.name}: no key is left; {kept}.")
