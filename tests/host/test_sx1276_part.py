"""The virtual SX1276 by its registers, as the data sheet tells them."""

import random

import pytest
from sx1276_bench import FREQ, RX, RX_DONE, RX_SINGLE, RX_TIMEOUT, SLEEP, STANDBY, TX, TX_DONE, VALID_HEADER, Bench

from kerbstone.emulator.air.channel import Channel
from kerbstone.emulator.air.lora import airtime_us, symbols_us
from kerbstone.emulator.kernel import Kernel
from kerbstone.emulator.parts.sx1276 import PART, Sx1276


@pytest.fixture
def world():
    kernel = Kernel()
    air = Channel(kernel)
    air.link("a", "b", 100.0)
    return kernel, air


@pytest.fixture
def bench(world):
    return Bench(*world)


def test_the_part_is_found_by_its_module():
    assert PART is Sx1276


# -- registers, reset, FIFO ----------------------------------------------------------------------------------------------------


def test_registers_after_reset_are_those_of_the_sheet_on_both_pages(bench):
    assert bench.read(0x01)[0] == 0x09 and bench.read(0x42)[0] == 0x12 and bench.read(0x06, 3) == b"\x6c\x80\x00"
    assert bench.read(0x3B)[0] == 0x82, "image calibration, on the FSK page"
    bench.mode(SLEEP)
    assert bench.read(0x01)[0] == 0x00, "LongRangeMode changes in sleep only"
    bench.mode(SLEEP)
    assert bench.read(0x01)[0] == 0x80
    found = bench.read(0x1D, 3) + bench.read(0x31) + bench.read(0x33) + bench.read(0x37) + bench.read(0x39) + bench.read(0x3B)
    assert found == b"\x72\x70\x64\xc3\x27\x0a\x12\x1d"


def test_a_reset_brings_the_values_back_and_takes_five_milliseconds(bench):
    bench.setup(sync=0x77)
    bench.lines["reset"].drive(0)
    assert bench.read(0x42) == b"\0"
    bench.lines["reset"].drive(1)
    assert bench.read(0x42) == b"\0" and "within 5 ms" in bench.misuse()[-1]
    bench.run(5000)
    assert bench.read(0x01)[0] == 0x09
    bench.calibrate()
    assert bench.read(0x39)[0] == 0x12


def test_the_address_moves_on_but_stays_at_the_fifo_whose_pointer_moves(bench):
    bench.calibrate()
    bench.write(0x0D, 254, 0, 0)
    bench.write(0x00, 1, 2, 3)
    assert bench.read(0x0D)[0] == 1
    bench.write(0x0D, 254)
    assert bench.read(0x00, 4) == b"\1\2\3\0"
    bench.write(0x20, 0x12, 0x34, 0x56)
    assert bench.read(0x20, 3) == b"\x12\x34\x56"


def test_sleep_clears_the_fifo_and_refuses_it_but_keeps_the_registers(bench):
    bench.setup(sync=0x77)
    bench.write(0x0D, 0)
    bench.write(0x00, 9, 9)
    bench.mode(SLEEP)
    assert bench.meter.current_ua == 0.2
    bench.write(0x00, 1)
    assert "written in sleep" in bench.misuse()[-1]
    bench.mode(STANDBY)
    bench.write(0x0D, 0)
    assert bench.read(0x00, 2) == b"\0\0" and bench.read(0x39)[0] == 0x77


def test_read_only_registers_stay_and_flags_are_cleared_by_ones(bench):
    bench.setup()
    bench.transmit()
    bench.run(200_000)
    for register in (0x42, 0x13, 0x19, 0x10):
        before = bench.read(register)
        bench.write(register, 0x55)
        assert bench.read(register) == before
    bench.write(0x12, 0xF7)
    assert bench.irq() == TX_DONE
    bench.write(0x12, 0x08)
    assert bench.irq() == 0 and bench.lines["dio0"].level == 0


