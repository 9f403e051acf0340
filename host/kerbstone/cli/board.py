"""`kerbstone board`: a virtual board on this computer, for the makers' own tools."""

import json
import signal
from pathlib import Path
from typing import Annotated

import typer

from kerbstone.bench.virtual import VirtualBoard


def command(
    board: Annotated[str, typer.Argument(help="The board's name, as in boards/<name>.toml.")],
    state: Annotated[Path | None, typer.Option(help="Directory that keeps flash, wear and MAC between runs; default: a new board.")] = None,
    download: Annotated[bool, typer.Option("--download", help="Start as with the BOOT button held: in download mode.")] = False,
    tcp_port: Annotated[int, typer.Option(min=0, max=65535, help="TCP port of the RFC 2217 server; 0: any free one.")] = 0,
    json_out: Annotated[bool, typer.Option("--json", help="Print the board's ports as one line of JSON.")] = False,
) -> None:
    """Run a virtual board until Ctrl-C. esptool flashes it, its console is what a real board says.

    The RFC 2217 address has the reset lines. The pseudo-terminal has none: there esptool enters download mode by itself
    (use --before no-reset), and the board boots when the port is closed.

    Example: kerbstone board olimex_esp32_poe --state my-board
    """
    virtual = VirtualBoard(board, state, tcp_port, download)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
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
