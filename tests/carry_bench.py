"""What tests of carrying updates share: nodes that take them, and bundles for them."""

from __future__ import annotations

import random
from pathlib import Path

from kerbstone.build.compile import board_files
from kerbstone.build.firmware import as_compiled, compile_file
from kerbstone.build.node import Node, load_node
from kerbstone.paths import firmware_dir
from kerbstone.testing.node import KerbNode
from kerbstone.update.bundle import Update, application, class_id, vendor_id
from kerbstone.update.keys import ES256, new_key
from kerbstone.update.trust import trust_json

TABLE = '\n[update]\nvendor = "example.org"\nclass = "bin"\nkeys = "trust.json"\n'
KEYS = [new_key(b"\1", ES256), new_key(b"\2", ES256)]
ONE_LINE = ("kerb/apps/bins.py", '"full_pct": 90,', '"full_pct": 85,')


def updated(folder: Path, name: str, text: str) -> Node:
    """A node file with a table [update]."""
    (folder / "trust.json").write_text(trust_json(KEYS))
    path = folder / f"{name}.toml"
    path.write_text(text.split("[budget]")[0] + TABLE)
    return load_node(str(path))


def bundle(node: Node, folder: Path, sequence: int = 1, ballast: int = 0, line: tuple[str, str, str] = ONE_LINE) -> bytes:
    """From what was flashed to the same with one line (file, before, after) changed, and a file of `ballast` random bytes."""
    old = application(board_files(node))
    new = {**old, **changed_file(folder, *line)}
    if ballast:
        new["kerb/ballast.bin"] = random.Random(sequence).randbytes(ballast)
    return Update(vendor_id("example.org"), class_id("example.org", "bin"), sequence, new, old).bundle(KEYS[0])


def changed_file(folder: Path, name: str, old_text: str, new_text: str) -> dict[str, bytes]:
    """{path in the application: .mpy} of a firmware file with one text replaced.

    The change is made where the build shares private names, so the difference is that text alone. A text with such a name in it only
    stands in the file as it was written: then all its names come with it.
    """
    source = next(text for path in (as_compiled(firmware_dir())[name], firmware_dir() / name) if old_text in (text := path.read_text()))
    changed = folder / Path(name).name
    changed.write_text(source.replace(old_text, new_text, 1))
    return {name.replace(".py", ".mpy"): compile_file(changed, name)}


def told(node: KerbNode) -> list[str]:
    """What the node said of updates on its console."""
    return [line.removeprefix("kerb update ") for line in node.console if line.startswith("kerb update ")]


def joules(node: KerbNode, other: KerbNode, volt: float) -> float:
    """What a node has drawn more than another that lived beside it."""
    return (node.energy_mah - other.energy_mah) * 3.6 * volt


def reported(node: KerbNode) -> list[tuple[str, int | None, int | None]]:
    """(state, fragments, wanted) of each report that arrived."""
    rows = [r["values"] for r in node.service if r["profile"] == "update"]
    return [(str(v["update_state"]), v.get("fragments"), v.get("fragments_wanted")) for v in rows]
