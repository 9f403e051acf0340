"""A virtual SX1262 that transmits: time on air, power, current, interrupts."""

from struct import pack

import pytest
from sx1262_bench import TIMEOUT, TX_DONE, Bench

from kerbstone.emulator.air.channel import Channel
from kerbstone.emulator.air.lora import airtime_us
from kerbstone.emulator.kernel import Kernel


@pytest.fixture
def bench():
    kernel = Kernel()
    b = Bench(kernel, Channel(kernel))
    b.ready()
    return b


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
