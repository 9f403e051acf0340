"""`kerbstone update`: signing keys, signed bundles, and the fragments that carry them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from kerbstone.build.compile import board_files
from kerbstone.build.node import Node, load_node
from kerbstone.cli import rollout, update_carry
from kerbstone.cli.access import DEFAULT, AsOption, BooksOption, JsonOption, enter
from kerbstone.errors import UpdateError
from kerbstone.update import appfile, bundle, image, keybook
from kerbstone.update.trust import trust_json

app = typer.Typer(no_args_is_help=True, help="Signed updates of applications.")
rollout.register(app)
update_carry.register(app)

KeyOption = Annotated[str, typer.Option("--key", help="Name of the signing key in the books.")]
OutOption = Annotated[Path, typer.Option("--out", help="File to write.")]
NodeArgument = Annotated[str, typer.Argument(help="Name of a ready-made node, or the path of a node file, with a table [update].")]
SequenceOption = Annotated[int, typer.Option("--sequence", min=1, help="Higher than any number the devices have started.")]


@app.command()
def key(
    name: Annotated[str, typer.Argument(help="The key's name.")],
    algorithm: Annotated[str, typer.Option(help="es256, ed25519 or lms (1,024 signatures).")] = "es256",
    books: BooksOption = DEFAULT,
    member: AsOption = "owner",
    json_out: JsonOption = False,
) -> None:
    """Make a key that signs updates; its private half stays in the books.

    Example: kerbstone update key release-2026
    """
    made = keybook.create(enter(books, member), name, algorithm)
    shown = {"key": name, "algorithm": algorithm, "id": made.kid.hex()}
    typer.echo(json.dumps(shown) if json_out else f"Key {name} ({algorithm}), id {made.kid.hex()}.")


@app.command()
def keys(books: BooksOption = DEFAULT, member: AsOption = "owner", json_out: JsonOption = False) -> None:
    """Print the public keys as the JSON file a node file names under [update] keys.

    Example: kerbstone update keys > trust.json
    """
    found = keybook.public_keys(enter(books, member))
    if len(found) < 2:
        raise UpdateError(f"Devices trust two keys at least, and the books have {len(found)}: `kerbstone update key NAME` makes another.")
    text = trust_json(list(found.values()))
    typer.echo(json.dumps(json.loads(text)) if json_out else text, nl=json_out)


@app.command()
def application(node: NodeArgument, out: OutOption, json_out: JsonOption = False) -> None:
    """Keep the application of a node as it is now, so that a later update can be its difference.

    Example: kerbstone update application bin.toml --out bin-1.app
    """
    digest = appfile.write(out, bundle.application(board_files(load_node(node))))
    typer.echo(json.dumps({"file": str(out), "application": digest}) if json_out else f"{out}: application {digest[:16]}.")


@app.command()
def sign(
    node: NodeArgument,
    name: KeyOption,
    sequence: SequenceOption,
    out: OutOption,
    base: Annotated[Path | None, typer.Option("--base", help="What the devices run (.app): the bundle is its difference.")] = None,
    version: Annotated[str, typer.Option("--version", help="Text for people.")] = "",
    image_file: Annotated[Path | None, typer.Option("--image", help="MicroPython for the node's ESP32, not its application.")] = None,
    books: BooksOption = DEFAULT,
    member: AsOption = "owner",
    json_out: JsonOption = False,
) -> None:
    """Build a node's application and sign it as an update; the application is kept beside the bundle as .app, for the next difference.

    Example: kerbstone update sign bin.toml --key release-2026 --sequence 2 --base bin-1.app --out bin-2.kup
    """
    loaded = load_node(node)
    vendor, klass = _whose(loaded)
    if image_file:
        if base:
            raise UpdateError("An image is no difference: leave out --base or --image.")
        content = image.read(image_file, loaded.board)
        update_image = image.ImageUpdate(vendor, klass, sequence, content, loaded.board.firmware, version)
        made = _signed(update_image, name, f"{loaded.name} {sequence}", books, member)
        _write(out, made)
        shown_image = {"bundle": str(out), "bytes": len(made), "image": update_image.digest.hex(), "image_bytes": len(content)}
        text = f"{out}: {len(made)} bytes, announces {image_file.name} ({len(content)} bytes), no. {sequence}; its pieces: update pieces"
        typer.echo(json.dumps(shown_image | {"sequence": sequence}) if json_out else text)
        return
    new = bundle.application(board_files(loaded))
    update = bundle.Update(vendor, klass, sequence, new, appfile.read(base) if base else None, version)
    made = _signed(update, name, f"{loaded.name} {sequence}", books, member)
    _write(out, made)
    appfile.write(out.with_suffix(".app"), new)
    shown = {"bundle": str(out), "bytes": len(made), "files": update.changed, "sequence": sequence, "difference": update.based}
    typer.echo(json.dumps(shown) if json_out else f"{out}: {len(made)} bytes, {len(update.changed)} of {len(new)} files, no. {sequence}.")


@app.command()
def rotate(
    node: NodeArgument,
    name: KeyOption,
    sequence: SequenceOption,
    out: OutOption,
    trust: Annotated[list[str], typer.Option("--trust", help="A key to be trusted from now on; two at least.")],
    books: BooksOption = DEFAULT,
    member: AsOption = "owner",
    json_out: JsonOption = False,
) -> None:
    """Sign a bundle that makes devices trust other keys, and those alone.

    Example: kerbstone update rotate bin.toml --key release-2026 --trust release-2027 --trust spare --sequence 3 --out keys.kup
    """
    vendor, klass = _whose(load_node(node))
    opened = enter(books, member)
    known = keybook.public_keys(opened)
    if missing := [one for one in trust if one not in known]:
        raise UpdateError(f"There is no signing key {missing[0]} in the books: `kerbstone update key {missing[0]}` makes it.")
    with opened.change("sign") as change:
        signer = keybook.Signer(opened, change, name)
        made = bundle.rotation(signer.key, vendor, klass, sequence, [known[one] for one in trust])
        signer.close(f"keys {sequence}", made)
    _write(out, made)
    shown = {"bundle": str(out), "bytes": len(made), "trust": trust, "sequence": sequence}
    typer.echo(json.dumps(shown) if json_out else f"{out}: {len(made)} bytes, trust in {', '.join(trust)}, number {sequence}.")


@app.command()
def fragments(
    file: Annotated[Path, typer.Argument(help="A bundle.")],
    size: Annotated[int, typer.Option(min=20, max=65535, help="Bytes of a downlink: 51 at EU868 DR0, 115 at DR3.")] = 51,
    coded: Annotated[int, typer.Option(min=0, max=64, help="Further fragments that replace lost ones.")] = 0,
    json_out: JsonOption = False,
) -> None:
    """Cut a bundle into downlinks for port 120, one a line in hexadecimal, for any network server's queue.

    Example: kerbstone update fragments bin-2.kup --size 115 --coded 3
    """
    data = update_carry.read(file)
    rows = [piece.hex() for piece in bundle.fragments(data, size, coded)]
    typer.echo(json.dumps(rows, indent=1) if json_out else "\n".join(rows))


@app.command()
def pieces(
    node: NodeArgument,
    file: Annotated[Path, typer.Argument(help="The image that was signed.")],
    json_out: JsonOption = False,
) -> None:
    """Cut an image into messages for the nodes' topic of commands, one a line in hexadecimal; its bundle goes first.

    Example: kerbstone update pieces light.toml ESP32_GENERIC-OTA-v1.29.0.app-bin
    """
    rows = [piece.hex() for piece in image.pieces(image.read(file, load_node(node).board))]
    typer.echo(json.dumps(rows, indent=1) if json_out else "\n".join(rows))


def _signed(update: bundle.Update | image.ImageUpdate, name: str, subject: str, books: str, member: str) -> bytes:
    """The bundle; signed and written down, or neither."""
    opened = enter(books, member)
    with opened.change("sign") as change:
        signer = keybook.Signer(opened, change, name)
        made = update.bundle(signer.key)
        signer.close(subject, made)
    return made


def _whose(node: Node) -> tuple[bytes, bytes]:
    table = node.spec.update
    if table is None:
        raise UpdateError(f"{node.file.path.name} has no table [update]: it says whose updates the node takes.")
    return bundle.vendor_id(table.vendor), bundle.class_id(table.vendor, table.device_class)


def _write(path: Path, data: bytes) -> None:
    try:
        path.write_bytes(data)
    except OSError as error:
        raise UpdateError(f"{path} cannot be written: {error.strerror}.") from error
