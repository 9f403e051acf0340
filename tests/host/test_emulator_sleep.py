"""Sleep, wake, reset and what survives them, on the interpreter itself."""

import pytest

from bare_board import BareBoard

COUNT = """
import machine, time
rtc = machine.RTC()
n = len(rtc.memory())
print(n, machine.reset_cause(), machine.wake_reason(), time.time())
rtc.memory(b"x" * (n + 1))
machine.deepsleep({ms})
"""


def test_deep_sleep_ends_ram_keeps_rtc_memory_and_wakes_in_virtual_time():
    with BareBoard(COUNT.format(ms=60000)) as board:
        lines = board.run(200)
    assert [line.split()[:3] for line in lines] == [["0", "1", "0"], ["1", "4", "4"], ["2", "4", "4"], ["3", "4", "4"]]
    # 60 s asleep and 0.418 s to wake, on the clock that runs on through sleep.
    times = [int(line.split()[3]) for line in lines]
    assert times[1] - times[0] in (60, 61) and times[3] - times[0] in (181, 182)


def test_power_on_loses_rtc_memory_and_keeps_flash():
    main = """
import machine
try:
    n = int(open("/n").read())
except OSError:
    n = 0
with open("/n", "w") as f:
    f.write(str(n + 1))
print(n, len(machine.RTC().memory()))
machine.RTC().memory(b"kept")
machine.deepsleep(10000)
"""
    with BareBoard(main) as board:
        board.run(15)
        board.device.power_off()
        board.device.power_on()
        lines = board.run(1)
    assert lines == ["0 0", "1 4", "2 0"]


def test_rp2040_cannot_sleep_beyond_its_timer_and_mistakes_the_wake_for_a_watchdog():
    main = """
import machine
print(hasattr(machine, "wake_reason"), hasattr(machine.RTC, "memory"), machine.reset_cause())
m = machine.mem_backup()
print(len(m) * m.itemsize, m[0])
m[0] = m[0] + 1
try:
    machine.deepsleep(4294967)
except ValueError as e:
    print("refused", e)
machine.deepsleep(4294966)
"""
    with BareBoard(main, "rp2040") as board:
        lines = board.run(4300)
    assert lines == ["False False 1", "28 0", "refused sleep too long", "False False 3", "28 1", "refused sleep too long"]


@pytest.mark.parametrize(("mcu", "timeout", "word"), [("rp2040", 9000, "exceeds"), ("esp32s3", 500, "too short")])
def test_watchdog_refuses_what_the_port_refuses(mcu, timeout, word):
    main = f"import machine\ntry:\n    machine.WDT(timeout={timeout})\nexcept ValueError as e:\n    print(e)\n"
    with BareBoard(main, mcu) as board:
        assert word in board.run(2)[0]


def test_watchdog_bites_a_node_that_stops_feeding_it():
    main = """
import machine, time
print(machine.reset_cause())
w = machine.WDT(timeout=2000)
for i in range(3):
    time.sleep(1)
    w.feed()
time.sleep(100)
print("never")
"""
    with BareBoard(main) as board:
        lines = board.run(8)
    assert lines == ["1", "3"]


def test_a_wake_pin_ends_deep_sleep_and_says_so():
    main = """
import machine, esp32
print(machine.wake_reason())
esp32.wake_on_ext1([machine.Pin(1, machine.Pin.IN)], esp32.WAKEUP_ANY_HIGH)
machine.deepsleep(100000)
"""
    with BareBoard(main) as board:
        board.kernel.at(20_000_000, board.pins.line(1).drive, 1)
        board.kernel.at(20_000_100, board.pins.line(1).drive, 0)
        lines = board.run(30)
    assert lines == ["0", "3"]


def test_a_wake_pin_that_is_active_when_sleep_begins_wakes_at_once():
    main = """
import machine, esp32
print(machine.wake_reason())
if machine.wake_reason() == 0:
    esp32.wake_on_ext1([machine.Pin(1, machine.Pin.IN)], esp32.WAKEUP_ANY_HIGH)
machine.deepsleep(100000)
"""
    with BareBoard(main) as board:
        board.pins.line(1).drive(1)
        lines = board.run(5)
    assert lines == ["0", "3"]


