"""What tests of updates share: quick keys, applications, what a node is told of updates."""

from __future__ import annotations

import hashlib
import random
import re
from pathlib import Path
from typing import Any

import pyhsslms

from kerb.update import report
from kerbstone.build.compile import board_files
from kerbstone.build.firmware import compile_file, fewer_names
from kerbstone.build.node import Node, load_node
from kerbstone.paths import boards_dir, firmware_dir
from kerbstone.testing.node import KerbNode
from kerbstone.update.bundle import Update, application, class_id, vendor_id
from kerbstone.update.fragments import Parcel, columns
from kerbstone.update.keys import LMS, SigningKey
from kerbstone.update.trust import trust_json

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


def one_line_changed(node: Node, folder: Path, name: str, old_text: str, new_text: str) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """What was flashed, and the same built anew with one text of a file of the package replaced: (old, new).

    A build shares private names between files; those of the changed one are what they were, as they are when no name comes or goes.
    """
    old = application(board_files(node))
    source = (firmware_dir() / name).read_text()
    assert old_text in source
    short = fewer_names(firmware_dir())[name].read_text()
    names = dict(zip(re.findall(r"\w+", source), re.findall(r"\w+", short), strict=True))
    changed = folder / Path(name).name
    changed.write_text(re.sub(r"\b_\w+", lambda word: names.get(word[0], word[0]), source.replace(old_text, new_text, 1)))
    return old, {**old, name.replace(".py", ".mpy"): compile_file(changed, name)}


def bundle(node: Node, key: SigningKey, folder: Path, sequence: int, name: str, old_text: str, new_text: str) -> bytes:
    """From what was flashed to the same with one text of one file replaced."""
    old, new = one_line_changed(node, folder, name, old_text, new_text)
    return Update(VENDOR, CLASS, sequence, new, old).bundle(key)


def bin_with_updates(folder: Path, keys: list[SigningKey], every_s: int, measure_s: int = 600) -> Node:
    """The street bin, reporting and measuring as often as is said, and taking updates signed with these keys."""
    text = (boards_dir() / "nodes" / "bins.toml").read_text().split("[budget]")[0]
    text = text.replace("report_s = 3600", f"report_s = {every_s}").replace("period_s = 600", f"period_s = {measure_s}")
    (folder / "trust.json").write_text(trust_json(keys))
    path = folder / "updated.toml"
    path.write_text(text + UPDATE_TABLE)
    return load_node(str(path))


class Receiver:
    """A device that takes fragments as kerb/update/inbox.py does and reports as kerb/update/report.py does."""

    def __init__(self, parcel: Parcel):
        self.parcel, self.had = parcel, 0
        self._log: set[int] = set()
        self._rows: dict[int, int] = {}
        self._said: tuple[int, bool] | None = None

    def wake(self) -> None:
        """What it has said is forgotten with each deep sleep."""
        self._said = None

    def take(self, *fragments: bytes) -> bytes | None:
        """What came in one round; a report, when there is something to report."""
        numbers = [int.from_bytes(fragment[6:8], "big") for fragment in fragments]
        before = self.had
        for number in numbers:
            self._keep(number)
        if self.whole or not numbers:
            return None
        due = max(numbers) >= self.parcel.count
        if not self.parcel.any_order:
            due = self.had == before or self.had // 16 != before // 16
        words = self.had, self.had == before
        if words == self._said or not (due or not before):
            return None
        self._said = words
        return report.message("receiving", piece=(self.parcel.name, self.had, self.parcel.count))

    @property
    def whole(self) -> bool:
        return (len(self._rows) if self.parcel.any_order else self.had) == self.parcel.count

    def _keep(self, number: int) -> None:
        if not self.parcel.any_order:
            self.had += number == self.had + 1
        elif number not in self._log:
            self._log.add(number)
            self.had = len(self._log)
            self._solve(number)

    def _solve(self, number: int) -> None:
        count = self.parcel.count
        mask = 1 << number - 1 if number <= count else sum(1 << c for c in columns(number - count, count))
        while mask and mask & -mask in self._rows:
            mask ^= self._rows[mask & -mask]
        if mask:
            self._rows[mask & -mask] = mask


# Applications that must not stay: file, text, what stands there instead, why a node leaves it, after how many hours at the latest.
FAILING = {
    "cannot reach the network": ("kerb/delivery.py", "done = way.uplink.connect() and self._exchange(way)", "done = False", "silent", 11.0),
    "crashes in its third hour": (
        "kerb/apps/bins.py", "        effects = []\n", "        effects = [] if now.mono < 14000 else None[0]\n", "crash", 5.0,
    ),
    "hangs": (
        "kerb/apps/bins.py", "        effects = []\n",
        "        effects = []\n        import time\n        while now.mono > 9000:\n            time.sleep_ms(10000)\n", "strikes", 8.0,
    ),
    "cannot be imported": ("kerb/node.py", "from kerb.store import Store", "from kerb.store import Shop", "import", 4.0),
}
