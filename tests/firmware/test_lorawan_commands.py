"""MAC commands, answer for request, and everything a stranger may send."""

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lorawan_world import World

# isort: split
from kerb.uplink.lorawan import commands
from kerb.uplink.lorawan.region import region_of
from kerb.uplink.lorawan.session import ANSWERS, SIZE, Session
from kerbstone.build.regions import region_table

ROOT = Path(__file__).parents[2]
TABLE = region_table("EU868")
CASES = json.loads((ROOT / "tests/conformance/data/lorawan_cases.json").read_text())
REGION = region_of(TABLE)


@pytest.fixture
def session():
    fresh = Session(REGION, 1)
    fresh.dr = 3
    return fresh


def answer(session, request, region=REGION, **given_link):
    """What goes into the next uplink after `request` (hex), as hex."""
    link = commands.Link()
    for name, value in given_link.items():
        setattr(link, name, value)
    session.answers = bytearray()
    commands.process(session, region, link, bytes.fromhex(request))
    return bytes(session.answers).hex()


def published(command):
    return next(c["expected"]["bytes"] for c in CASES if c["kind"] == "mac_command" and c["inputs"]["command"] == command)


def test_published_link_check_answer_is_read():
    link = commands.Link()
    link.asked = {2}
    commands.process(Session(REGION, 1), REGION, link, bytes.fromhex(published("LinkCheckAns")))
    assert link.check == (20, 3)


def test_published_duty_cycle_answer_is_sent(session):
    assert answer(session, "0405") == published("DutyCycleAns") and session.duty_exponent == 5


def test_published_dl_channel_answer_is_sent_for_a_frequency_out_of_range(session):
    assert answer(session, "0a00" + (9200000).to_bytes(3, "little").hex()) == published("DlChannelAns")
    assert session.channels[0][1] == 868100000


def test_published_link_adr_request_uses_a_control_value_reserved_in_europe(session):
    before = session.pack()
    assert answer(session, published("LinkADRReq")) == "0306"
    session.answers = bytearray()
    assert session.pack() == before


def test_published_link_adr_request_where_its_control_value_exists(session):
    region = region_of({**TABLE, "mask_control": [0, 0, 0, 0, 0, -1, -2, -1]})
    assert answer(session, published("LinkADRReq"), region) == "0307"
    assert (session.dr, session.power, session.mask, session.nb_trans) == (1, 2, 4, 5)


# request, answer, what it changes; byte layouts of LoRaWAN 1.0.4 section 5
@pytest.mark.parametrize(
    ("request_hex", "want", "state"),
    [
        ("0351070001", "0307", {"dr": 5, "power": 1, "mask": 7, "nb_trans": 1}),
        ("03ff010000", "0307", {"dr": 3, "power": 0, "mask": 1, "nb_trans": 1}),  # 15 = keep, NbTrans 0 = keep
        ("0351000060", "0307", {"dr": 5, "power": 1, "mask": 7}),  # control 6: all defined on
        ("0351000001", "0306", {"dr": 3, "mask": 7}),  # an empty mask
        ("0351080001", "0306", {"dr": 3, "mask": 7}),  # a channel that is not defined
        ("0371070001", "0305", {"dr": 3}),  # FSK
        ("0361070001", "0305", {"dr": 3}),  # no channel offers DR6
        ("0358070001", "0303", {"dr": 3, "power": 0}),  # no such power
        ("0351010001034202000203ff040003", "0307" * 3, {"mask": 4, "dr": 3, "nb_trans": 3}),  # a block: masks build up, the last counts
        ("03510100010342080002", "0306" * 2, {"mask": 7, "dr": 3}),  # one bad mask spoils the block
        ("0523d2ad84", "0507", {"rx1_offset": 2, "rx2_dr": 3, "rx2_hz": 869525000}),
        ("0563d2ad84", "0503", {"rx1_offset": 0, "rx2_dr": 0}),
        ("0527d2ad84", "0505", {"rx1_offset": 0, "rx2_dr": 0}),
        ("0523000000", "0506", {"rx1_offset": 0, "rx2_hz": 869525000}),
        ("06", "06c807", {}),
        ("0703184f8450", "0703", {"mask": 15}),
        ("0700184f8450", "0700", {"mask": 7}),  # a default channel stays
        ("0710184f8450", "0700", {}),
        ("0703184f8405", "0701", {"mask": 7}),  # lowest above highest
        ("070300000050", "0703", {"mask": 7}),  # frequency 0 takes a channel away
        ("0703e8c98450", "0702", {"mask": 7}),  # 868.65 MHz lies between the sub-bands
        ("0800", "08", {"rx_delay": 1}),
        ("080f", "08", {"rx_delay": 15}),
        ("093f", "", {}),
        ("0a00184f84", "0a03", {}),
        ("0a05184f84", "0a01", {}),
        ("ff06", "", {}),
        ("06ff06", "06c807", {}),
        ("0351", "", {"dr": 3}),
        ("0203", "", {}),
    ],
)
def test_request_is_answered_and_carried_out_as_the_standard_says(session, request_hex, want, state):
    assert answer(session, request_hex, snr=7, battery=200) == want
    assert {name: getattr(session, name) for name in state} == state


