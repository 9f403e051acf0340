"""Virtual SX1262 chips on one channel: what they hear of each other, receive windows, collisions."""

from struct import pack

import pytest
from sx1262_bench import CRC_ERR, FREQ, HEADER_ERR, HEADER_VALID, PREAMBLE, RX_DONE, TIMEOUT, Bench

from kerbstone.emulator.air.channel import Channel
from kerbstone.emulator.air.lora import symbols_us
from kerbstone.emulator.kernel import Kernel


@pytest.fixture
def world():
    kernel = Kernel()
    air = Channel(kernel)
    air.link("a", "b", 100.0)
    return kernel, air


def pair(world, a=None, b=None, a_options=None, b_options=None):
    sender, receiver = Bench(*world, "a", **(a_options or {})), Bench(*world, "b", **(b_options or {}))
    sender.setup(**(a or {}))
    receiver.setup(**(b or {}))
    return sender, receiver


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


def test_the_timer_stops_at_the_header_or_at_the_preamble_as_told(world):
    for on_preamble, received in ((0, False), (1, True)):
        a, b = pair(world, {"sf": 9}, {"sf": 9})
        b.do(0x9F, on_preamble)
        b.listen(timeout_us=50_000)  # preamble 33 ms, header after 83 ms
        a.transmit()
        b.run(500_000)
        assert bool(b.irq() & RX_DONE) == received
        assert bool(b.irq() & TIMEOUT) != received


# -- damage --------------------------------------------------------------------------------------------------------------------


def collision(world, second_at_us, second_db=0.0, crc=1, continuous=False):
    """a and c send the same kind of frame at SF9, c later and `second_db` stronger; what b makes of it: (irq, data)."""
    kernel, air = world
    air.link("c", "b", 100.0 - second_db)
    a, b = pair(world, {"sf": 9, "crc": crc, "size": 20}, {"sf": 9, "size": 20})
    c = Bench(kernel, air, "c")
    c.setup(sf=9, crc=crc, size=20)
    if continuous:
        b.do(0x82, 0xFF, 0xFF, 0xFF)
    else:
        b.listen()
    for sender, text in ((a, b"a"), (c, b"c")):
        sender.do(0x0E, 0, *text * 20)
        sender.do(0x80, 1)
        sender.ready()
    kernel.at(kernel.now, a.raw, b"\x83\0\0\0")
    kernel.at(kernel.now + second_at_us, c.raw, b"\x83\0\0\0")
    b.run(1_000_000)
    irq = b.irq()
    return irq, b.packet() if irq & RX_DONE else None


def test_a_collision_before_the_header_ends_is_a_header_error(world):
    assert collision(world, 40_000) == (PREAMBLE | HEADER_ERR, None)


def test_a_collision_in_the_payload_is_a_crc_error_and_the_receiver_stays_with_the_first_frame(world):
    irq, data = collision(world, 100_000, second_db=10.0)
    assert irq == PREAMBLE | HEADER_VALID | RX_DONE | CRC_ERR
    assert data != b"a" * 20 and data != b"c" * 20


def test_a_continuous_receiver_that_is_locked_does_not_see_a_second_preamble(world):
    irq, data = collision(world, 100_000, second_db=10.0, continuous=True)
    assert irq & CRC_ERR and data != b"c" * 20


def test_a_collision_without_crc_damages_the_data_silently(world):
    irq, data = collision(world, 100_000, crc=0)
    assert irq == PREAMBLE | HEADER_VALID | RX_DONE
    assert data != b"a" * 20


def test_a_much_stronger_first_frame_is_captured_whole(world):
    assert collision(world, 40_000, second_db=-10.0) == (PREAMBLE | HEADER_VALID | RX_DONE, b"a" * 20)


def test_a_frame_six_db_stronger_takes_a_receiver_that_has_not_locked_yet(world):
    irq, data = collision(world, 5_000, second_db=10.0)
    assert irq & RX_DONE and data == b"c" * 20


def test_the_timer_does_not_end_a_frame_whose_header_was_read(world):
    a, b = pair(world, {"sf": 9}, {"sf": 9})
    b.listen(timeout_us=95_000)  # header ends after 83 ms, the frame after 123 ms
    a.transmit()
    b.run(500_000)
    assert b.irq() & RX_DONE and not b.irq() & TIMEOUT


def test_rssi_reads_the_noise_and_then_the_frame(world):
    a, b = pair(world)
    b.listen()
    b.run(1000)
    assert -b.do(0x15, 0, 0)[2] / 2 == pytest.approx(-115, abs=0.5)
    a.transmit()
    b.run(10_000)
    assert -b.do(0x15, 0, 0)[2] / 2 == -86
