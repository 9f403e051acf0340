"""`kerbstone board` for an RP2040: a folder that takes a UF2, then a port for mpremote."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from kerbstone.bench.rp2 import OFF, Rp2Board


def run_rp2(name: str, state: Path, as_json: bool = False) -> None:
    """Runs the board until Ctrl-C, a line for everything that happens. Raises BenchError."""

    def say(text: str) -> None:
        print(json.dumps({"event": text, "mode": board.mode}) if as_json else text, flush=True)

    board = Rp2Board(name, state, say)
    board.start()
    try:
        while not board.wait_for(OFF, timeout_s=1.0):
            continue
    finally:
        board.stop()
    if board.error:
        raise board.error


def command(
    board: Annotated[str, typer.Argument(help="A board with an RP2040, such as pico_w.")],
    state: Annotated[Path, typer.Option(help="Folder for flash, port and drive; kept between runs.")] = Path("board"),
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Plug in a virtual board until Ctrl-C.

    Example: kerbstone board pico_w --state /tmp/pico, then cp firmware.uf2 /tmp/pico/RPI-RP2/ and mpremote connect /tmp/pico/port
    """
    run_rp2(board, state, as_json)
