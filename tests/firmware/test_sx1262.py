"""The SX1262 driver against a chip that only keeps registers and a script: the bytes on the bus are those of data sheet Rev 2.1."""

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import lorawan_world  # noqa: F401  (makes `micropython` importable)
import pytest
from sx1262_chip import Chip, bus_story, heard

# isort: split
from kerb.errors import ConfigError, RadioError
from kerb.radio import lora, sx1262, sx1262_bus
from kerb.radio.sx1262 import SX1262, symbol_limit

SF7 = [7, 125000, 242]
SF12 = [12, 125000, 51]
TCXO = {"dio3_tcxo_millivolts": 1800}


@pytest.fixture
def chip(monkeypatch):
    chip = Chip()
    for module in (sx1262, sx1262_bus, lora):
        monkeypatch.setattr(module, "time", chip)
    return chip


def make(chip, **options):
    radio = SX1262(chip, chip.pins, options)
    radio.idle_ms = chip.idle_ms
    return radio


def test_start_of_a_board_with_tcxo(chip):
    make(chip, **TCXO)
    assert chip.pins["reset"].history == [0, 1]
    assert [out.hex() for out in chip.log] == [
        "1d074000",  # the sync word after reset proves the chip
        "8000", "9601", "9d01",  # standby RC, DC-DC, DIO2 as switch
        "9702000140",  # 1.8 V, 5 ms = 320 steps of 15.625 us
        "070000", "897f", "98d7db", "1700",
        "8a01", "8f0000", "0d07403444", "0d08ac94", "0d029f0108ac",
        "1d08d800", "0d08d8de",  # 0xC8 with bits 1..4 set
    ]  # fmt: skip


def test_a_crystal_board_arms_no_tcxo_and_a_boost_is_asked_for(chip):
    make(chip, dio2_rf_sw=False, rx_boost=True, sync_word=0x12)
    assert chip.sent(0x97) == [] and chip.sent(0x9D) == []
    assert "0d08ac96" in chip.sent(0x0D) and "0d07401424" in chip.sent(0x0D)


@pytest.mark.parametrize(("mhz", "pair"), [(868, "d7db"), (915, "e1e9"), (780, "c1c5"), (490, "7581"), (433, "6b6f")])
def test_image_is_calibrated_for_the_band(chip, mhz, pair):
    make(chip, band_mhz=mhz)
    assert chip.sent(0x98) == ["98" + pair]


def test_a_wrong_tcxo_voltage_is_named(chip):
    with pytest.raises(ConfigError, match="dio3_tcxo_millivolts is 1850"):
        make(chip, dio3_tcxo_millivolts=1850)


def test_no_chip_on_the_bus_is_said(chip):
    chip.registers.update({0x0740: 0xFF, 0x0741: 0xFF})
    with pytest.raises(RadioError, match="does not answer"):
        make(chip)


def test_a_failed_calibration_points_at_the_oscillator(chip):
    chip.answers[0x17] = b"\0\x20"
    with pytest.raises(RadioError, match=r"0x0020.*dio3_tcxo_millivolts"):
        make(chip)


def test_a_busy_chip_names_the_command_and_releases_the_bus(chip):
    radio = make(chip)
    chip.stuck = True
    with pytest.raises(RadioError, match="0x80"):
        radio.standby()
    assert chip.pins["cs"].level == 1


# power asked for, PA configuration, SetTxParams power: data sheet table 13-21, the rest by steps below the next row
@pytest.mark.parametrize(
    ("dbm", "pa", "power"),
    [(22, "040700", 22), (20, "030500", 22), (17, "020300", 22), (14, "020200", 22), (13, "020200", 21), (16, "020300", 21),
     (2, "020200", 10), (-9, "020200", -1), (30, "040700", 22), (-40, "020200", -1)],
)  # fmt: skip
def test_power_steps_use_the_optimal_amplifier_setting(chip, dbm, pa, power):
    radio = make(chip)
    radio.configure_tx(868100000, SF7, dbm)
    assert chip.sent(0x95) == ["95" + pa + "01"] and chip.sent(0x8E) == ["8e%02x04" % (power & 255)]


def test_the_board_limits_the_power(chip):
    radio = make(chip, max_power_dbm=14)
    radio.configure_tx(868100000, SF7, 20)
    assert chip.sent(0x95) == ["9502020001"]


def test_transmission_byte_for_byte(chip):
    radio = make(chip, **TCXO)
    chip.log.clear()
    chip.takes_us, chip.irq_after = 30976, b"\0\x01"  # 4 bytes at SF7 are 30.25 symbols
    radio.configure_tx(868100000, SF7, 14)
    start = chip.us
    tick = radio.transmit(b"\x40abc")
    assert [out.hex() for out in chip.log] == [
        "8001",
        "8636419999",  # 868.1 MHz * 2**25 / 32 MHz
        "8b07040100", "1d088900", "0d088905", "9502020001", "8e1604",
        "0e0040616263", "8c000800040100", "1d073600", "0d07360d",
        "080201020100000000", "0203ff",
        "83000c80",  # 30 ms on air + 20 ms of slack, 64 steps a millisecond
        "1200", "0203ff",
    ]  # fmt: skip
    assert 30976 <= tick - start <= 30976 + 2000 and chip.us - tick < 30000
    assert len(chip.naps) == 1 and chip.naps[0] >= 25, "most of the wait is left to the owner"


