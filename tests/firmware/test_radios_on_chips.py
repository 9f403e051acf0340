"""Both radio drivers on their virtual chips, over one air: what the MAC asks of them, whichever chip it is."""

import random

import pytest
from radio_rig import Rig

# isort: split
from kerb.errors import ConfigError, RadioError
from kerb.radio.airtime import symbol_us, time_on_air_us
from kerb.uplink.lorawan.mac import window
from kerbstone.emulator.air.channel import Transmission

CHIPS = ("sx1262", "sx1276")
RATES = [(7, 125000), (9, 250000), (12, 125000), (8, 500000)]
FREQ = 868_100_000


@pytest.fixture
def rig(monkeypatch):
    return Rig(monkeypatch)


def gateway(rig, at_us, rate, data, inverted=True, freq=FREQ, crc=False, sync=0x34, level=-80.0):
    """Lets somebody else send."""
    rig.air.link("gateway", "node", 0.0)
    sf, bw = rate
    us = time_on_air_us(len(data), sf, bw, 1, 8, True, crc)
    ldro = (1 << sf) > 16 * (bw // 1000)

    def send():
        now = rig.kernel.now
        rig.air.transmit(Transmission(now, now + us, freq, sf, bw, 1, sync, inverted, crc, level, data, "gateway", 8, ldro))

    rig.kernel.at(at_us, send)
    return at_us + us


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("chip", CHIPS)
def test_an_uplink_is_on_air_as_asked_and_its_end_is_known(rig, chip, rate):
    radio = rig.radio(chip)
    radio.configure_tx(FREQ, rate, 14)
    tick = radio.transmit(b"\x40 some uplink")
    (sent,) = rig.on_air()
    began = rig.kernel.log.of(kind="on_air")[0][0]
    assert (sent["sf"], sent["bw_hz"], sent["power_dbm"], sent["down"]) == (*rate, 14, False) and abs(sent["freq_hz"] - FREQ) < 62
    assert sent["us"] == time_on_air_us(13, *rate) and 0 <= tick - began - sent["us"] < 100
    assert rig.misuse() == []


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("chip", CHIPS)
def test_a_downlink_in_its_window_is_heard_with_level_and_end(rig, chip, rate):
    radio = rig.radio(chip)
    radio.sleep()
    nominal = rig.kernel.now + 1_000_000
    symbols, offset, timeout_ms = window(*rate, 10_000)
    end = gateway(rig, nominal, rate, b"\x60 an answer")
    rig.clock.sleep_ms((nominal + offset - rig.kernel.now) // 1000 - radio.wake_ms - 5)
    data, rssi, snr, tick = radio.receive(FREQ, rate, symbols, timeout_ms, True, nominal + offset)
    assert data == b"\x60 an answer" and abs(rssi + 80) <= 1 and 28 <= snr <= 38 and 0 <= tick - end < 1500
    assert rig.misuse() == []


@pytest.mark.parametrize("chip", CHIPS)
@pytest.mark.parametrize(
    "change", [{"inverted": False}, {"sync": 0x12}, {"freq": FREQ + 200_000}, {"rate": (8, 125000)}], ids=["IQ", "sync", "Hz", "SF"]
)
def test_what_is_not_meant_for_it_ends_the_window_in_time(rig, chip, change):
    radio = rig.radio(chip)
    start = rig.kernel.now
    gateway(rig, start + 5_000, **{"rate": (7, 125000), "data": b"x" * 20, **change})
    assert radio.receive(FREQ, (7, 125000), 30, 60, True) is None
    assert rig.kernel.now - start < 120_000


@pytest.mark.parametrize("chip", CHIPS)
def test_an_empty_window_costs_its_symbols_and_no_more(rig, chip):
    radio = rig.radio(chip)
    for symbols in (8, 24):
        start = rig.kernel.now
        assert radio.receive(FREQ, (9, 125000), symbols, 500, True, start + 20_000) is None
        assert symbols * symbol_us(9, 125000) <= rig.kernel.now - start - 20_000 < symbols * symbol_us(9, 125000) + 6_000


@pytest.mark.parametrize("chip", CHIPS)
@pytest.mark.parametrize("part", ["preamble", "header", "payload"])
def test_a_damaged_packet_is_none_and_the_radio_goes_on(rig, chip, part):
    radio = rig.radio(chip)
    began = {"preamble": lambda tx: 0, "header": lambda tx: tx.preamble_end_us, "payload": lambda tx: tx.header_end_us}[part]
    rig.air.lost = lambda tx, receiver: rig.kernel.now > began(tx)
    gateway(rig, rig.kernel.now + 10_000, (7, 125000), b"x" * 20, crc=True)
    start = rig.kernel.now
    assert radio.receive(FREQ, (7, 125000), 40, 100, True) is None and rig.kernel.now - start < 200_000
    rig.air.lost = None
    rig.clock.sleep_ms(100)
    gateway(rig, rig.kernel.now + 10_000, (7, 125000), b"good")
    assert radio.receive(FREQ, (7, 125000), 40, 100, True)[0] == b"good"


@pytest.mark.parametrize("chip", CHIPS)
def test_a_packet_longer_than_the_search_is_taken_to_its_end(rig, chip):
    radio = rig.radio(chip)
    gateway(rig, rig.kernel.now + 10_000, (12, 125000), b"x" * 200)
    assert radio.receive(FREQ, (12, 125000), 12, 1500, True)[0] == b"x" * 200


@pytest.mark.parametrize("chip", CHIPS)
def test_a_busy_carrier_is_heard_before_talking(rig, chip):
    radio = rig.radio(chip)
    assert radio.clear(FREQ, (7, 125000), -80, 5)
    gateway(rig, rig.kernel.now + 2_000, (7, 125000), b"x" * 50, level=-70.0)
    assert not radio.clear(FREQ, (7, 125000), -80, 5)
    gateway(rig, rig.kernel.now + 200_000, (7, 125000), b"x" * 50, level=-90.0)
    rig.clock.sleep_ms(200)
    assert radio.clear(FREQ, (7, 125000), -80, 5)


@pytest.mark.parametrize(("chip", "asleep_ua"), [("sx1262", 0.6), ("sx1276", 0.2)])
def test_sleep_is_the_lowest_current_and_the_next_use_needs_no_setup(rig, chip, asleep_ua):
    radio = rig.radio(chip)
    for _ in range(3):
        radio.sleep()
        rig.clock.sleep_ms(1000)
        assert rig.meters["node"].current_ua == asleep_ua
        radio.configure_tx(FREQ, (7, 125000), 14)
        radio.transmit(b"again")
    assert len(rig.on_air()) == 3 and rig.misuse() == []


@pytest.mark.parametrize("chip", CHIPS)
def test_two_drivers_understand_each_other(rig, chip):
    """The other driver is the far end: its uplink is sent without inverted IQ, so the receiver is told so."""
    rig.air.link("node", "far", 100.0)
    near, far = rig.radio(chip), rig.radio(CHIPS[chip == "sx1262"], "far")
    rng = random.Random(7)
    for rate in RATES:
        data = rng.randbytes(rng.randrange(1, 60))
        far.configure_tx(FREQ, rate, 14)
        sleep, rig.clock.sleep_ms = rig.clock.sleep_ms, lambda ms: None
        far._happened = lambda limit_ms: 0
        far._transmitted = lambda: True
        far.idle_ms = rig.clock.sleep_ms
        rig.clock.sleep_ms = sleep
        opened = rig.kernel.now + 30_000
        rig.kernel.at(opened + 2_000, far.transmit, data)
        got = near.receive(FREQ, rate, 60, 2000, False, opened)
        assert got and got[0] == data, rate


# -- SX1276 --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("left_out", [("dio1",), ("dio0", "dio1")], ids=["DIO1", "both"])
def test_the_sx1276_works_with_pins_not_wired(rig, left_out):
    radio = rig.radio("sx1276", leave_out=left_out)
    radio.configure_tx(FREQ, (7, 125000), 14)
    tick = radio.transmit(b"uplink")
    began = rig.kernel.log.of(kind="on_air")[0][0]
    assert abs(tick - began - time_on_air_us(6, 7, 125000)) < 2_500
    end = gateway(rig, rig.kernel.now + 20_000, (7, 125000), b"down")
    data, _, _, tick = radio.receive(FREQ, (7, 125000), 40, 100, True)
    assert data == b"down" and 0 <= tick - end < 2_500
    start = rig.kernel.now
    assert radio.receive(FREQ, (7, 125000), 20, 100, True) is None and rig.kernel.now - start < 40_000


@pytest.mark.parametrize(
    ("options", "asked", "dbm", "ma"),
    [({}, 14, 14, 87), ({}, 22, 17, 87), ({"max_power_dbm": 20}, 22, 20, 120), ({"max_power_dbm": 20}, 18, 18, 120), ({}, -5, 2, 87),
     ({"pa_boost": False}, 13, 13, 29), ({"pa_boost": False}, 20, 14, 29), ({"pa_boost": False}, -9, -4.2, 20)],
)  # fmt: skip
def test_power_of_the_sx1276_is_what_board_and_amplifier_allow(rig, options, asked, dbm, ma):
    radio = rig.radio("sx1276", world={"pa_boost": options.get("pa_boost", True)}, **options)
    radio.configure_tx(FREQ, (7, 125000), asked)
    drawn = []
    radio.idle_ms = lambda ms: (rig.clock.sleep_ms(ms), drawn.append(rig.meters["node"].current_ua))
    radio.transmit(b"x" * 30)
    assert rig.on_air()[0]["power_dbm"] == pytest.approx(dbm) and drawn == [ma * 1000] and rig.misuse() == []


def test_the_sx1276_calibrates_again_after_an_hour(rig):
    radio = rig.radio("sx1276")
    calibrated = []
    original = radio._calibrate
    radio._calibrate = lambda: (calibrated.append(rig.kernel.now), original())
    for _ in range(4):
        radio.sleep()
        rig.clock.sleep_ms(1_500_000)
        radio.configure_tx(FREQ, (7, 125000), 14)
        radio.transmit(b"x")
    assert len(calibrated) == 1 and rig.misuse() == []


def test_the_sx1276_says_what_is_wrong(rig):
    with pytest.raises(RadioError, match="does not answer"):
        rig.radio("sx1276", world={"fault": "silent"})
    mute = rig.radio("sx1276", world={"fault": "no_irq"})
    mute.configure_tx(FREQ, (7, 125000), 14)
    with pytest.raises(RadioError, match="did not finish sending 1 bytes"):
        mute.transmit(b"x")
    assert mute.receive(FREQ, (7, 125000), 20, 50, True) is None
    radio = rig.radio("sx1276")
    for rate in ((6, 125000), (7, 62500), (0, 0)):
        with pytest.raises(ConfigError, match=f"SF{rate[0]}"):
            radio.configure_tx(FREQ, rate, 14)
    oscillator = rig.radio("sx1276", "tcxo", world={"board_tcxo": True})
    oscillator.configure_tx(FREQ, (7, 125000), 14)
    with pytest.raises(RadioError, match="sx1276 did not finish sending 3 bytes"):
        oscillator.transmit(b"abc")


def test_a_tcxo_is_told_to_the_sx1276(rig):
    radio = rig.radio("sx1276", world={"board_tcxo": True}, tcxo=True)
    radio.configure_tx(FREQ, (7, 125000), 14)
    radio.transmit(b"abc")
    assert len(rig.on_air()) == 1


# -- SX1262 and SX1261 ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "dbm", "ma"), [(15, 15, 32.5), (22, 15, 32.5), (14, 14, 25.5), (12, 12, None), (10, 10, 18.0), (5, 5, None), (-17, -17, None)]
)
def test_the_sx1261_sends_through_its_own_amplifier(rig, asked, dbm, ma):
    radio = rig.radio("sx1262", world={"model": "sx1261"}, model="sx1261")
    radio.configure_tx(FREQ, (7, 125000), asked)
    drawn = []
    radio.idle_ms = lambda ms: (rig.clock.sleep_ms(ms), drawn.append(rig.meters["node"].current_ua))
    radio.transmit(b"x" * 30)
    assert rig.on_air()[0]["power_dbm"] == dbm and rig.misuse() == []
    assert ma is None or drawn == [pytest.approx(ma * 1000)]


@pytest.mark.parametrize(("model", "world"), [("sx1262", "sx1261"), ("sx1261", "sx1262")])
def test_the_amplifier_of_the_other_chip_radiates_nothing(rig, model, world):
    radio = rig.radio("sx1262", world={"model": world}, model=model)
    radio.configure_tx(FREQ, (7, 125000), 14)
    radio.transmit(b"x")
    assert rig.on_air()[0]["power_dbm"] < -30 and "SetPaConfig" in rig.misuse()[0]


def test_a_board_with_tcxo_hears_after_every_warm_sleep(rig):
    radio = rig.radio("sx1262", world={"board_tcxo": True}, dio3_tcxo_millivolts=1800)
    for _ in range(3):
        radio.sleep()
        gateway(rig, rig.kernel.now + 30_000, (7, 125000), b"down")
        assert radio.receive(FREQ, (7, 125000), 60, 100, True)[0] == b"down"
    assert rig.misuse() == []


@pytest.mark.parametrize(("board", "options"), [(True, {}), (False, {"dio3_tcxo_millivolts": 1800})])
def test_a_wrong_word_about_the_tcxo_is_found_at_the_start(rig, board, options):
    with pytest.raises(RadioError, match="dio3_tcxo_millivolts"):
        rig.radio("sx1262", world={"board_tcxo": board}, **options)


@pytest.mark.parametrize("switched", [True, False])
def test_dio2_turns_the_antenna_where_the_board_wants_it(rig, switched):
    radio = rig.radio("sx1262", dio2_rf_sw=switched)
    radio.configure_tx(FREQ, (7, 125000), 14)
    radio.transmit(b"x")
    assert rig.on_air()[0]["power_dbm"] == (14 if switched else 14 - 60)
