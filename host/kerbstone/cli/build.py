"""`kerbstone build`: a node as one file, ready for any station that flashes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from kerbstone.build.node import load_node
from kerbstone.build.package import pack
from kerbstone.cli.access import JsonOption
from kerbstone.errors import FlashError
from kerbstone.flash import images


def command(
    node: Annotated[str, typer.Argument(help="Name of a ready-made node, or the path of a node file.")],
    out: Annotated[Path | None, typer.Option(help="The file to write; default: build/NODE.zip.")] = None,
    micropython: Annotated[Path | None, typer.Option(help="The MicroPython image it is to run on, checked against the board.")] = None,
    production: Annotated[bool, typer.Option("--production", help="Locked: the board never shows a prompt (docs/security.md).")] = False,
    json_out: JsonOption = False,
) -> None:
    """Build a node: compiled files, configuration, manifest with every SHA-256, bill of materials (CycloneDX). Same inputs, same file.

    Example: kerbstone build parking
    """
    package = pack(load_node(node), images.read(micropython) if micropython else None, production)
    target = out or Path("build") / f"{package.node.name}.zip"
    temporary = target.with_name(f"{target.name}.tmp")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(package.archive)
        temporary.replace(target)
    except OSError as error:
        raise FlashError(f"{target} cannot be written: {error.strerror}; name another file with --out.") from error
    sizes = package.manifest["sizes"]
    if json_out:
        typer.echo(json.dumps({"file": str(target), "sha256": package.sha256} | package.manifest, indent=1))
        return
    share = 100 * sizes["on_flash"] / sizes["file_system"]
    typer.echo(f"{package.manifest['node']} for {package.node.board.title}, .mpy {package.manifest['mpy_format']}: {sizes['files']} files, "
               f"{sizes['bytes']} bytes; {sizes['on_flash']} on flash, {share:.1f} % of its {sizes['file_system']}.")
    typer.echo(f"{target} SHA-256 {package.sha256}")
