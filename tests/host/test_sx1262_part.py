"""The virtual SX1262 by its SPI commands, as a driver sends them."""


import pytest
from sx1262_bench import Bench

from kerbstone.emulator.air.channel import Channel
from kerbstone.emulator.air.lora import symbols_us
from kerbstone.emulator.kernel import Kernel
from kerbstone.emulator.parts.sx1262 import PART, Sx1262


@pytest.fixture
def world():
    kernel = Kernel()
    air = Channel(kernel)
    air.link("a", "b", 100.0)
    return kernel, air


@pytest.fixture
def bench(world):
    b = Bench(*world)
    b.ready()
    return b


def test_the_part_is_found_by_its_module():
    assert PART is Sx1262


# -- supply, reset, BUSY -------------------------------------------------------------------------------------------------------


def test_busy_is_high_for_3500_us_after_power_on_and_after_reset(world):
    b = Bench(*world)
    assert b.ready() == 3500
    b.lines["reset"].drive(0)
    b.run(100)
    b.lines["reset"].drive(1)
    assert b.ready() == 3500
    assert b.mode() == 2


def test_the_sync_word_register_reads_its_reset_value_and_what_was_written(bench):
    assert bench.read(0x0740, 2) == b"\x14\x24"
    bench.write(0x0740, 0x34, 0x44)
    assert bench.read(0x0740, 2) == b"\x34\x44"
    bench.lines["reset"].drive(0)
    bench.lines["reset"].drive(1)
    assert bench.read(0x0740, 2) == b"\x14\x24"


def test_a_command_may_come_in_several_transfers_while_selected(bench):
    bench.ready()
    bench.lines["cs"].drive(0)
    for part in (b"\x0d", b"\x07\x40", b"\x12\x34"):
        bench.chip.spi_transfer(part)
    bench.lines["cs"].drive(1)
    assert bench.read(0x0740, 2) == b"\x12\x34"


def test_a_command_while_busy_is_lost_and_logged(world):
    b = Bench(*world)
    assert b.raw(b"\x0d\x07\x40\x99\x99") == bytes(5)
    assert b.read(0x0740, 2) == b"\x14\x24"
    assert b.misuse() == ["command 0x0d while BUSY"]


def test_an_unknown_or_short_command_is_a_processing_error_in_the_status(bench):
    for frame in ((0xEE,), (0x86, 1)):
        bench.do(*frame)
        assert bench.do(0xC0, 0)[1] >> 1 & 7 == 4


def test_the_buffer_wraps_at_256(bench):
    bench.do(0x0E, 254, 1, 2, 3, 4)
    assert bench.do(0x1E, 254, 0, 0, 0, 0, 0)[3:] == b"\1\2\3\4"
    assert bench.do(0x1E, 0, 0, 0, 0)[3:] == b"\3\4"


@pytest.mark.parametrize(("warm", "us", "sync"), [(4, 340, b"\x34\x44"), (0, 3500, b"\x14\x24")])
def test_sleep_keeps_the_configuration_only_when_warm_and_wakes_on_chip_select(bench, warm, us, sync):
    bench.write(0x0740, 0x34, 0x44)
    bench.do(0x84, warm)
    bench.run(1000)
    assert bench.lines["busy"].level == 1
    assert bench.meter.current_ua == (0.6 if warm else 0.16)
    bench.lines["cs"].drive(0)
    assert bench.ready() == us
    bench.chip.spi_transfer(b"\xc0\0")
    bench.lines["cs"].drive(1)
    assert bench.mode() == 2
    assert bench.read(0x0740, 2) == sync


def test_a_warm_sleep_keeps_the_receive_gain_only_with_the_retention_list(bench):
    for kept, value in ((False, 0x94), (True, 0x96)):
        bench.write(0x08AC, 0x96)
        bench.write(0x029F, *((1, 0x08, 0xAC) if kept else (0, 0, 0)))
        bench.do(0x84, 4)
        bench.run(600)
        bench.lines["cs"].drive(0)
        bench.ready()
        bench.lines["cs"].drive(1)
        assert bench.read(0x08AC)[0] == value


def test_chip_select_within_500_us_of_set_sleep_does_not_wake(bench):
    bench.do(0x84, 4)
    bench.run(200)
    bench.lines["cs"].drive(0)
    bench.run(5000)
    assert bench.lines["busy"].level == 1
    assert "woken too soon after SetSleep" in bench.misuse()


# -- oscillator ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("board_tcxo", [False, True])
@pytest.mark.parametrize("armed", [False, True])
def test_calibration_works_only_when_driver_and_board_agree_about_the_tcxo(world, board_tcxo, armed):
    b = Bench(*world, board_tcxo=board_tcxo)
    if armed:
        b.do(0x97, 2, 0, 1, 64)
    b.do(0x07, 0, 0)
    b.do(0x89, 0x7F)
    assert b.ready() >= 3500
    assert (b.errors() == 0) == (board_tcxo == armed)
    if board_tcxo != armed:
        assert b.errors() & 0x20, "XOSC_START_ERR"


