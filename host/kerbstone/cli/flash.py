"""`kerbstone flash`: boards from whatever they are to one verdict each."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from kerbstone.books.books import Books
from kerbstone.build.node import load_node
from kerbstone.build.package import pack
from kerbstone.cli.access import AsOption, JsonOption, enter
from kerbstone.errors import FlashError
from kerbstone.flash import images, run, spots
from kerbstone.flash.images import MicroPython
from kerbstone.flash.job import Load, Order, Verdict
from kerbstone.flash.spots import Spot
from kerbstone.identity import registry

AUTO = "auto"


def command(
    nodes: Annotated[list[str] | None, typer.Argument(help="Nodes, one a chip; without any: those of the batches.")] = None,
    port: Annotated[list[str] | None, typer.Option(help="auto, a serial port, PORT=DRIVE or a drive's folder; may be repeated.")] = None,
    all_boards: Annotated[bool, typer.Option("--all", help="Every board that is plugged in, and not only one.")] = False,
    micropython: Annotated[list[Path] | None, typer.Option(help="MicroPython image, .bin or .uf2; one a chip.")] = None,
    drive: Annotated[list[Path] | None, typer.Option(help="Folder where a boot loader's drive may be mounted; may be repeated.")] = None,
    batch: Annotated[list[str] | None, typer.Option(help="Write and prove identities of this batch; one a node.")] = None,
    without: Annotated[list[str] | None, typer.Option(help="A part, or radio, that is not wired here: not tested.")] = None,
    production: Annotated[bool, typer.Option("--production", help="Locked: the board never shows a prompt (docs/security.md).")] = False,
    books: Annotated[str | None, typer.Option("--books", envvar="KERBSTONE_BOOKS", help="File or postgresql:// URL of the books.")] = None,
    member: AsOption = "owner", json_out: JsonOption = False,
) -> None:
    """Put MicroPython and a node onto boards, give them their identities, test them; PASS or the reason, a line a board.

    Run it again after a failure: what is there already is not sent twice. Exit code 1 when a board failed.

    Example: kerbstone flash parking --port auto --micropython ESP32_GENERIC_S3.bin --books books.db --batch spring
    """
    began = time.monotonic()
    opened = enter(books, member) if books and batch else None
    order = Order(_loads(nodes or [], micropython or [], batch or [], opened, production), opened, frozenset(without or ()))
    _check_parts(order)
    found = _spots(port or [AUTO], all_boards, drive or [])
    results = _run(found, order, json_out)
    seconds = time.monotonic() - began
    passed = sum(verdict.passed for verdict in results)
    if json_out:
        rows = [asdict(verdict) | {"passed": verdict.passed, "seconds": round(verdict.seconds, 2)} for verdict in results]
        typer.echo(json.dumps({"boards": rows, "passed": passed, "seconds": round(seconds, 2)}, indent=1))
    else:
        identities = "" if opened else " Identities were left alone: --books and --batch write them."
        typer.echo(f"{passed} of {len(results)} boards passed in {seconds:.1f} s.{identities}")
    if passed < len(results):
        raise typer.Exit(1)


def line(verdict: Verdict) -> str:
    """The verdict on one board."""
    if not verdict.passed:
        return f"{verdict.where}: FAIL, {verdict.reason}"
    what = [verdict.node, verdict.serial, "MicroPython written" if verdict.micropython else ""]
    what.append(f"{len(verdict.sent)} files sent ({verdict.sent_bytes} bytes)" if verdict.sent else "no file differed")
    what += [f"{name}: {seen}" for name, seen in verdict.seen.items()]
    return f"{verdict.where}: PASS, {'; '.join(filter(None, what))}; {verdict.seconds:.1f} s"


def _loads(names: Sequence[str], paths: Sequence[Path], batches: Sequence[str], books: Books | None, production: bool) -> list[Load]:
    """What each kind of board gets. Raises FlashError for what does not go together."""
    if batches and books is None:
        raise FlashError("--batch needs the books it is in: name them with --books.")
    of_node = _nodes_of(books, batches) if books else {}
    images_by_mcu: dict[str, MicroPython] = {}
    for path in paths:
        image = images.read(path)
        if image.mcu in images_by_mcu:
            raise FlashError(f"{path} and {images_by_mcu[image.mcu].path} are both for an {image.mcu}: name one of them.")
        images_by_mcu[image.mcu] = image
    wanted = list(names) or list(of_node)
    if not wanted:
        raise FlashError("no node is named: give one, such as parking, or a batch of the books with --books and --batch.")
    if lost := sorted(set(of_node) - set(wanted)):
        raise FlashError(f"batch {of_node[lost[0]]} is for the node {lost[0]}, which is not among those named: name it too.")
    loads = []
    for name in wanted:
        node = load_node(name)
        chosen = images_by_mcu.get(node.board.mcu)
        if chosen is None and node.board.image:
            chosen = images.read(images.fetch(node.board.title, node.board.image))
        loads.append(Load(pack(node, chosen, production), chosen, of_node.get(name)))
    mcus = {load.mcu for load in loads}
    if useless := [image for mcu, image in images_by_mcu.items() if mcu not in mcus]:
        raise FlashError(f"{useless[0].path} is for an {useless[0].mcu}, and no node given runs on one: leave it out, or name such a node.")
    return loads


def _nodes_of(books: Books, batches: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for batch in batches:
        with books.look() as connection:
            node = registry.node_of(connection, batch)
        if node in found:
            raise FlashError(f"batches {found[node]} and {batch} are both for the node {node}: flash them in two commands.")
        found[node] = batch
    return found


def _check_parts(order: Order) -> None:
    known = {"radio", *(name for load in order.loads for name in load.package.node.spec.parts)}
    if wrong := sorted(order.left_out - known):
        raise FlashError(f"no node has a part {wrong[0]!r}: --without takes {', '.join(sorted(known))}.")


def _spots(words: Sequence[str], everything: bool, drives: Sequence[Path]) -> list[Spot]:
    if AUTO not in words:
        found = [spots.named(word) for word in words]
        if twice := next((spot for n, spot in enumerate(found) if spot in found[:n]), None):
            raise FlashError(f"{twice.name} is named twice: name each board once.")
        return found
    found = spots.all_spots(drives)
    if not found:
        raise FlashError("no board is found: plug one in with a cable that carries data, and ask `kerbstone doctor`.")
    if len(found) > 1 and not everything:
        raise FlashError(f"{len(found)} boards are found ({', '.join(spot.name for spot in found)}): add --all, or name one with --port.")
    return found


def _run(found: Sequence[Spot], order: Order, quiet: bool) -> list[Verdict]:
    console = Console(stderr=True)
    shown = console.is_terminal and not quiet
    bars = Progress(SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn(), console=console)
    with bars if shown else nullcontext():
        lines: dict[str, Any] = {spot.name: bars.add_task(spot.name, total=None) for spot in found}

        def tell(spot: Spot, text: str) -> None:
            bars.update(lines[spot.name], description=f"{spot.name}: {text}")

        def done(verdict: Verdict) -> None:
            if shown:
                bars.remove_task(lines[verdict.where])
            if not quiet:
                typer.echo(line(verdict))

        return run.run(found, order, tell, done)
