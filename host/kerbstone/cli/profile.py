"""`kerbstone profile`: a node's device profile and decoder for a LoRaWAN network server."""

import json
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from kerbstone.build.check import check
from kerbstone.build.node import load_node
from kerbstone.errors import KerbstoneError
from kerbstone.registration import things_stack
from kerbstone.registration.chirpstack import device_profile
from kerbstone.registration.traits import traits


class Server(Enum):
    """Network servers a profile can be made for."""

    CHIRPSTACK = "chirpstack"
    TTS = "tts"


def command(
    node: Annotated[str, typer.Argument(help="A ready-made node by name, or the path of a node file.")],
    server: Annotated[Server, typer.Option("--for", help="chirpstack: ChirpStack v4; tts: The Things Stack's device repository.")],
    out: Annotated[Path, typer.Option(help="Folder for the files.")] = Path(),
    tenant: Annotated[str, typer.Option(help="ChirpStack: UUID of the tenant the profile is for.")] = "",
    vendor: Annotated[str, typer.Option(help="The Things Stack: your vendor identifier in the device repository.")] = "kerbstone",
    json_out: Annotated[bool, typer.Option("--json", help="Print to standard output as JSON instead; write nothing.")] = False,
) -> None:
    """Write the device profile of a node, with the decoder of all it sends. It holds no keys.

    For ChirpStack one file, the body of POST /api/device-profiles; for The Things Stack a folder VENDOR with the entries of its device
    repository.

    Example: kerbstone profile bins --for chirpstack --out .
    """
    loaded = load_node(node)
    for words in check(loaded):
        typer.echo(f"warning: {words}", err=True)
    known = traits(loaded)
    if server is Server.CHIRPSTACK:
        body = device_profile(known, tenant)
        files = {f"{known.name}-chirpstack.json": json.dumps(body, indent=1) + "\n"}
    else:
        name = things_stack.identifier(vendor)
        index = out / name / "index.yaml"
        entries = things_stack.entries(known, index.read_text(encoding="utf-8") if index.is_file() and not json_out else "")
        files = {f"{name}/{file}": text for file, text in entries.items()}
    if json_out:
        typer.echo(json.dumps(body if server is Server.CHIRPSTACK else files, indent=1))
        return
    write(out, files)


def write(folder: Path, files: dict[str, str]) -> None:
    """Writes files below a folder that exists. Raises KerbstoneError."""
    if not folder.is_dir():
        raise KerbstoneError(f"{folder} is no folder: make it first, or give another with --out.")
    for name, text in files.items():
        path = folder / name
        try:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="\n")
        except OSError as error:
            raise KerbstoneError(f"{path} cannot be written: {error.strerror}.") from error
        typer.echo(f"wrote {path}")