def test_a_tcxo_board_shows_an_xosc_error_after_power_on_until_it_is_cleared(world):
    b = Bench(*world, board_tcxo=True)
    assert b.errors() == 0x20
    b.do(0x07, 0, 0)
    assert b.errors() == 0


def test_without_tcxo_armed_neither_tx_nor_rx_starts(world):
    b = Bench(*world, board_tcxo=True)
    b.setup()
    for opcode in (0x82, 0x83):
        b.do(opcode, 0, 0, 0)
        assert b.do(0xC0, 0)[1] >> 1 & 7 == 5
        assert b.mode() == 2
    b.run(100_000)
    assert not world[0].log.of(kind="on_air")


@pytest.mark.parametrize(("warm", "works"), [(4, True), (0, False)])
def test_tcxo_setting_survives_warm_but_not_cold_sleep(world, warm, works):
    b = Bench(*world, board_tcxo=True)
    b.setup(tcxo=True)
    b.do(0x84, warm)
    b.run(1000)
    b.lines["cs"].drive(0)
    b.ready()
    b.lines["cs"].drive(1)
    b.do(0x07, 0, 0)
    b.do(0x80, 1)
    assert (b.errors() == 0) == works


def test_busy_covers_the_start_of_the_tcxo_once(world):
    b = Bench(*world, board_tcxo=True)
    b.setup(tcxo=True)
    b.do(0x80, 1)
    assert b.ready() == 5000 + 31
    b.do(0x82, 0, 0, 0)
    assert b.ready() == 62


# -- refusals and details ------------------------------------------------------------------------------------------------------


def test_a_command_in_the_wrong_mode_fails_and_changes_nothing(bench):
    bench.setup()
    bench.do(0x80, 1)
    bench.do(0x89, 0x7F)  # calibration needs standby RC
    assert bench.do(0xC0, 0)[1] == 3 << 4 | 5 << 1
    bench.listen()
    bench.do(0x84, 4)  # sleep needs standby
    assert bench.mode() == 5
    assert len(bench.misuse()) == 2


def test_a_warm_sleep_loses_buffer_and_interrupts(bench):
    bench.setup()
    bench.transmit()
    bench.run(200_000)
    bench.do(0x84, 4)
    bench.run(1000)
    assert bench.lines["dio1"].level == 0
    bench.lines["cs"].drive(0)
    bench.ready()
    bench.lines["cs"].drive(1)
    assert bench.irq() == 0
    assert bench.do(0x1E, 0, 0, 0, 0, 0, 0)[3:] == bytes(4)


def test_the_amplifier_of_the_other_chip_radiates_nothing(bench):
    bench.setup()
    bench.do(0x95, 4, 0, 1, 1)
    bench.transmit()
    bench.run(10_000)
    assert bench.kernel.log.of(kind="on_air")[0][3]["power_dbm"] < -30
    assert bench.misuse()


def test_a_running_tcxo_is_charged_with_the_chip(world):
    b = Bench(*world, board_tcxo=True)
    b.setup(tcxo=True)
    b.do(0x80, 1)
    assert (b.meter.state, b.meter.current_ua) == ("standby_xosc", 800 + 1500)
    b.do(0x80, 0)
    assert (b.meter.state, b.meter.current_ua) == ("standby_rc", 600)


def test_the_fallback_mode_is_entered_after_a_packet(bench):
    for code, mode in ((0x20, 2), (0x30, 3), (0x40, 4)):
        bench.setup()
        bench.do(0x93, code)
        bench.transmit()
        bench.run(200_000)
        assert bench.mode() == mode


def test_random_numbers_differ_from_read_to_read(bench):
    assert bench.read(0x0819, 4) != bench.read(0x0819, 4)


def test_without_supply_the_chip_is_silent_and_free(bench):
    bench.setup()
    bench.transmit()
    bench.run(1000)
    bench.chip.set_power(False)
    assert bench.meter.current_ua == 0
    assert bench.kernel.log.of(kind="cut_short")
    assert bench.raw(b"\xc0\0") == b"\0\0"


def test_the_symbol_timeout_fires_after_exactly_that_many_symbols(bench):
    bench.setup(sf=9)
    rises = []
    bench.lines["dio1"].watchers.append(lambda level: rises.append(bench.kernel.now))
    bench.listen(symbols=10)
    start = bench.kernel.now
    bench.run(100_000)
    assert rises == [start + 83 + symbols_us(10, 9, 125_000)]


def test_the_receiver_is_charged_for_its_window_only(bench):
    bench.setup(sf=7, boosted=True)
    bench.listen(timeout_us=30_000)
    bench.run(200_000)
    bench.meter.settle()
    assert bench.meter.charge_uas["rx_boosted"] == pytest.approx(5300 * 0.030, rel=0.01)
