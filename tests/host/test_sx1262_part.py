"""The virtual SX1262 by its SPI commands, as a driver sends them."""

import random
from struct import pack

import pytest
from kerbstone.emulator.air.channel import Channel
from kerbstone.emulator.air.lora import airtime_us, symbols_us
from kerbstone.emulator.kernel import Kernel
from kerbstone.emulator.ledger import Meter
from kerbstone.emulator.parts.base import Line, PartContext
from kerbstone.emulator.parts.sx1262 import PART, Sx1262
from kerbstone.emulator.world.constant import Constant

TX_DONE, RX_DONE, PREAMBLE, HEADER_VALID, HEADER_ERR, CRC_ERR, TIMEOUT = 1, 2, 4, 0x10, 0x20, 0x40, 0x200
FREQ = 868_100_000
FOREVER = 1 << 62


class Bench:
    """A chip, its wires, and a person who sends commands."""

    def __init__(self, kernel, air, node="a", rxen=False, **options):
        self.kernel = kernel
        names = ["cs", "busy", "dio1", "reset"] + (["rxen"] if rxen else [])
        self.lines = {name: Line(name, 1 if name in ("cs", "reset") else 0) for name in names}
        self.meter = Meter(kernel, "radio")
        site = Constant(0, random.Random(0), {})
        ctx = PartContext("radio", kernel, site, random.Random(1), self.meter, {"air": air, "node": node, **options}, self.lines)
        self.chip = PART(ctx)
        self.chip.power_on()

    def run(self, us):
        self.kernel.run(self.kernel.now + us)

    def ready(self, limit_us=100_000):
        """us until BUSY falls."""
        start = self.kernel.now
        while self.lines["busy"].level:
            assert self.kernel.now - start < limit_us, "BUSY never fell"
            self.run(1)
        return self.kernel.now - start

    def raw(self, data):
        self.lines["cs"].drive(0)
        out = self.chip.spi_transfer(data)
        self.lines["cs"].drive(1)
        return out

    def do(self, *data):
        self.ready()
        return self.raw(bytes(data))

    def write(self, register, *data):
        self.do(0x0D, *pack(">H", register), *data)

    def read(self, register, size=1):
        return self.do(0x1D, *pack(">H", register), *bytes(1 + size))[4:]

    def irq(self):
        return int.from_bytes(self.do(0x12, 0, 0, 0)[2:], "big")

    def errors(self):
        return int.from_bytes(self.do(0x17, 0, 0, 0)[2:], "big")

    def mode(self):
        return self.do(0xC0, 0)[1] >> 4 & 7

    def misuse(self):
        return [e[3]["what"] for e in self.kernel.log.of(self.chip.node, "radio_misuse")]

    def setup(self, sf=7, tcxo=False, sync=0x3444, crc=1, inverted=0, size=4, freq=FREQ, ldro=0, boosted=False, rf_switch=True):
        self.do(0x80, 0)
        if tcxo:
            self.do(0x97, 2, *pack(">I", 320)[1:])  # 1.8 V, 5 ms
        self.do(0x96, 1)
        self.do(0x9D, 1 if rf_switch else 0)
        self.do(0x8A, 1)
        self.do(0x86, *pack(">I", (freq << 25) // 32_000_000))
        self.do(0x8B, sf, 4, 1, ldro)
        self.do(0x8C, 0, 8, 0, size, crc, inverted)
        self.write(0x0736, 0x09 if inverted else 0x0D)
        self.write(0x0740, sync >> 8, sync & 255)
        self.write(0x08AC, 0x96 if boosted else 0x94)
        self.do(0x95, 2, 2, 0, 1)
        self.do(0x8E, 22, 4)
        self.do(0x08, *pack(">HHHH", 0x3FF, 0x3FF, 0, 0))

    def transmit(self, data=b"kerb"):
        self.do(0x0E, 0, *data)
        self.do(0x83, 0, 0, 0)

    def listen(self, timeout_us=0, symbols=0):
        self.do(0x8F, 0, 0)
        self.do(0xA0, symbols)
        self.do(0x82, *pack(">I", timeout_us * 64 // 1000)[1:])

    def packet(self):
        size, start = self.do(0x13, 0, 0, 0)[2:]
        return self.do(0x1E, start, 0, *bytes(size))[3:]


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


def pair(world, a=None, b=None, a_options=None, b_options=None):
    sender, receiver = Bench(*world, "a", **(a_options or {})), Bench(*world, "b", **(b_options or {}))
    sender.setup(**(a or {}))
    receiver.setup(**(b or {}))
    return sender, receiver


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


# -- transmit ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("sf", "ldro"), [(7, 0), (10, 0), (12, 1)])
def test_tx_done_comes_after_switching_ramp_and_the_exact_time_on_air(bench, sf, ldro):
    bench.setup(sf=sf, ldro=ldro)
    bench.do(0x80, 1)
    bench.ready()
    bench.do(0x0E, 0, *b"kerb")
    bench.ready()
    rises = []
    bench.lines["dio1"].watchers.append(lambda level: rises.append(bench.kernel.now))
    start = bench.kernel.now
    bench.raw(b"\x83\0\0\0")
    bench.run(3_000_000)
    assert rises == [start + 105 + 200 + airtime_us(4, sf, 125_000)]
    assert bench.irq() == TX_DONE
    bench.do(0x02, 0x03, 0xFF)
    assert bench.lines["dio1"].level == 0
    assert bench.mode() == 2


def test_a_tx_timeout_shorter_than_the_frame_cuts_it(bench):
    bench.setup(sf=12, ldro=1)
    bench.do(0x0E, 0, *b"kerb")
    bench.do(0x83, 0, 0, 64)
    bench.run(100_000)
    assert bench.irq() == TIMEOUT
    assert bench.kernel.log.of(kind="cut_short")


@pytest.mark.parametrize(
    ("pa", "dbm", "ma"), [((4, 7), 22, 118), ((3, 5), 20, 84), ((2, 3), 17, 58), ((2, 2), 14, 45)]
)
def test_power_and_current_follow_the_pa_setting(bench, pa, dbm, ma):
    bench.setup()
    bench.do(0x95, *pa, 0, 1)
    bench.transmit()
    bench.run(10_000)
    assert bench.kernel.log.of(kind="on_air")[0][3]["power_dbm"] == dbm
    assert bench.meter.state == "tx"
    assert bench.meter.current_ua == pytest.approx(ma * 1000)


def test_the_frequency_word_is_32_mhz_over_2_to_the_25(bench):
    bench.setup(freq=869_525_000)
    bench.transmit()
    bench.run(10_000)
    assert abs(bench.kernel.log.of(kind="on_air")[0][3]["freq_hz"] - 869_525_000) <= 1


def test_only_interrupts_in_the_mask_are_flagged_and_only_routed_ones_raise_dio1(bench):
    bench.setup()
    bench.do(0x08, *pack(">HHHH", TX_DONE, 0, 0, 0))
    bench.transmit()
    bench.run(200_000)
    assert bench.lines["dio1"].level == 0
    assert bench.irq() == TX_DONE
    bench.do(0x08, *pack(">HHHH", TX_DONE, TX_DONE, 0, 0))
    assert bench.lines["dio1"].level == 1


def test_gfsk_is_refused_rather_than_imitated(bench):
    bench.setup()
    bench.do(0x8A, 0)
    bench.transmit()
    assert bench.do(0xC0, 0)[1] >> 1 & 7 == 5


# -- two chips -----------------------------------------------------------------------------------------------------------------


def test_a_frame_crosses_from_chip_to_chip_with_level_and_snr(world):
    a, b = pair(world)
    b.listen()
    a.transmit(b"road")
    b.run(100_000)
    assert b.irq() == PREAMBLE | HEADER_VALID | RX_DONE
    assert b.packet() == b"road"
    rssi, snr, _ = b.do(0x14, 0, 0, 0, 0)[2:]
    assert -rssi / 2 == 14 - 100
    assert snr / 4 == pytest.approx(-86 + 173.98 - 50.97 - 8, abs=0.25)
    assert b.mode() == 2


def test_continuous_reception_takes_frame_after_frame_and_moves_on_in_the_buffer(world):
    a, b = pair(world)
    b.do(0x8F, 0, 0)
    b.do(0x82, 0xFF, 0xFF, 0xFF)
    got = []
    for text in (b"one.", b"two."):
        a.transmit(text)
        b.run(100_000)
        got.append((bytes(b.do(0x13, 0, 0, 0)[2:]), b.packet()))
    assert got == [(b"\4\0", b"one."), (b"\4\4", b"two.")]
    assert b.mode() == 5


@pytest.mark.parametrize(
    "b_setup",
    [
        {"sync": 0x1424}, {"inverted": 1}, {"sf": 8}, {"freq": FREQ + 200_000}, {"rf_switch": False},
    ],
    ids=["sync word", "IQ", "SF", "frequency", "RF switch"],
)  # fmt: skip
def test_a_receiver_set_otherwise_hears_nothing(world, b_setup):
    world[1].link("a", "b", 115.0)
    a, b = pair(world, b=b_setup)
    b.listen()
    a.transmit()
    b.run(100_000)
    assert b.irq() & ~PREAMBLE == 0
    assert b.mode() == 5


def test_inverted_iq_needs_register_0736_on_both_sides(world):
    for wrong in (None, "a", "b"):
        a, b = pair(world, {"inverted": 1}, {"inverted": 1})
        if wrong:
            {"a": a, "b": b}[wrong].write(0x0736, 0x0D)
        b.listen()
        a.transmit()
        b.run(100_000)
        assert bool(b.irq() & RX_DONE) == (wrong is None)


def test_a_sender_without_rf_switch_radiates_60_db_less(world):
    a, b = pair(world, {"rf_switch": False})
    b.listen()
    a.transmit()
    b.run(100_000)
    assert b.irq() == 0
    assert world[0].log.of("a", "on_air")[0][3]["power_dbm"] == 14 - 60


def test_low_data_rate_optimisation_must_agree(world):
    a, b = pair(world, {"sf": 12, "ldro": 1}, {"sf": 12, "ldro": 0})
    b.listen()
    a.transmit()
    b.run(2_000_000)
    assert b.irq() & (RX_DONE | CRC_ERR) == RX_DONE | CRC_ERR


def test_rxen_must_be_high_to_receive(world):
    world[1].link("a", "b", 115.0)
    for level in (0, 1):
        a, b = pair(world, b_options={"rxen": True})
        b.lines["rxen"].drive(level)
        b.listen()
        a.transmit()
        b.run(100_000)
        assert bool(b.irq() & RX_DONE) == bool(level)


def test_a_reset_in_the_middle_of_a_frame_leaves_a_crc_error_at_the_receiver(world):
    a, b = pair(world, {"size": 100})
    b.listen()
    a.transmit(bytes(100))
    b.run(60_000)
    a.lines["reset"].drive(0)
    b.run(200_000)
    assert b.irq() & (RX_DONE | CRC_ERR) == RX_DONE | CRC_ERR


def test_sensitivity_depends_on_the_gain_setting_by_two_db(world):
    limit = 14 + 135.0 + 0.01  # SF12, power saving gain
    for beyond, boosted, heard in ((-0.5, False, True), (1.0, False, False), (1.0, True, True), (3.0, True, False)):
        world[1].link("a", "b", limit + beyond)
        a, b = pair(world, {"sf": 12, "ldro": 1}, {"sf": 12, "ldro": 1, "boosted": boosted})
        b.listen()
        a.transmit()
        b.run(2_000_000)
        assert bool(b.irq() & RX_DONE) == heard


# -- windows -------------------------------------------------------------------------------------------------------------------


def windowed(world, late_symbols, symbols=8, timeout_us=200_000):
    """b opens its window `late_symbols` after the first edge of a's preamble; returns (irq, mode)."""
    a, b = pair(world, {"sf": 9}, {"sf": 9})
    b.do(0xA0, symbols)
    b.do(0x80, 1)
    a.do(0x80, 1)
    a.do(0x0E, 0, *b"kerb")
    a.ready()
    b.ready()
    first_edge = a.kernel.now + 50_000 + 105 + 200
    a.kernel.at(first_edge - 305, a.raw, b"\x83\0\0\0")
    opened = first_edge + int(late_symbols * symbols_us(1, 9, 125_000))
    a.kernel.at(opened - 62, b.raw, b"\x82" + pack(">I", timeout_us * 64 // 1000)[1:])
    a.run(600_000)
    return b.irq(), b.mode()


@pytest.mark.parametrize("late", [-2.9, -1.0, 0.0, 2.9])
def test_a_window_with_five_preamble_symbols_in_it_receives(world, late):
    irq, mode = windowed(world, late)
    assert irq & RX_DONE and not irq & TIMEOUT
    assert mode == 2


@pytest.mark.parametrize("late", [-3.1, -20.0, 3.1, 8.0])
def test_a_window_too_early_or_too_late_times_out(world, late):
    irq, mode = windowed(world, late)
    assert irq == TIMEOUT
    assert mode == 2


def test_the_symbol_timeout_fires_after_exactly_that_many_symbols(bench):
    bench.setup(sf=9)
    rises = []
    bench.lines["dio1"].watchers.append(lambda level: rises.append(bench.kernel.now))
    bench.listen(symbols=10)
    start = bench.kernel.now
    bench.run(100_000)
    assert rises == [start + 83 + symbols_us(10, 9, 125_000)]


def test_the_timer_stops_at_the_header_or_at_the_preamble_as_told(world):
    for on_preamble, received in ((0, False), (1, True)):
        a, b = pair(world, {"sf": 9}, {"sf": 9})
        b.do(0x9F, on_preamble)
        b.listen(timeout_us=50_000)  # preamble 33 ms, header after 83 ms
        a.transmit()
        b.run(500_000)
        assert bool(b.irq() & RX_DONE) == received
        assert bool(b.irq() & TIMEOUT) != received


def test_the_receiver_is_charged_for_its_window_only(bench):
    bench.setup(sf=7, boosted=True)
    bench.listen(timeout_us=30_000)
    bench.run(200_000)
    bench.meter.settle()
    assert bench.meter.charge_uas["rx_boosted"] == pytest.approx(5300 * 0.030, rel=0.01)
