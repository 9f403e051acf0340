"""Boots copied from a common beginning (engine/stand.py) say and do what boots of their own do, to the byte and the microsecond."""

from __future__ import annotations

import pytest

from bare_board import BareBoard
from kerbstone.build.node import load_node
from kerbstone.emulator.cell import CellOrder, run_cell
from kerbstone.emulator.engine.stand import Boots, Stand
from kerbstone.emulator.log import digest
from kerbstone.emulator.run import START_UTC

# Before the first call of `machine` all is common; the rest is each boot's own.
COUNT = """
r = machine.RTC()
n = len(r.memory())
r.memory(bytes(n + 1))
"""
OWN_STATE = """
import machine, gc
state = [0]
state[0] += 1
print("module", state, sorted(k for k in globals() if k[0] != "_"))
""" + COUNT + """
print(n, machine.reset_cause(), machine.wake_reason(), state)
machine.deepsleep(1000)
"""
EARLY_QUESTIONS = """
import random, time, machine
first = random.getrandbits(24)
exec("import random", {})
print(first, random.getrandbits(24) != first, time.time(), time.ticks_us(), machine.reset_cause())
""" + COUNT + """
machine.deepsleep(700 + n)
"""
CHANGED_MODULE = """
import machine
try:
    import later
    print(later.X)
except ImportError:
    print("not yet")
""" + COUNT + """
if n % 3 == 0:
    with open("/later.py", "w") as f:
        f.write("X = %d" % n)
machine.deepsleep(1000)
"""
CHANGING_FOLDER = """
import machine, os
print(os.getcwd())
""" + COUNT + """
try:
    os.mkdir("/box")
except OSError:
    pass
if n % 2:
    with open("/box/%d" % (n % 5), "w") as f:
        f.write("x" * 700 * n)
print(sorted((e[0], e[3]) for e in os.ilistdir("/box")))
for e in os.listdir("/box"):
    print(len(open("/box/" + e).read()))
machine.deepsleep(1000)
"""
OPEN_FOR_WRITING = """
import machine
f = open("/f", "w")
f.write("a")
""" + COUNT + """
f.write("b%d" % n)
f.close()
print(open("/f").read())
machine.deepsleep(1000)
"""
CRASH = """
import machine
print("to be said in every boot")
""" + COUNT + """
if n % 4 == 2:
    machine.reset()
machine.deepsleep(1000)
"""


def lived(main: str) -> tuple[list[str], list[object], int]:
    """What a board printed, its events, and how often it wrote to its flash in 20 s, some 14 boots."""
    with BareBoard(main) as board:
        lines = board.run(20)
        return lines, list(board.kernel.log.events), board.flash.operations


@pytest.mark.parametrize(
    ("main", "copied"),
    [(OWN_STATE, 10), (EARLY_QUESTIONS, 10), (CHANGED_MODULE, 4), (CHANGING_FOLDER, 8), (OPEN_FOR_WRITING, 0), (CRASH, 2)],
    ids=["state", "questions", "module", "folder", "writing", "crash"],
)
def test_boots_are_the_same_with_and_without(main: str, copied: int, monkeypatch: pytest.MonkeyPatch):
    copies = []
    fork = Stand.fork
    monkeypatch.setattr(Stand, "fork", lambda *a: copies.append(a) or fork(*a))
    quick = lived(main)
    assert len(copies) >= copied and (copied or not copies)
    monkeypatch.setattr(Boots, "_make", lambda self, greeting: None)
    assert lived(main) == quick
    assert len(quick[0]) > 10 and not any("Error" in line for line in quick[0])


def test_each_boot_has_its_own_random_numbers_and_goes_on_with_them():
    lines = [line.split() for line in lived(EARLY_QUESTIONS)[0]]
    assert len({words[0] for words in lines}) == len(lines)
    assert {words[1] for words in lines} == {"True"}


def test_six_hours_of_a_bin_gives_the_same_log_with_and_without(monkeypatch: pytest.MonkeyPatch):
    def run() -> str:
        return digest(run_cell(CellOrder([load_node("bins")], 1, START_UTC, 6 * 3_600_000_000, {}), lambda share: None).events)

    quick = run()
    monkeypatch.setattr(Boots, "_make", lambda self, greeting: None)
    assert run() == quick
