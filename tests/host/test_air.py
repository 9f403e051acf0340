"""The air itself: time on air, path loss, collisions, capture; and the datagrams of the Semtech UDP protocol."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kerbstone.emulator.air import gwmp, lora
from kerbstone.emulator.air.channel import Channel, Transmission
from kerbstone.emulator.air.interference import threshold_db
from kerbstone.emulator.air.pathloss import PathLoss
from kerbstone.emulator.air.plan import EU868
from kerbstone.emulator.kernel import Kernel

DATA = Path(__file__).parents[1] / "conformance" / "data" / "lorawan_cases.json"
CASES = json.loads(DATA.read_text())


def cases(kind):
    found = [pytest.param(c["inputs"], c["expected"], id=c["id"]) for c in CASES if c["kind"] == kind]
    assert found
    return found


def frame(sender, start=0, size=20, freq=868_100_000, sf=9, inverted=False, power=14.0):
    us = lora.airtime_us(size, sf, 125_000)
    return Transmission(start, start + us, freq, sf, 125_000, 1, 0x34, inverted, True, power, bytes(size), sender)


@pytest.fixture
def air():
    channel = Channel(Kernel())
    for name in ("near", "far"):
        channel.link(name, "mast", 100.0)
    return channel


# -- time on air ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("given_", "expected"), cases("lora_airtime_us"))
def test_time_on_air_is_that_of_the_published_cases(given_, expected):
    got = lora.airtime_us(
        given_["phy_len"], given_["sf"], given_["bw_hz"], int(given_["cr"][-1]) - 4, given_["preamble"], given_["crc"],
        given_["explicit_header"],
    )  # fmt: skip
    assert got == expected["airtime_us"]


def test_low_data_rate_optimisation_starts_at_sf11_at_125_khz():
    assert [sf for sf in range(5, 13) if lora.needs_ldro(sf, 125_000)] == [11, 12]
    assert [sf for sf in range(5, 13) if lora.needs_ldro(sf, 250_000)] == [12]


def test_sensitivity_is_that_of_the_data_sheet_with_boosted_gain():
    assert lora.sensitivity_dbm(12, 125_000, 6.0) == pytest.approx(-137.0, abs=0.1)
    assert lora.sensitivity_dbm(7, 125_000, 6.0) == pytest.approx(-124.5, abs=0.1)


# -- path loss -----------------------------------------------------------------------------------------------------------------


def test_path_loss_follows_its_law_when_there_is_no_shadow():
    law = PathLoss(shadowing_db=0.0)
    assert law.between("a", (0, 0), "b", (0, 1000)) == pytest.approx(128.95)
    assert law.between("a", (0, 0), "b", (60, 80)) == pytest.approx(128.95 - 23.2)


def test_shadowing_is_the_same_both_ways_repeats_with_the_seed_and_spreads_as_stated():
    here, there = (0.0, 0.0), (400.0, 0.0)
    plain = PathLoss(shadowing_db=0.0).between("a", here, "b", there)
    assert PathLoss(3).between("a", here, "b", there) == PathLoss(3).between("b", there, "a", here)
    shadows = [PathLoss(seed).between("a", here, "b", there) - plain for seed in range(400)]
    mean = sum(shadows) / 400
    sigma = (sum((s - mean) ** 2 for s in shadows) / 400) ** 0.5
    assert abs(mean) < 1.2
    assert sigma == pytest.approx(7.8, rel=0.12)


def test_a_body_over_the_antenna_costs_its_loss_on_both_ways():
    channel = Channel(Kernel(), extra_loss_db=lambda name, t: 15.0 if name == "sensor" and t >= 1000 else 0.0)
    channel.link("sensor", "mast", 100.0)
    assert channel.loss_db("sensor", "mast", 0) == 100.0
    assert channel.loss_db("sensor", "mast", 1000) == channel.loss_db("mast", "sensor", 1000) == 115.0


def test_a_node_is_placed_at_its_distance_and_only_once():
    channel = Channel(Kernel())
    channel.place_around("a", 400.0)
    x, y = channel.positions_m["a"]
    assert (x * x + y * y) ** 0.5 == pytest.approx(400.0)
    channel.place_around("a", 10.0)
    assert channel.positions_m["a"] == (x, y)


# -- interference --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("other", "collides"),
    [
        (frame("far", 1000), True),
        (frame("far", 1000, sf=8), False),
        (frame("far", 1000, freq=868_300_000), False),
        (frame("far", 1000, inverted=True), False),
        (frame("far", 900_000), False),
        (frame("far", 1000, power=14.0 - 5.9), True),
        (frame("far", 1000, power=14.0 - 6.0), False),
        (frame("far", 1000, freq=868_110_000), True),
    ],
    ids=["same", "other SF", "other channel", "downlink", "later", "5.9 dB weaker", "6 dB weaker", "10 kHz off"],
)
def test_frames_collide_only_with_their_own_kind_within_six_db(air, other, collides):
    mine = frame("near")
    air.transmit(mine)
    air.transmit(other)
    assert air.disturbed(mine, "mast", mine.start_us, mine.end_us) == collides


@pytest.mark.parametrize(("sf", "other_sf", "need_db"), [(7, 8, -8), (7, 12, -9), (9, 7, -15), (10, 9, -17), (12, 7, -25), (12, 11, -23)])
def test_spreading_factors_are_orthogonal_only_as_far_as_measured(air, sf, other_sf, need_db):
    """Rows of Croce et al. 2018: a frame that is this much weaker than another survives, one decibel more and it is lost."""
    assert threshold_db(sf, other_sf) == need_db
    for stronger_db, lost in ((-need_db - 0.01, False), (-need_db + 0.01, True)):
        air.link("far", "mast", 100.0 - stronger_db)
        mine = frame("near", sf=sf)
        air.transmit(mine)
        air.transmit(frame("far", 1000, size=200, sf=other_sf))
        assert air.disturbed(mine, "mast", mine.start_us, mine.end_us) == lost
        air._recent.clear()


def test_powers_of_frames_at_once_add_up_and_of_frames_one_after_the_other_do_not(air):
    for name in "bc":
        air.link(name, "mast", 107.0)  # 7 dB below: alone harmless, two at once 4 dB below
    mine = frame("near", size=200)
    air.transmit(mine)
    air.transmit(frame("b", 1000, size=5))
    air.transmit(frame("c", 600_000, size=5))
    assert not air.disturbed(mine, "mast", 0, mine.end_us)
    air.transmit(frame("c", 2000, size=5))
    assert air.disturbed(mine, "mast", 0, mine.end_us)


@pytest.mark.parametrize("sf", [5, 6])
def test_where_nothing_is_published_spreading_factors_are_orthogonal(sf):
    assert threshold_db(sf, 9) is None and threshold_db(9, sf) is None and threshold_db(sf, sf) == 6.0


def test_the_stronger_of_two_frames_survives_by_capture(air):
    air.link("far", "mast", 110.0)
    strong, weak = frame("near"), frame("far", 500)
    air.transmit(strong)
    air.transmit(weak)
    assert not air.disturbed(strong, "mast", 0, strong.end_us)
    assert air.disturbed(weak, "mast", 500, weak.end_us)


def test_a_cut_frame_is_lost_to_everybody(air):
    mine = frame("near")
    air.transmit(mine)
    air.cut(mine)
    assert air.disturbed(mine, "mast", 0, mine.end_us)


def test_a_receiver_does_not_take_its_own_transmission_for_interference(air):
    mine = frame("near")
    air.transmit(mine)
    air.transmit(frame("mast", 10, power=27.0))
    assert not air.disturbed(mine, "mast", 0, mine.end_us)


def test_packet_rssi_of_a_signal_below_the_noise_reads_as_the_noise(air):
    air.link("near", "mast", 145.0)
    got = air.reception(frame("near", sf=12), "mast", 6.0)
    assert got.snr_db == pytest.approx(-14.0, abs=0.1)
    assert got.audible(12) and not got.audible(9)
    assert got.packet_rssi_dbm == pytest.approx(-117.0, abs=0.1)


# -- Semtech UDP ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("given_", "expected"), cases("gwmp_ack"))
def test_acknowledgements_are_those_of_the_protocol(given_, expected):
    assert gwmp.parse(bytes.fromhex(given_["datagram"])).ack().hex() == expected["ack"]


@pytest.mark.parametrize(("given_", "expected"), cases("gwmp_parse"))
def test_a_tx_ack_of_another_gateway_parses(given_, expected):
    got = gwmp.parse(bytes.fromhex(given_["datagram"]))
    assert (got.kind, got.token.hex(), got.eui.hex(), got.error) == (
        gwmp.TX_ACK, expected["token_bytes"], expected["gateway"], expected["error"],
    )  # fmt: skip


@pytest.mark.parametrize(("given_", "expected"), cases("gwmp_pull_resp_json"))
def test_a_txpk_has_the_fields_of_the_protocol(given_, expected):
    tx, want = given_["tx"], expected["txpk"]
    got = gwmp.txpk(
        tx["context_tmst"] + tx["delay_s"] * 1_000_000, tx["freq_hz"], tx["power"], tx["sf"], tx["bw_hz"], bytes.fromhex(tx["phy"])
    )
    assert {k: v for k, v in want.items() if k not in ("brd", "ant")}.items() <= got.items()


@given(st.integers(0, 5), st.binary(min_size=2, max_size=2), st.binary(min_size=8, max_size=8))
def test_datagrams_survive_the_wire(kind, token, eui):
    with_eui = kind in (gwmp.PUSH_DATA, gwmp.PULL_DATA, gwmp.TX_ACK)
    sent = gwmp.Datagram(kind, token, eui if with_eui else b"", {"x": 1})
    assert gwmp.parse(sent.encode()) == sent
    assert gwmp.parse(sent.encode() + b"\0") == sent


@given(st.binary(max_size=40))
def test_a_foreign_datagram_is_refused_with_a_reason_and_nothing_else(data):
    try:
        gwmp.parse(data)
    except gwmp.GwmpError as error:
        assert str(error).endswith(".")


@pytest.mark.parametrize("hz", EU868.channels_hz)
def test_frequencies_survive_the_megahertz_of_the_protocol(hz):
    assert gwmp.freq_hz({"freq": json.loads(json.dumps(hz / 1e6))}) == hz


@pytest.mark.parametrize("text", ["SF12", "12BW125", "SFxBW125", "50000", ""])
def test_a_data_rate_that_is_not_lora_is_refused(text):
    with pytest.raises(gwmp.GwmpError):
        gwmp.parse_data_rate(text)