def test_an_end_of_transmission_slept_through_is_computed(chip):
    radio = make(chip)
    radio.idle_ms = lambda ms: chip.sleep_ms(ms + 30)
    chip.pins["dio1"].handler = lambda pin: None
    chip.takes_us, chip.irq_after = 30976, b"\0\x01"
    radio.configure_tx(868100000, SF7, 14)
    tick = radio.transmit(b"\x40abc")
    assert chip.us - tick > 15000 and abs(tick - (chip.started_at + 30976)) < 100


def test_a_transmission_that_never_ends_is_an_error(chip):
    radio = make(chip)
    radio.configure_tx(868100000, SF7, 14)
    with pytest.raises(RadioError, match="did not finish sending 3 bytes"):
        radio.transmit(b"abc")


def test_reception_byte_for_byte(chip):
    radio = make(chip, **TCXO)
    chip.log.clear()
    heard(chip, b"\x60hello")
    opens = chip.us + 20000
    data, rssi, snr, tick = radio.receive(869525000, SF12, 9, 1200, True, opens)
    assert (data, rssi, snr) == (b"\x60hello", -90, -3)
    assert [out.hex() for out in chip.log] == [
        "8001", "8636586666", "8b0c040101", "1d088900", "0d088905",
        "8c000800ff0001", "1d073600", "0d073609",  # no CRC, IQ inverted: bit 2 of 0x0736 clear
        "a00a", "080262026200000000", "0203ff",
        "82012c00",  # 1200 ms
        "1200", "0203ff", "1300", "1e1000", "1400",
    ]  # fmt: skip
    assert opens + 60000 <= tick <= opens + 62000
    assert chip.pins["rxen"].history[-2:] == [1, 0]


def test_the_receiver_opens_at_the_tick_asked_for(chip):
    radio = make(chip)
    opens = chip.us + 50000
    times = []
    original = chip.commit

    def commit(out):
        if out[0] == 0x82:
            times.append(chip.us)
        original(out)

    chip.commit = commit
    heard(chip, b"x")
    radio.receive(868100000, SF7, 24, 60, True, opens)
    assert 0 <= times[0] - opens <= 500


@pytest.mark.parametrize("status", [b"\x02\0", b"\0\x20", b"\0\x42", b"\0\x22"])
def test_silence_or_a_damaged_packet_is_none(chip, status):
    radio = make(chip)
    heard(chip, b"x")
    chip.irq_after = status
    assert radio.receive(868100000, SF7, 24, 60, True) is None


def test_a_chip_that_reports_nothing_ends_the_window_by_the_clock(chip):
    radio = make(chip)
    start = chip.us
    assert radio.receive(868100000, SF7, 24, 60, True) is None
    assert chip.us - start < 600000


def test_half_a_megahertz_clears_the_modulation_bit(chip):
    radio = make(chip)
    chip.registers[0x0889] = 0x05
    radio.configure_tx(903000000, [8, 500000, 242], 14)
    assert chip.registers[0x0889] == 0x01


def test_an_unknown_bandwidth_is_refused(chip):
    radio = make(chip)
    with pytest.raises(ConfigError, match="SF0"):
        radio.configure_tx(868100000, [0, 0, 242], 14)


@pytest.mark.parametrize(("raw", "free"), [(0xA0, True), (0x82, True), (0x81, False), (0x50, False)])
def test_a_carrier_is_free_while_nothing_above_the_limit_is_on_it(chip, raw, free):
    radio = make(chip)
    chip.answers[0x15] = bytes((raw,))
    chip.log.clear()
    assert radio.clear(922100000, [7, 125000, 242], -65, 6) is free
    assert len(chip.sent(0x15)) == (7 if free else 1) and chip.sent(0x82) == ["82ffffff"]
    assert chip.log[-1].hex() == "8001", "standby, ready to send"


def test_sleep_keeps_the_configuration_and_waking_arms_the_oscillator_again(chip):
    radio = make(chip, **TCXO)
    chip.log.clear()
    radio.sleep()
    radio.sleep()
    assert [out.hex() for out in chip.log] == ["8000", "8404"]
    radio.standby()
    assert [out.hex() for out in chip.log[2:]] == ["c000", "8000", "9702000140", "1d08d800", "0d08d8de", "8001"]


def test_symbol_limits_are_what_the_chip_counts_and_never_shorter():
    for symbols in range(1, 248):
        assert symbols <= symbol_limit(symbols) <= symbols + 7
    assert [symbol_limit(n) for n in (5, 6, 62, 63, 64, 65, 240, 300)] == [6, 6, 62, 64, 64, 72, 240, 248]


def test_both_interpreters_put_the_same_bytes_on_the_bus(monkeypatch):
    for module in (sx1262, sx1262_bus, lora):
        monkeypatch.setattr(module, "time", None)
    program = os.environ.get("MICROPYTHON") or shutil.which("micropython") or os.path.join(sys.prefix, "bin", "micropython")
    here = Path(__file__).parent
    run = subprocess.run(
        [program, "-X", "heapsize=128wk", str(here / "sx1262_chip.py")],
        env={**os.environ, "MICROPYPATH": str(here.parents[1] / "firmware")}, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout + run.stderr
    ours = bus_story()
    assert len(ours[1]) > 60 and ast.literal_eval(run.stdout) == ours
