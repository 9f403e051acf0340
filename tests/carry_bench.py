"""What tests of carrying updates share: nodes that take them, and bundles for them."""

from __future__ import annotations

import random
from pathlib import Path

from kerbstone.build.node import Node, load_node
from kerbstone.testing.node import KerbNode
from kerbstone.update.bundle import Update
from kerbstone.update.keys import ES256, new_key
from kerbstone.update.trust import trust_json
from update_bench import CLASS, UPDATE_TABLE, VENDOR, one_line_changed

KEYS = [new_key(b"\1", ES256), new_key(b"\2", ES256)]
ONE_LINE = ("kerb/apps/bins.py", '"full_pct": 90,', '"full_pct": 85,')


def updated(folder: Path, name: str, text: str) -> Node:
    """A node file with a table [update]."""
    (folder / "trust.json").write_text(trust_json(KEYS))
    path = folder / f"{name}.toml"
    path.write_text(text.split("[budget]")[0] + UPDATE_TABLE)
    return load_node(str(path))


def bundle(node: Node, folder: Path, sequence: int = 1, ballast: int = 0, line: tuple[str, str, str] = ONE_LINE) -> bytes:
    """From what was flashed to the same with one line (file, before, after) changed, and a file of `ballast` random bytes."""
    old, new = one_line_changed(node, folder, *line)
    if ballast:
        new["kerb/ballast.bin"] = random.Random(sequence).randbytes(ballast)
    return Update(VENDOR, CLASS, sequence, new, old).bundle(KEYS[0])


def joules(node: KerbNode, other: KerbNode, volt: float) -> float:
    """What a node has drawn more than another that lived beside it."""
    return (node.energy_mah - other.energy_mah) * 3.6 * volt


def reported(node: KerbNode) -> list[tuple[str, int | None, int | None]]:
    """(state, fragments, wanted) of each report that arrived."""
    rows = [r["values"] for r in node.service if r["profile"] == "update"]
    return [(str(v["update_state"]), v.get("fragments"), v.get("fragments_wanted")) for v in rows]