# -- transmit ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("sf", "bw", "ldro"), [(7, 125_000, 0), (9, 250_000, 0), (12, 125_000, 1), (8, 500_000, 0)])
def test_tx_done_comes_after_synthesizer_ramp_and_the_exact_time_on_air(bench, sf, bw, ldro):
    bench.setup(sf=sf, bw=bw, ldro=ldro)
    rises = []
    bench.lines["dio0"].watchers.append(lambda level: rises.append(bench.kernel.now))
    start = bench.kernel.now
    bench.transmit()
    bench.run(3_000_000)
    assert rises == [start + 60 + 40 + airtime_us(4, sf, bw)]
    assert bench.irq() == TX_DONE and bench.read(0x01)[0] & 7 == STANDBY


def test_from_sleep_the_crystal_starts_first(bench):
    bench.setup()
    bench.mode(SLEEP)
    start = bench.kernel.now
    bench.mode(TX)
    bench.run(200_000)
    assert bench.kernel.log.of("a", "on_air")[0][0] == start + 250 + 60 + 40


@pytest.mark.parametrize(
    ("pa", "dac", "ocp", "dbm", "ma"),
    [(0x8F, 0x84, 0x2B, 17, 87), (0x80, 0x84, 0x2B, 2, 87), (0x8F, 0x87, 0x31, 20, 120), (0x8F, 0x87, 0x2B, 10, 105.8),
     (0x8F, 0x87, 0x0B, 20, 120), (0x7E, 0x84, 0x2B, 14 - 60, 29), (0x77, 0x84, 0x2B, 7 - 60, 20)],
)  # fmt: skip
def test_power_and_current_follow_the_registers(bench, pa, dac, ocp, dbm, ma):
    """The last but three: 120 mA do not pass a protection set to 100 mA. The last two: no antenna hangs on RFO."""
    bench.setup()
    for register, value in ((0x09, pa), (0x4D, dac), (0x0B, ocp)):
        bench.write(register, value)
    bench.transmit()
    bench.run(10_000)
    assert bench.kernel.log.of(kind="on_air")[0][3]["power_dbm"] == pytest.approx(dbm, abs=0.1)
    assert bench.meter.current_ua == pytest.approx(ma * 1000)


def test_a_board_with_its_antenna_on_rfo_sends_through_it(world):
    bench = Bench(*world, pa_boost=False)
    bench.setup()
    bench.write(0x09, 0x7E)
    bench.transmit()
    bench.run(10_000)
    assert world[0].log.of(kind="on_air")[0][3]["power_dbm"] == 14 and not bench.misuse()


def test_the_carrier_is_in_steps_of_32_mhz_over_2_to_the_19(bench):
    bench.setup(freq=869_525_000)
    bench.transmit()
    bench.run(10_000)
    assert abs(bench.kernel.log.of(kind="on_air")[0][3]["freq_hz"] - 869_525_000) <= 62


def test_a_reset_cuts_a_frame(bench):
    bench.setup()
    bench.transmit()
    bench.run(5_000)
    bench.lines["reset"].drive(0)
    assert bench.kernel.log.of(kind="cut_short")


# -- receive -------------------------------------------------------------------------------------------------------------------


def test_a_frame_crosses_with_flags_counters_level_and_snr(world):
    a, b = Bench(*world, "a"), Bench(*world, "b")
    a.setup()
    b.setup()
    b.listen()
    a.transmit(b"road")
    b.run(100_000)
    assert b.irq() == VALID_HEADER | RX_DONE and b.lines["dio0"].level == 1 and b.lines["dio1"].level == 0
    snr, raw = b.read(0x19, 2)
    assert -157 + raw * 16 / 15 == pytest.approx(14 - 100, abs=0.6)
    assert snr / 4 == pytest.approx(-86 + 173.98 - 50.97 - 7, abs=0.25)
    assert b.read(0x14, 4) == b"\0\1\0\1" and b.packet() == b"road"
    assert b.read(0x01)[0] & 7 == RX and not b.misuse()


