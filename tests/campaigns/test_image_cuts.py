"""An image of the interpreter on a chip whose supply fails at every operation, clean and torn, and again in what follows.

Each time the old or the new image starts, whole; what has been confirmed is not left again; and once the sender has sent everything again,
the new one runs. KERBSTONE_CAMPAIGN=full has smaller pieces, so more operations, and more cuts in the transfer.
"""

from __future__ import annotations

import importlib
import os
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from image_life import IMAGES, TABLE, Board, Cut, Firmware, Reset, counted_rename, pieces

FULL = os.environ.get("KERBSTONE_CAMPAIGN") == "full"
PIECE = 256 if FULL else 1024
SHARES = (0, 1, 2, 3)  # quarters of an operation that are done: 0 is a clean cut
MODULES = ("esp32", "machine")


@pytest.fixture(autouse=True)
def as_it_was(monkeypatch):
    event = importlib.import_module("kerb.log").event
    yield
    importlib.import_module("kerb.log").event = event
    for name in MODULES:
        sys.modules.pop(name, None)
    for name in [name for name in sys.modules if name == "stage0" or name.startswith("kerb.update")]:
        del sys.modules[name]
    Firmware._loaded.clear()


class Life:
    """A node from a manifest to a confirmed image: `step()` is one start and what it does, until it has nothing left to do."""

    def __init__(self, folder: Path, monkeypatch):
        self.board = Board(folder)
        self.told: list[str] = []
        folder.mkdir()
        monkeypatch.setattr(os, "rename", counted_rename(self.board))

    def snapshot(self) -> tuple[bytes, dict[str, bytes]]:
        return bytes(self.board.nor.cells), {p.name: p.read_bytes() for p in self.board.folder.iterdir() if p.is_file()}

    def restore(self, kept: tuple[bytes, dict[str, bytes]]) -> None:
        self.board.nor.cells[:] = kept[0]
        shutil.rmtree(self.board.folder)
        self.board.folder.mkdir()
        for name, data in kept[1].items():
            (self.board.folder / name).write_bytes(data)

    def start(self) -> Firmware:
        self.board.boot()
        return Firmware(self.board, self.told)

    def announced(self, number: int, sequence: int) -> None:
        """The manifest has come and was found good."""
        live = self.start()
        live.m["interpreter"].expect(live.store(), SimpleNamespace(image=manifest_row(number), sequence=sequence))

    def received(self, number: int) -> None:
        live = self.start()
        for piece in pieces(IMAGES[number], PIECE):
            if live.m["image"].take(live.store(), piece):
                live.m["inbox"].prepare(3.6)

    def installed(self) -> None:
        self.agent(self.start())

    def agent(self, live: Firmware) -> None:
        try:
            if live.m["agent"].Agent({"keys": {}}).run():
                raise Reset
        except Reset:
            self.board.boot()

    def judged(self, proven: bool = True, now: int = 100) -> None:
        live = self.start() if not self.pending() else self.woken()
        self.agent(live)
        if live.stage0.current.state:
            try:
                live.m["probation"].judge(proven, now)
            except Reset:
                self.board.boot()

    def pending(self) -> bool:
        """Started already: the next start would be the end of the trial."""
        return self.board.data.state(self.board.running.subtype - 0x10) == 1

    def woken(self) -> Firmware:
        return Firmware(self.board, self.told)


def manifest_row(number: int) -> list[Any]:
    import hashlib

    return [hashlib.sha256(IMAGES[number]).digest(), len(IMAGES[number]), "TEST", PIECE]


def survey(life: Life, name: str, action, allowed: set[int], problems: list[str]) -> int:
    """Cuts at every operation of `action`, then at every operation of the next start; what starts must be one of `allowed`."""
    before = life.snapshot()
    running = life.board.running
    count = 0
    life.board.supply.arm(0)
    action()
    operations, after = life.board.supply.count, (life.snapshot(), life.board.running)
    for at in range(1, operations + 1):
        for share in SHARES:
            life.restore(before)
            life.board.running = running
            life.board.supply.arm(at, share)
            with pytest.raises(Cut):
                action()
            hurt = life.snapshot()
            count += 1
            life.board.supply.arm(0)
            look(life, f"{name}, cut {at}.{share}", allowed, problems)
            for second in range(1, life.board.supply.count + 1):
                life.restore(hurt)
                life.board.supply.arm(second, 2)
                try:
                    life.board.boot()
                    life.installed()
                except Cut:
                    count += 1
                    life.board.supply.arm(0)
                    look(life, f"{name}, cut {at}.{share}, then {second}", allowed, problems)
    life.restore(after[0])
    life.board.running = after[1]
    life.board.supply.arm(0)
    return count


