"""The interpreter may poll and wait by itself before the horizon: what it sees and when must be as if it had asked each time."""

from __future__ import annotations

import pytest

from bare_board import BareBoard
from kerbstone.build.node import load_node
from kerbstone.emulator.cell import CellOrder, run_cell
from kerbstone.emulator.kernel import Kernel
from kerbstone.emulator.log import digest
from kerbstone.emulator.run import START_UTC

MAIN = """
import machine, time
p = machine.Pin(5, machine.Pin.IN)
seen = []
t = machine.Timer(0)
t.init(period=70, mode=machine.Timer.PERIODIC, callback=lambda _: seen.append(time.ticks_us()))
last = p.value()
while len(seen) < 40:
    for _ in range(7):
        level = p.value()
        if level != last:
            last = level
            print("edge", time.ticks_us())
    time.sleep_us(333)
    with open("/f", "w") as f:
        f.write(str(level))
    time.sleep_ms(11)
print(seen)
"""


def board_says() -> tuple[list[str], int]:
    with BareBoard(MAIN) as board:
        for k in range(1, 30):
            board.kernel.at(700_000 + 91_357 * k, board.pins.line(5).drive, k & 1)
        lines = board.run(10)
        return lines, len(board.kernel.log.events)


def test_pins_timers_and_flash_are_seen_at_the_same_instants_with_and_without(monkeypatch: pytest.MonkeyPatch):
    quick = board_says()
    monkeypatch.setattr(Kernel, "horizon", lambda self: 0)
    assert quick == board_says()
    assert sum(line.startswith("edge") for line in quick[0]) > 20


def test_an_hour_of_a_bin_gives_the_same_log_with_and_without(monkeypatch: pytest.MonkeyPatch):
    def run() -> str:
        return digest(run_cell(CellOrder([load_node("bins")], 1, START_UTC, 3_600_000_000, {}), lambda share: None).events)

    quick = run()
    monkeypatch.setattr(Kernel, "horizon", lambda self: 0)
    assert quick == run()