def test_continuous_reception_moves_on_in_the_fifo(world):
    a, b = Bench(*world, "a"), Bench(*world, "b")
    a.setup()
    b.setup()
    b.listen()
    got = []
    for text in (b"one.", b"two."):
        a.transmit(text)
        b.run(100_000)
        got.append((b.read(0x10)[0], b.packet()))
    assert got == [(0, b"one."), (4, b"two.")]


@pytest.mark.parametrize("symbols", [4, 100, 1023])
def test_a_single_reception_times_out_after_exactly_its_symbols(bench, symbols):
    bench.setup(sf=8)
    bench.write(0x1E, 0x84 | symbols >> 8, symbols & 255)
    rises = []
    bench.lines["dio1"].watchers.append(lambda level: rises.append(bench.kernel.now))
    start = bench.kernel.now
    bench.listen(RX_SINGLE)
    bench.run(3_000_000)
    assert rises == [start + 60 + symbols_us(symbols, 8, 125_000)]
    assert bench.irq() == RX_TIMEOUT and bench.read(0x01)[0] & 7 == STANDBY


@pytest.mark.parametrize(
    ("wrong", "word"),
    [({0x39: 0x12}, ""), ({0x33: 0x67}, ""), ({0x3B: 0x19}, ""), ({0x1E: 0x84}, ""), ({0x26: 0x0C}, ""), ({0x31: 0xC3}, "errata 2.3"),
     ({0x37: 0x0C}, "SF6")],
    ids=["sync word", "IQ", "IQ 2", "SF", "LDRO", "AutomaticIF", "detector"],
)  # fmt: skip
def test_a_receiver_set_otherwise_hears_nothing_good_or_the_log_says_so(world, wrong, word):
    a, b = Bench(*world, "a"), Bench(*world, "b")
    a.setup()
    b.setup()
    for register, value in wrong.items():
        b.write(register, value)
    b.listen()
    a.transmit()
    b.run(100_000)
    assert (b.irq() & 0x60 != RX_DONE) or (word and word in b.misuse()[-1])


def test_without_the_errata_half_a_megahertz_is_deafer_by_three_decibels(world):
    for loss, tuned, heard in ((133.5, True, True), (133.5, False, False), (130.5, False, True)):
        world[1].link("a", "b", loss)
        a, b = Bench(*world, "a"), Bench(*world, "b")
        a.setup(sf=8, bw=500_000)
        b.setup(sf=8, bw=500_000)
        if not tuned:
            b.write(0x36, 3)
        b.listen()
        a.transmit()
        b.run(100_000)
        assert bool(b.irq() & RX_DONE) == heard and bool(b.misuse()) != tuned


def test_rssi_reads_the_noise_and_then_the_frame(world):
    a, b = Bench(*world, "a"), Bench(*world, "b")
    a.setup()
    b.setup()
    b.listen()
    b.run(1000)
    assert b.read(0x1B)[0] - 157 == pytest.approx(-116, abs=1)
    a.transmit()
    b.run(10_000)
    assert b.read(0x1B)[0] - 157 == -86


def test_a_damaged_header_ends_nothing(world):
    """The host's clock must: after a false lock the symbol timeout no longer runs."""
    world[1].link("c", "b", 100.0)
    a, b, c = (Bench(*world, name) for name in "abc")
    for chip in (a, b, c):
        chip.setup(sf=9)
    b.listen(RX_SINGLE)
    a.transmit(b"a" * 20)
    b.run(40_000)
    c.transmit(b"c" * 20)
    b.run(5_000_000)
    assert b.irq() == 0 and b.read(0x01)[0] & 7 == RX_SINGLE