@pytest.mark.parametrize(("snr", "margin"), [(-40, 0x20), (-17, 0x2F), (-1, 0x3F), (0, 0), (31, 31), (60, 31)])
def test_margin_of_dev_status_is_six_bits_of_twos_complement(session, snr, margin):
    assert answer(session, "06", snr=snr, battery=0) == f"0600{margin:02x}"


def test_without_adr_only_mask_and_repetitions_are_taken(session):
    assert answer(session, "0351010003", adr=False) == "0307"
    assert (session.dr, session.power, session.mask, session.nb_trans) == (3, 0, 1, 3)


def test_a_new_channel_is_used_and_its_receive_frequency_can_move(session):
    answer(session, "0703184f8450")
    answer(session, "0a03d2ad84")
    assert session.channels[3] == [867100000, 869525000, 0, 5]


def test_sticky_answers_stay_until_a_downlink_and_others_go_once():
    world = World(TABLE)
    device = world.start()
    device.connect()
    world.network.queue.append({"fopts": bytes.fromhex("060503d2ad840801")})
    for _ in range(3):
        device.send(b"x", 0, False)
    assert [frame["fopts"].hex() for frame in world.network.received] == ["", "06c807050708", "050708"]
    world.network.queue.append({})
    for _ in range(2):
        device.send(b"x", 0, False)
    assert [frame["fopts"].hex() for frame in world.network.received[3:]] == ["050708", ""]


def test_answers_beyond_fifteen_bytes_leave_on_port_0_before_the_frame():
    world = World(TABLE)
    device = world.start()
    device.connect()
    world.network.queue.append({"port": 0, "payload": b"\x06" * 8})
    device.send(b"x", 0, False)
    assert device.mtu == 242
    assert device.send(b"data", 0, False)
    apart, frame = world.network.received[-2:]
    assert (apart["port"], apart["payload"], apart["fopts"]) == (0, bytes.fromhex("06c807") * 8, b"")
    assert (frame["port"], frame["payload"], frame["fopts"]) == (2, b"data", b"")


def test_answers_leave_first_where_the_frame_needs_all_the_room():
    world = World(TABLE)
    device = world.start()
    device.connect()
    device._mac.session.dr = 0
    world.network.queue.append({"fopts": b"\x06"})
    device.send(b"x", 0, False)
    assert device.mtu == 48
    assert device._mac.send(2, bytes(51), False, 0) is False
    assert [(f["port"], len(f["payload"])) for f in world.network.received[-2:]] == [(0, 3), (2, 51)]


def test_more_requests_than_answers_fit_are_left_for_another_time(session):
    assert len(answer(session, "06" * 40, battery=200)) // 2 == ANSWERS


def test_mac_commands_in_both_places_void_the_frame():
    world = World(TABLE)
    device = world.start()
    device.connect()
    before = device.pack()
    assert not device._mac._take(world.network.downlink({"fopts": b"\x06", "port": 0, "payload": b"\x06"}))
    assert device.pack() == before


# -- strangers -------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def joined():
    world = World(TABLE)
    device = world.start()
    device.connect()
    device.send(b"x", 0, True)
    return world, device


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=255))
def test_noise_changes_nothing(joined, data):
    _, device = joined
    before = device.pack()
    assert not device._mac._take(data) and not device._join()._take(data)
    assert device.pack() == before


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    bit=st.integers(0, 8 * 12 - 1),
    payload=st.binary(max_size=40),
    port=st.integers(0, 255),
    fopts=st.binary(max_size=15),
    cut=st.integers(0, 60),
)
def test_a_frame_with_one_wrong_bit_or_cut_short_changes_nothing(joined, bit, payload, port, fopts, cut):
    world, device = joined
    frame = bytearray(world.network.downlink({"port": port, "payload": payload, "fopts": fopts}))
    world.network.down -= 1
    before = device.pack()
    whole = bytes(frame)
    frame[bit // 8] ^= 1 << bit % 8
    assert not device._mac._take(bytes(frame))
    if cut < len(whole):
        assert not device._mac._take(whole[:cut])
    assert device.pack() == before and not device._mac.inbox


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(fopts=st.lists(st.one_of(st.sampled_from([3, 4, 5, 6, 7, 8, 9, 10, 13]), st.integers(0, 255)), max_size=60), port_0=st.booleans())
def test_whatever_a_signed_downlink_says_the_session_stays_usable(joined, fopts, port_0):
    world, device = joined
    session = device._mac.session
    down = {"port": 0, "payload": bytes(fopts)} if port_0 else {"fopts": bytes(fopts[:15])}
    assert device._mac._take(world.network.downlink(down))
    assert REGION.usable(session.dr) and REGION.usable(session.rx2_dr) and REGION.tunable(session.rx2_hz)
    assert 0 <= session.power <= 7 and 1 <= session.nb_trans <= 15 and 1 <= session.rx_delay <= 15
    assert session.mask & ~REGION.carries(session, -1) == 0 and len(session.answers) <= ANSWERS
    copy = Session(REGION, device._mac.vault.owner)
    record = session.pack()
    assert len(record) == SIZE and copy.unpack(record) and copy.pack() == record
    session.nb_trans, session.duty_exponent, session.quiet_until = 1, 0, 0
    world.pass_s(7200)
    assert device.send(b"still here", 0, False)
    world.network.queue.clear()
