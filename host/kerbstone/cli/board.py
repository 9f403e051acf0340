"""`kerbstone board`: a virtual board on this computer, for the makers' own tools."""

import json
import signal
from pathlib import Path
from typing import Annotated

import typer

from kerbstone.bench.rp2_run import run_rp2
from kerbstone.bench.virtual import VirtualBoard
from kerbstone.build.board import load_board
from kerbstone.build.node import Node, load_node


def command(
    board: Annotated[str, typer.Argument(help="The board's name, as in boards/<name>.toml.")],
    state: Annotated[Path | None, typer.Option(help="Directory that keeps flash, wear and MAC between runs; default: a new board.")] = None,
    download: Annotated[bool, typer.Option("--download", help="Start as with the BOOT button held: in download mode.")] = False,
    tcp_port: Annotated[int, typer.Option(min=0, max=65535, help="TCP port of the RFC 2217 server; 0: any free one.")] = 0,
    node: Annotated[str | None, typer.Option(help="A node whose parts are wired to the board.")] = None,
    json_out: Annotated[bool, typer.Option("--json", help="Print the board's ports as one line of JSON.")] = False,
) -> None:
    """Run a virtual board until Ctrl-C. esptool flashes it, its console is what a real board says.

    The RFC 2217 address has the reset lines. The pseudo-terminal has none: there esptool enters download mode by itself
    (use --before no-reset), and the board boots when the port is closed. An RP2040 board is a folder that takes a UF2 file, then a
    serial port for mpremote.

    Example: kerbstone board olimex_esp32_poe --state my-board
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    wired = load_node(node) if node else None
    if load_board(board).mcu == "rp2040":
        _rp2(board, state, json_out, wired)
        return
    virtual = VirtualBoard(board, state, tcp_port, download, node=wired)
    try:
        facts = virtual.facts()
        if json_out:
            typer.echo(json.dumps(facts))
        else:
            typer.echo("\n".join(f"{name:11} {value}" for name, value in facts.items()) + "\nCtrl-C stops the board.")
        virtual.wait()
    except KeyboardInterrupt:
        if not json_out:
            typer.echo("stopped.")
    finally:
        virtual.close()


def _rp2(board: str, state: Path | None, json_out: bool, node: Node | None) -> None:
    def say(text: str, mode: str) -> None:
        typer.echo(json.dumps({"event": text, "mode": mode}) if json_out else text)

    try:
        run_rp2(board, state, say, node)
    except KeyboardInterrupt:
        if not json_out:
            typer.echo("stopped.")