def look(life: Life, text: str, allowed: set[int], problems: list[str]) -> None:
    life.board.supply.arm(0)
    try:
        life.start()
        found = life.board.image(life.board.running)
    except AssertionError as error:
        found = str(error)
    if found not in allowed:
        problems.append(f"{text}: image {found} runs, not one of {allowed}")


def test_the_old_or_the_new_image_starts_whole_after_every_cut(tmp_path: Path, monkeypatch, capsys):
    life = Life(tmp_path / "slots", monkeypatch)
    life.start()
    problems: list[str] = []
    count = 0
    for number in (1, 2, 3) if FULL else (1, 2):
        old = number - 1
        count += survey(life, "announced", lambda n=number: life.announced(n, n), {old}, problems)
        count += survey(life, "received", lambda n=number: life.received(n), {old}, problems)
        count += survey(life, "installed", life.installed, {old, number}, problems)
        assert life.board.image(life.board.running) == number and life.pending()
        count += survey(life, "confirmed", life.judged, {old, number}, problems)
        assert life.told[-1] == f"update confirmed {number}"
        life.start()
        assert life.board.image(life.board.running) == number, "a confirmed image stays"
    assert problems == []
    with capsys.disabled():
        print(f"\nimages: {count} cuts, clean and torn, two deep", file=sys.stderr)
    assert count >= (1_000 if FULL else 500)


def test_after_any_cut_of_the_transfer_everything_sent_again_brings_the_new_image(tmp_path: Path, monkeypatch):
    life = Life(tmp_path / "slots", monkeypatch)
    life.announced(1, 1)
    before = life.snapshot()
    life.board.supply.arm(0)
    life.received(1)
    operations = life.board.supply.count
    for at in range(1, operations + 1, 1 if FULL else 3):
        life.restore(before)
        life.board.supply.arm(at, (0, 1, 2, 3)[at % 4])
        with pytest.raises(Cut):
            life.received(1)
        life.board.supply.arm(0)
        life.received(1)
        life.installed()
        assert life.board.image(life.board.running) == 1, at


def test_pieces_come_in_any_order_and_twice_and_what_is_in_place_is_not_written_again(tmp_path: Path, monkeypatch):
    life = Life(tmp_path / "slots", monkeypatch)
    life.announced(3, 7)
    live = life.start()
    life.board.supply.arm(0)
    rows = pieces(IMAGES[3], PIECE)
    order = [rows[i] for i in (5, 0, 9, 5, 3)] + rows[::-1] + rows
    whole = [live.m["image"].take(live.store(), piece) for piece in order]
    assert whole.index(True) == 5 + len(rows) - 2, "with the last that was missing"
    sectors = -(-len(IMAGES[3]) // 4096)
    pages = sum(-(-(len(row) - 10) // 256) for row in rows)
    assert life.board.supply.count == sectors + pages + len(rows), "an erase a sector, a mark a piece"
    for wrong in (b"KUI1", rows[0][:4] + b"else" + rows[0][8:], rows[0][:-1], rows[0][:8] + b"\xff\xff" + rows[0][10:]):
        assert live.m["image"].take(live.store(), wrong) is False


@pytest.mark.parametrize(("damage", "reason"), [("byte", "digest"), ("chip", "port"), ("sequence", "older")])
def test_an_image_that_is_not_the_announced_one_is_refused(tmp_path: Path, monkeypatch, damage: str, reason: str):
    life = Life(tmp_path / "slots", monkeypatch)
    life.announced(1, 5)
    life.received(1)
    at = TABLE[2].at
    if damage == "sequence":
        live = life.start()
        live.stage0.current.floor = 6
        live.stage0.save(live.stage0.current)
    else:
        life.board.nor.cells[at + (5000 if damage == "byte" else 12)] ^= 1
    life.installed()
    assert next(words for words in life.told if "refused" in words).startswith(f"update refused {reason}")
    assert life.board.image(life.board.running) == 0 and life.start().store().get("image") is None


def test_a_trial_without_proof_ends_in_the_old_image_and_its_number_is_not_taken_again(tmp_path: Path, monkeypatch):
    for end in ("silent", "crash", "strikes"):
        life = Life(tmp_path / end, monkeypatch)
        life.announced(1, 5)
        life.received(1)
        life.installed()
        life.judged(False, 90_000)
        assert life.board.image(life.board.running) == 1, "a node that has run for a day still has its six hours"
        if end == "silent":
            life.judged(False, 90_000 + 6 * 3600 + 1)
        elif end == "crash":
            with pytest.raises(Reset):
                life.woken().stage0.abandon("crash")
            life.board.boot()
        else:
            life.board.boot()  # the watchdog, or the supply
        assert life.board.image(life.board.running) == 0
        life.judged(False)
        assert life.told[-1] == f"update reverted {end} 5"
        assert life.woken().stage0.load().failed == 5 and life.woken().store().get("image") is None