def test_a_pin_outside_the_rtc_domain_cannot_be_a_wake_source():
    main = """
import machine, esp32
try:
    esp32.wake_on_ext1([machine.Pin(39)], True)
except (OSError, ValueError) as e:
    print("no")
"""
    with BareBoard(main) as board:
        assert board.run(2) == ["no"]


def test_light_sleep_keeps_ram_and_draws_the_light_sleep_current():
    main = """
import machine, time
x = 5
t = time.ticks_ms()
machine.lightsleep(30000)
print(x, time.ticks_diff(time.ticks_ms(), t) // 1000)
"""
    with BareBoard(main) as board:
        assert board.run(40) == ["5 30"]
        board.device.ledger.settle()
        assert board.device.mcu.time_us["light_sleep"] == 30_000_000
        assert board.device.mcu.charge_uas["light_sleep"] == pytest.approx(60_000)


def test_the_rtc_slips_as_the_board_file_says():
    main = "import machine, time\nprint(time.time())\nmachine.deepsleep(1000000)\n"
    with BareBoard(main, rtc_ppm=50_000) as board:
        first, second = (int(line) for line in board.run(1002))
    assert second - first == pytest.approx(1050, abs=1)


def test_an_uncaught_exception_is_logged_and_leaves_the_board_at_its_prompt():
    with BareBoard("1 / 0\n") as board:
        lines = board.run(2)
        assert "ZeroDivisionError" in lines[-1]
        assert board.kinds() == ["crash", "prompt"]


def test_a_software_reset_of_the_esp32_is_told_as_one_and_keeps_rtc_memory():
    main = """
import machine
print(machine.reset_cause(), machine.RTC().memory())
machine.RTC().memory(b"kept")
machine.reset()
"""
    with BareBoard(main) as board:
        assert board.run(1.5) == ["1 b''", "5 b'kept'"]


def test_deep_sleep_of_zero_sets_no_timer_on_the_esp32():
    with BareBoard("import machine\nprint(1)\nmachine.deepsleep(0)\n") as board:
        assert board.run(1000) == ["1"]
        assert board.device.deep


@pytest.mark.parametrize(("mcu", "calls"), [
    ("esp32", ["wake_on_ext0", "wake_on_ext1"]), ("esp32s3", ["wake_on_ext0", "wake_on_ext1", "wake_on_ulp"]),
    ("esp32c3", ["wake_on_gpio"]),
])
def test_a_chips_port_offers_only_the_wake_sources_the_chip_has(mcu, calls):
    main = """
import esp32
print([name for name in sorted(dir(esp32)) if name.startswith("wake_on")])
"""
    with BareBoard(main, mcu) as board:
        assert board.run(3) == [str(calls)]


@pytest.mark.parametrize("mcu", ["esp32s3", "esp32c3"])
def test_the_firmware_wakes_by_a_pin_on_a_chip_with_and_without_ext1(mcu):
    main = """
from kerb.power import Power, woke_by_pin
power = Power(True)
print(woke_by_pin())
power.deep_sleep(100000, [(4, 1)])
"""
    with BareBoard(main, mcu, firmware=True) as board:
        board.kernel.at(20_000_000, board.pins.line(4).drive, 1)
        board.kernel.at(20_000_100, board.pins.line(4).drive, 0)
        assert board.run(30) == ["False", "True"]


def test_the_firmware_feeds_the_radio_before_it_talks_to_it():
    main = """
from machine import Pin
from kerb.errors import RadioError
from kerb.radio.sx1262 import from_board
table = {"spi": 1, "sck": 9, "mosi": 10, "miso": 11, "cs": 8, "reset": 12, "busy": 13, "dio1": 14}
table["enable"] = [{"pin": 7, "level": 1, "what": "front end"}]
try:
    from_board(table)
except RadioError:
    print(Pin(7).value())
"""
    with BareBoard(main, firmware=True) as board:
        assert board.run(3) == ["1"]
