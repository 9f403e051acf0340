"""Every microcoulomb of a run stands under one wake or under sleep, with the right cause."""

import pytest

from bare_board import CURRENT_UA, BareBoard
from kerbstone.emulator.board.computing import IMPORT
from kerbstone.emulator.board.limits import LIMITS

TIMER = """
import machine, time
if machine.reset_cause() != machine.DEEPSLEEP_RESET:
    machine.deepsleep(1000)
time.sleep_ms(100)
machine.deepsleep(10000)
"""


def booked(board):
    board.device.wakes.end()
    return {(s.cause, s.uplink): s for s in board.device.wakes.sums()}


def test_the_book_adds_up_to_the_ledger_and_to_the_time():
    with BareBoard(TIMER) as board:
        board.run(60)
        sums = booked(board)
        assert sum(s.charge_uas for s in sums.values()) == pytest.approx(board.device.ledger.total_uas, rel=1e-9)
        assert sum(s.time_us for s in sums.values()) == 60_000_000


def test_a_timer_wake_costs_its_boot_and_what_it_computed_and_no_sleep():
    with BareBoard(TIMER) as board:
        board.run(64)
        wake, sleep = booked(board)["timer", False], booked(board)["sleep", False]
    assert wake.count == 6
    expected_uas = CURRENT_UA["boot"] * 0.418 + CURRENT_UA["active"] * 0.100
    assert wake.charge_uas / wake.count == pytest.approx(expected_uas, rel=0.01)
    assert sleep.charge_uas == pytest.approx(CURRENT_UA["deep_sleep"] * sleep.time_us / 1e6)


def test_a_pin_a_timer_a_reset_and_the_watchdog_are_told_apart():
    main = """
import machine, esp32, time
r = machine.RTC()
n = int(r.memory() or b"0")
r.memory(b"%d" % (n + 1))
if n == 0:
    machine.deepsleep(1000)
if n == 1:
    machine.reset()
if n == 2:
    machine.WDT(timeout=1000)
    time.sleep(5)
esp32.wake_on_ext1([machine.Pin(1, machine.Pin.IN)], esp32.WAKEUP_ANY_HIGH)
machine.deepsleep(100000)
"""
    with BareBoard(main) as board:
        board.kernel.at(20_000_000, board.pins.line(1).drive, 1)
        board.kernel.at(21_000_000, board.pins.line(1).drive, 0)
        board.run(25)
        counts = {s.cause: s.count for s in booked(board).values() if s.cause != "sleep"}
    assert counts.pop("pin") >= 1
    assert counts == {"power-on": 1, "timer": 1, "reset": 1, "watchdog": 1}


def test_the_rp2040_s_timer_wake_is_a_wake_though_its_port_calls_it_a_watchdog():
    main = "import machine\nmachine.deepsleep(10000)\n"
    with BareBoard(main, "rp2040") as board:
        board.run(15)
        assert {s.cause for s in booked(board).values()} == {"power-on", "timer", "sleep"}


def test_a_wake_that_transmits_stands_apart_from_one_that_does_not():
    with BareBoard(TIMER) as board:
        radio = board.device.ledger.meter("radio")
        board.run(5)
        board.kernel.at(12_300_000, radio.add, "tx", 50.0)
        board.run(30)
        sums = booked(board)
    assert sums["timer", True].count == 1 and sums["timer", False].count > 1


def test_off_is_no_wake():
    with BareBoard(TIMER) as board:
        board.run(5)
        board.device.power_off()
        board.run(100)
        assert sum(s.time_us for s in booked(board).values()) == 5_000_000


def test_an_import_takes_the_board_time_by_module_and_by_byte(tmp_path):
    main = """
import time
for name in ("small", "large", "small"):
    t = time.ticks_us()
    __import__(name)
    print(time.ticks_diff(time.ticks_us(), t))
"""
    (tmp_path / "small.py").write_text("x = 1\n")
    (tmp_path / "large.py").write_text("x = 1\n" + "#" * 10_000)

    def setup(board):
        board.device.spec.rom, board.device.spec.import_cost = str(tmp_path), (10_000, 5_000)

    with BareBoard(main, setup=setup) as board:
        small, large, again = (int(line) for line in board.run(3))
    assert small == pytest.approx(10_000 + 6 * 5, abs=100)
    assert large == pytest.approx(10_000 + 10_006 * 5, abs=100)
    assert again < 100  # a module in memory costs nothing


def test_a_faster_chip_imports_faster_and_the_measured_one_as_measured():
    s3, esp32, rp2040 = IMPORT["esp32s3"], IMPORT["esp32"], IMPORT["rp2040"]
    assert s3.module_us < esp32.module_us < rp2040.module_us == 14_200
    assert s3.byte_ns < esp32.byte_ns < rp2040.byte_ns == 5_700


def test_every_chip_has_its_cost_of_an_import():
    assert set(LIMITS) <= set(IMPORT)
