"""What tests of updates share: quick keys, applications, what a node is told of updates."""

from __future__ import annotations

import hashlib
import random
from pathlib import Path
from typing import Any

import pyhsslms

from kerbstone.build.compile import board_files
from kerbstone.build.firmware import compile_file
from kerbstone.build.node import Node
from kerbstone.testing.node import KerbNode
from kerbstone.update.bundle import Update, application, class_id, vendor_id
from kerbstone.update.keys import LMS, SigningKey

VENDOR, CLASS = vendor_id("example.org"), class_id("example.org", "bin")
OLD = {
    "kerb/node.mpy": random.Random(1).randbytes(3000),
    "kerb/apps/bins.mpy": random.Random(2).randbytes(900),
    "kerb/cbor.mpy": random.Random(3).randbytes(400),
}
NEW = {**OLD, "kerb/apps/bins.mpy": OLD["kerb/apps/bins.mpy"][:500] + b"a changed line" + OLD["kerb/apps/bins.mpy"][505:]}


def small_lms(kid: int) -> SigningKey:
    """A tree of 32 leaves: it grows in a moment, and its signatures are the quickest to verify."""
    tree = pyhsslms.LmsPrivateKey(lms_type=pyhsslms.lms_sha256_m32_h5, lmots_type=pyhsslms.lmots_sha256_n32_w2)
    return SigningKey(bytes([kid]), LMS, tree.serialize())


def table(keys: list[SigningKey], **more: Any) -> dict[str, Any]:
    """The table "update" of node.json."""
    return {
        "vendor": VENDOR.hex(), "class": CLASS.hex(), "sequence": 0, "keys": {k.kid.hex(): [k.algorithm, k.public.hex()] for k in keys},
        **more,
    }  # fmt: skip


def update(sequence: int = 5, **more: Any) -> Update:
    """From OLD to NEW."""
    return Update(**{"vendor": VENDOR, "klass": CLASS, "sequence": sequence, "new": NEW, "old": OLD, **more})


UPDATE_TABLE = '\n[update]\nvendor = "example.org"\nclass = "bin"\nkeys = "trust.json"\n'


def changed_app(node: Node, folder: Path, key: SigningKey, *changes: tuple[str, str]) -> bytes:
    """A bundle from the fragile node of a folder to the same with texts of its application replaced."""
    old = application(board_files(node))
    source = (folder / "apps" / "fragile.py").read_text()
    for before, after in changes:
        assert before in source
        source = source.replace(before, after)
    changed = folder / "fragile.py"
    changed.write_text(source)
    new = {**old, "kerb/apps/fragile.mpy": compile_file(changed, "kerb/apps/fragile.py")}
    return Update(VENDOR, CLASS, 1, new, old).bundle(key)


def told(node: KerbNode) -> list[str]:
    """What a node said of updates."""
    return [line.removeprefix("kerb update ") for line in node.console if line.startswith("kerb update ")]


def digest(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()