def test_masked_flags_are_not_set(world):
    a, b = Bench(*world, "a"), Bench(*world, "b")
    a.setup()
    b.setup()
    b.write(0x11, 0xBF)
    b.listen()
    a.transmit()
    b.run(100_000)
    assert b.irq() == RX_DONE


# -- clock, calibration, variants, charge --------------------------------------------------------------------------------------


@pytest.mark.parametrize("board", [False, True])
@pytest.mark.parametrize("armed", [False, True])
def test_the_oscillator_runs_only_when_driver_and_board_agree(world, board, armed):
    bench = Bench(*world, board_tcxo=board)
    bench.write(0x4B, 0x19 if armed else 0x09)
    bench.setup()
    bench.transmit()
    bench.run(200_000)
    assert bool(bench.irq() & TX_DONE) == (board == armed) and bool(bench.misuse()) == (board != armed)


def test_reception_without_image_calibration_in_this_band_is_noted(bench):
    bench.write(0x01, 0x00)
    bench.mode(SLEEP)
    bench.mode(STANDBY)
    bench.tune(FREQ)
    bench.listen()
    bench.run(1000)
    assert any("not calibrated" in what for what in bench.misuse())


def test_calibration_runs_for_ten_milliseconds_in_fsk_standby(bench):
    bench.write(0x01, 0x01)
    bench.write(0x3B, 0x42)
    assert bench.read(0x3B)[0] & 0x20
    bench.run(10_000)
    assert not bench.read(0x3B)[0] & 0x20


@pytest.mark.parametrize(
    ("model", "sf", "freq", "sends"),
    [("sx1277", 9, FREQ, True), ("sx1277", 10, FREQ, False), ("sx1278", 9, FREQ, False), ("sx1279", 9, FREQ, True)],
)  # fmt: skip
def test_the_chips_of_the_family_differ_in_spreading_factor_and_band(world, model, sf, freq, sends):
    bench = Bench(*world, model=model)
    bench.setup(sf=sf, freq=freq)
    bench.transmit()
    bench.run(1_000_000)
    assert bool(bench.kernel.log.of(kind="on_air")) == sends == (not bench.misuse())


def test_the_lf_port_belongs_to_the_carrier(bench):
    bench.setup()
    bench.write(0x01, 0x80 | 0x08 | TX)
    bench.run(10_000)
    assert not bench.kernel.log.of(kind="on_air") and "LowFrequencyModeOn" in bench.misuse()[-1]


def test_every_mode_is_charged(bench):
    bench.setup()
    for mode, ua in ((SLEEP, 0.2), (STANDBY, 1600), (2, 5800), (RX, 11_000), (SLEEP, 0.2)):
        bench.mode(mode)
        assert bench.meter.current_ua == pytest.approx(ua)
    bench.mode(STANDBY)
    bench.write(0x0C, 0x20)
    bench.mode(RX)
    assert bench.meter.current_ua == pytest.approx(10_300)
    bench.chip.set_power(False)
    assert bench.meter.current_ua == 0


def test_any_bytes_on_its_bus_break_nothing(world):
    kernel, air = world
    a, b = Bench(kernel, air, "a"), Bench(kernel, air, "b")
    b.setup()
    b.listen()
    rng = random.Random(127)
    for _ in range(3000):
        a.lines["cs"].drive(0)
        register = rng.choice((0x00, 0x01, 0x06, 0x0D, 0x1D, 0x26, 0x33, 0x40, rng.randrange(128))) | rng.choice((0, 0x80))
        assert len(a.chip.spi_transfer(bytes((register, *rng.randbytes(rng.randrange(6)))))) >= 1
        a.lines["cs"].drive(1)
        a.run(rng.choice((0, 10, 1000, 50_000)))
    a.lines["reset"].drive(0)
    a.lines["reset"].drive(1)
    a.run(5000)
    a.setup()
    a.transmit(b"sane")
    b.write(0x12, 255)
    b.run(100_000)
    assert b.irq() & RX_DONE and b.packet() == b"sane"
