"""`kerbstone boards`: which boards are described, and every value of one with where it was seen."""

from __future__ import annotations

import json
from typing import Annotated

import typer
from rich.console import Console

from kerbstone.report.catalogue import board_json, board_tables, list_json, list_table

_FILE_WIDTH = 130  # columns when the output goes to a file or a pipe


def command(
    board: Annotated[str | None, typer.Argument(help="Name of a board, as node files write it; all of them without it.")] = None,
    json_out: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the boards, or show one: its values with their sources, and its pins. `?` marks what nobody has confirmed.

    Example: kerbstone boards heltec_wifi_lora_32_v3
    """
    if json_out:
        typer.echo(json.dumps(board_json(board) if board else list_json(), indent=1))
        return
    console = Console()
    if not console.is_terminal:
        console = Console(width=_FILE_WIDTH)
    for shown in board_tables(board) if board else [list_table()]:
        console.print(shown)
