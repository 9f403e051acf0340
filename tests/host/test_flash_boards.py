"""Blank virtual boards to PASS with one command, through esptool, UF2 folders and the boards' own prompts; the sabotaged fail alone."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import serial

from enrolled_board import new_books
from flash_bench import ESP_NODE, RP2_NODE, Stand, esp_image, kerbstone, rp2_image, verdicts
from kerbstone.bench.virtual import VirtualBoard
from kerbstone.books.books import Books
from kerbstone.flash.link import Link
from kerbstone.identity import registry
from kerbstone.paths import boards_dir

FULL = os.environ.get("KERBSTONE_CAMPAIGN") == "full"
SABOTAGED = ("unplugged", "wrong-chip", "bad-flash", "busy")


def two_batches(path: Path, count: int) -> Books:
    books = new_books(path, count, "bays", node=ESP_NODE)
    wish = registry.Plan("poles", RP2_NODE, "70b3d57ed0000010", True, [(f"LP-{n}", {}) for n in range(count)])
    registry.plan(books, wish)
    registry.mint(books, "poles", None, {}, lambda done, of: None)
    return books


def words(stand: Stand, folder: Path) -> list[object]:
    """The command for the boards of the stand."""
    ports = [word for port in stand.ports.values() for word in ("--port", port)]
    images = ["--micropython", folder / "esp.bin", "--micropython", folder / "rp2.uf2"]
    return ["flash", *ports, *images, "--books", folder / "books.db", "--batch", "bays", "--batch", "poles", "--json"]


def images(folder: Path, app_bytes: int, pages: int) -> None:
    esp_image(folder / "esp.bin", app_bytes=app_bytes)
    rp2_image(folder / "rp2.uf2", pages)


def sabotage(stand: Stand) -> serial.Serial:
    """Four boards that cannot be flashed; returns the other program's hold on one."""
    stand.esp("unplugged").board.flash.cut_at = 60
    stand.esp("wrong-chip", board="olimex_esp32_poe", node=None)
    stand.esp("bad-flash").board.flash.stuck.add(0x12)
    stand.esp("busy")
    return serial.Serial(stand.ports["busy"], exclusive=True)


def repair(stand: Stand, held: serial.Serial) -> None:
    held.close()
    board = stand.boards["unplugged"]
    assert isinstance(board, VirtualBoard)
    board.thread.call(board.board.power_on)
    other = stand.boards["bad-flash"]
    assert isinstance(other, VirtualBoard)
    other.board.flash.stuck.clear()
    stand.esp("right chip")
    del stand.ports["wrong-chip"]


def alone(folder: Path) -> float:
    """Wall seconds of the command for one board."""
    with Stand(folder / "alone") as stand:
        stand.esp("one")
        done = kerbstone(*words(stand, folder))
        assert done.returncode == 0, done.stdout + done.stderr
        return float(json.loads(done.stdout)["seconds"])


def journey(folder: Path, esps: int, rp2s: int) -> float:
    """ESP32s, four of them sabotaged, and RP2040s; the command twice. Wall seconds of the first run."""
    with Stand(folder / "boards") as stand:
        for n in range(esps - len(SABOTAGED)):
            stand.esp(f"esp {n}")
        for n in range(rp2s):
            stand.rp2(f"rp2 {n}")
        held = sabotage(stand)
        first = kerbstone(*words(stand, folder))
        rows = verdicts(first)
        assert first.returncode == 1
        names = {where: name for name, port in stand.ports.items() for where in (port, f"{port}/port")}
        failed = {names[where]: row["kind"] for where, row in rows.items() if not row["passed"]}
        said = {names[where]: row["reason"] for where, row in rows.items()}
        assert failed == {name: name for name in SABOTAGED}, said
        repair(stand, held)
        second = kerbstone(*words(stand, folder))
        again = verdicts(second)
        assert second.returncode == 0, second.stdout + second.stderr
        kept = [row for row in again.values() if str(row["where"]) in rows and rows[str(row["where"])]["passed"]]
        assert kept and not any(row["sent"] or row["micropython"] for row in kept), "only what changed is sent"
        serials = {row["serial"] for row in again.values()}
        assert len(serials) == esps + rp2s
        assert all(rows[str(row["where"])]["serial"] == row["serial"] for row in kept), "the same chip keeps its identity"
    return float(json.loads(first.stdout)["seconds"])


def test_the_sabotaged_fail_alone_and_pass_when_the_command_is_run_again(tmp_path: Path):
    images(tmp_path, 60_000, 200)
    two_batches(tmp_path / "books.db", 7)
    journey(tmp_path, 5, 1)


def test_a_part_that_does_not_answer_is_named_and_one_that_is_not_wired_is_left_out(tmp_path: Path):
    mine = tmp_path / "mine.toml"
    sky = '[parts.sky]\ndriver = "veml7700"\nbus = "i2c.main"\nperiod_s = 60\n\n[app]'
    mine.write_text((boards_dir() / "nodes" / f"{RP2_NODE}.toml").read_text().replace("[app]", sky))
    rp2_image(tmp_path / "rp2.uf2", 8)
    with Stand(tmp_path / "boards") as stand:
        stand.rp2("pole")
        command = ("flash", mine, "--port", stand.ports["pole"], "--micropython", tmp_path / "rp2.uf2", "--json")
        failed = kerbstone(*command)
        row = next(iter(verdicts(failed).values()))
        assert failed.returncode == 1 and row["kind"] == "self-test" and str(row["reason"]).startswith("self-test, sky: "), row
        with Link(str(tmp_path / "boards" / "pole" / "port")) as link:
            assert "main.py" not in link.exec("import os\nprint(os.listdir('/'))"), "a board that failed does not start its node"
        passed = kerbstone(*command, "--without", "sky")
        row = next(iter(verdicts(passed).values()))
        assert passed.returncode == 0 and row["sent"] == ["/boot.py", "/main.py"] and not row["micropython"], row
        assert row["serial"] == "", "without books identities are left alone"


@pytest.mark.skipif(not FULL, reason="sixteen boards take a minute: set KERBSTONE_CAMPAIGN=full")
def test_sixteen_boards_take_at_most_four_times_as_long_as_one(tmp_path: Path):
    images(tmp_path, 1_500_000, 1300)
    two_batches(tmp_path / "books.db", 10)
    one = alone(tmp_path)
    sixteen = journey(tmp_path, 8, 8)
    print(f"16 boards {sixteen:.1f} s, one {one:.1f} s: {sixteen / one:.2f} times")
    assert sixteen <= 4 * one
