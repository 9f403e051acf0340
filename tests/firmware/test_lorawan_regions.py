"""What differs from region to region: channels, masks, join order, dwell limits, power, and activation by personalisation."""

import pytest
from lorawan_world import IDENTITY, World

# isort: split
from kerb.errors import ConfigError, UplinkError
from kerb.uplink.lorawan import adr, commands
from kerb.uplink.lorawan.mac import Mac
from kerb.uplink.lorawan.region import region_of
from kerb.uplink.lorawan.session import LEASE, Session
from kerbstone.build.regions import names, region_table, whole_table

FIXED = ("US915", "AU915")
ABP = {"dev_addr": "26011bda", "nwk_s_key": bytes(range(16)).hex(), "app_s_key": bytes(range(16, 32)).hex()}


def state(name, dr=None):
    region = region_of(region_table(name))
    session = Session(region, 0x1234ABCD)
    session.dr = min(region.join_dr) if dr is None else dr
    return region, session


def answer(region, session, request_hex, **given):
    link = commands.Link()
    for key, value in given.items():
        setattr(link, key, value)
    session.answers = bytearray()
    commands.process(session, region, link, bytes.fromhex(request_hex))
    return bytes(session.answers).hex()


# -- channel masks of the fixed plans ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FIXED)
@pytest.mark.parametrize(
    ("request_hex", "mask"),
    [
        ("03ff00ff01", 2**72 - 1 & ~0xFF),  # bank 0 alone
        ("03ff020051", 0xFF << 8 | 1 << 65),  # control 5: a bank of eight and its 500 kHz channel
        ("03ff050051", 0xFF | 0xFF << 16 | 1 << 64 | 1 << 66),
        ("03ff020061", 2**64 - 1 | 2 << 64),  # control 6: all of 125 kHz, the mask is for those of 500 kHz
        ("03ff020071", None),  # control 7: none of 125 kHz
        ("03ff010041", 2**64 - 1 | 1 << 64),  # control 4: the 500 kHz channels
        ("03ff01ff41", 2**64 - 1 | 1 << 64),  # bits beyond channel 71 are reserved
    ],
)
def test_channel_mask_control_of_a_fixed_plan(name, request_hex, mask):
    region, session = state(name)
    got = answer(region, session, request_hex)
    if mask is None:
        assert got == "0305" and session.mask == 2**72 - 1, "only 500 kHz channels are left, and the rate is not one of theirs"
    else:
        assert (got, session.mask) == ("0307", mask)


@pytest.mark.parametrize(("name", "wide_dr"), [("US915", 4), ("AU915", 6)])
def test_control_7_leaves_the_500_khz_channels_and_their_rate(name, wide_dr):
    region, session = state(name)
    assert answer(region, session, f"03{wide_dr << 4 | 15:02x}020071") == "0307"
    assert session.mask == 1 << 65 and session.dr == wide_dr
    assert [c[0] for _, c in region.waits(session, 0, 1000, 0)] == [region.defaults[65][0]]


def test_a_block_builds_up_one_bank_after_the_other_and_a_bad_rate_spoils_it():
    region, session = state("US915")
    block = "03ff000071" + "03ff00ff01"  # 125 kHz off, then channels 8 to 15 on
    assert answer(region, session, block) == "03070307" and session.mask == 0xFF00
    assert answer(region, session, "038f00ff01") == "0305" and session.mask == 0xFF00, "DR8 is for downlinks"


@pytest.mark.parametrize("name", FIXED)
def test_nobody_changes_the_channels_of_a_fixed_plan(name):
    region, session = state(name)
    before = session.pack()
    assert answer(region, session, "0703184f8450") == "" and answer(region, session, "0a00184f84") == ""
    session.answers = bytearray()
    assert session.pack() == before


def test_rx2_takes_downlink_rates_only():
    region, session = state("US915")
    hz = (923_900_000 // 100).to_bytes(3, "little").hex()
    assert answer(region, session, "0508" + hz) == "0507" and (session.rx2_dr, session.rx2_hz) == (8, 923_900_000)
    assert answer(region, session, "0503" + hz) == "0505"
    assert answer(region, session, "0548" + hz) == "0503", "an offset beyond 3"


# -- dwell and power ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [n for n in names() if n.startswith(("AS", "AU"))])
def test_tx_param_setup_lifts_and_sets_the_dwell_limit_at_once(name):
    region, session = state(name, 2)
    assert region.max_payload(2, session.dwell) == 11 and not region.usable(1, session.dwell)
    assert answer(region, session, "0905") == "09" and (session.dwell, session.max_eirp) == (0, 16)
    assert region.max_payload(2, session.dwell) in (51, 115) and region.usable(0, session.dwell)
    session.dr = 0
    assert answer(region, session, "093d") == "09" and (session.dwell, session.max_eirp, session.dr) == (3, 30, 2)
    assert region.eirp_dbm(1, session.max_eirp) == 28


@pytest.mark.parametrize("name", [n for n in names() if not n.startswith(("AS", "AU"))])
def test_tx_param_setup_meets_silence_elsewhere(name):
    region, session = state(name)
    before = session.pack()
    assert answer(region, session, "0935") == "" and session.pack() == before


@pytest.mark.parametrize(("name", "narrow"), [("US915", 0), ("AU915", 2), ("AS923-1", 2)])
def test_a_frame_too_long_for_a_narrow_rate_takes_the_next_one(name, narrow):
    table = region_table(name)
    world = World(table)
    world.network.settings, world.network.rx2 = table["rx2"][1], (table["rx2"][0], table["data_rates"][table["rx2"][1]][0])
    world.network.plan = lambda kind, number: "rx2"
    uplink = world.start()
    assert uplink.connect()
    session = uplink._mac.session
    session.dr = narrow
    assert uplink.mtu == 53 and uplink.send(bytes(11), 0, True).acknowledged and session.dr == narrow
    assert uplink.send(bytes(53), 0, True).acknowledged and session.dr == narrow + 1
    assert uplink.mtu >= 53 and uplink.send(bytes(250), 0, True) is None


def test_rx1_keeps_to_the_dwell_limit_of_asia():
    region, _ = state("AS923-1")
    assert region.rx1(5, 5, 3) == 2 and region.rx1(5, 5, 0) == 0 and region.rx1(2, 7, 0) == 4


def test_back_off_stops_at_the_slowest_rate_the_dwell_limit_allows():
    region, session = state("AS923-1", 4)
    session.mask = 1
    for _ in range(256):
        adr.advance(session, region, True, False)
    assert session.dr == 2 and session.mask == 3


def test_korea_allows_less_below_922_mhz():
    region, _ = state("KR920")
    assert [region.eirp_dbm(0, None, hz) for hz in (921_900_000, 922_100_000)] == [10, 14]
    assert [region.eirp_dbm(n, None, 921_900_000) for n in (1, 2, 3)] == [10, 10, 8]


def test_korea_listens_before_it_talks_and_gives_up_after_six_looks():
    world = World(region_table("KR920"))
    world.network.settings, world.network.rx2 = 0, (921_900_000, 12)
    world.network.plan = lambda kind, number: "rx2"
    world.radio.busy = ["somebody", "somebody", None]
    uplink = world.start()
    assert uplink.connect() and len(world.radio.looks) == 3 and world.radio.looks[0][1:] == (-65, 6)
    assert {look[0] for look in world.radio.looks} == {world.radio.sent[0][2]}
    world.radio.busy = ["somebody"] * 6
    counter = uplink._mac.session.fcnt_up
    with pytest.raises(UplinkError, match="taken"):
        uplink.send(b"x", 0, True)
    assert len(world.radio.sent) == 1 and uplink._mac.session.fcnt_up == counter + 1
    assert uplink.send(b"x", 0, True).acknowledged and world.network.wrongs == []


# -- joining -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FIXED)
def test_a_pass_asks_once_in_every_eight_channels_and_once_at_500_khz(name):
    region, session = state(name)
    plans = [region.join_plan(n, session.owner) for n in range(72)]
    index = {tuple(row): i for i, row in enumerate(region.defaults)}
    used = [index[tuple(channel)] for channel, _ in plans]
    for turn in range(8):
        narrow = used[9 * turn : 9 * turn + 8]
        assert sorted(i // 8 for i in narrow) == list(range(8)) and used[9 * turn + 8] >= 64
    assert sorted(used) == list(range(72)), "no channel a second time before each had its turn"
    assert all(channel[2] <= dr <= channel[3] for channel, dr in plans)
    other = [region.join_plan(n, 0x77665544)[0] for n in range(72)]
    assert other != [channel for channel, _ in plans], "each device has an order of its own"


@pytest.mark.parametrize("name", names())
def test_a_device_joins_and_talks(name):
    table = region_table(name)
    world = World(table)
    uplink = world.start()
    world.network.rx2 = (table["rx2"][0], table["data_rates"][table["rx2"][1]][0])
    world.network.plan = lambda kind, number: "rx2"
    world.network.settings = table["rx2"][1]
    assert uplink.connect() and uplink.send(b"hello", 0, True).acknowledged
    band = table["frequency_hz"]
    assert all(band[0] <= sent[2] <= band[1] for sent in world.radio.sent) and world.network.wrongs == []


def test_masks_of_a_join_accept_are_taken_and_frequencies_are_not():
    for kind, want in ((1, 0xFF00 | 1 << 65), (0, 2**72 - 1)):
        world = World(region_table("US915"))
        world.network.settings = 8
        world.network.rx2 = (923_300_000, 12)
        world.network.plan = lambda kind, number: "rx2"
        world.network.cf_list = (0xFF00 | 1 << 65).to_bytes(15, "little") + bytes((kind,))
        uplink = world.start()
        assert uplink.connect() and uplink._mac.session.mask == want


def test_a_node_moved_to_another_region_joins_anew_with_the_next_dev_nonce():
    world = World(region_table("EU868"))
    assert world.start().connect()
    other = World(region_table("IN865"))
    other.store.blobs, other.network.nonces = world.store.blobs, world.network.nonces
    other.network.join_nonce, other.network.settings, other.network.rx2 = 1, 2, (866_550_000, 10)
    other.network.plan = lambda kind, number: "rx2"
    uplink = other.start()
    assert uplink.mtu == 0 and uplink.connect() and other.network.wrongs == []
    assert uplink._mac.session.rx2_hz == 866_550_000


def test_a_search_that_fails_says_how(capsys):
    world = World(region_table("EU868"))
    world.network.hears = lambda kind, number: False
    assert not world.start().connect() and capsys.readouterr().out == "kerb join silent EU868 quiet\n"
    world.radio.busy = [None, -80]
    world.pass_s(7200)
    assert not world.start().connect() and capsys.readouterr().out == "kerb join silent EU868 busy\n"
    world.network.hears = lambda kind, number: True
    foreign = {**IDENTITY, "app_key": "00" * 16}
    genuine = world.network.hear
    world.network.hear = lambda phy, hz, sf, end: genuine(world.network.resigned(phy), hz, sf, end)
    world.pass_s(7200)
    assert not world.start(foreign).connect() and capsys.readouterr().out == "kerb join refused key\n"
    uplink = world.start()
    uplink._mac.session.join_used, uplink._mac.session.join_start = 36_000, world.board.mono()
    assert not uplink.connect() and capsys.readouterr().out == "kerb join waits\n"


# -- activation by personalisation ---------------------------------------------------------------------------------------------


@pytest.fixture
def personal():
    world = World(region_table("EU868"))
    world.network.keys = (bytes(range(16)), bytes(range(16, 32)))
    world.network.address = 0x26011BDA
    return world


def test_a_personalised_device_needs_no_join_and_never_repeats_a_counter(personal):
    for life in range(4):
        uplink = personal.start(ABP)
        assert uplink.connect() and personal.network.joins == 0
        for _ in range(3):
            assert uplink.send(bytes((life,)), 0, True).acknowledged
        assert personal.network.received[-1]["fcnt"] == life * LEASE + 2
    assert personal.network.wrongs == []
    personal.store.blobs.pop("lw.session")
    uplink = personal.start(ABP)
    assert uplink.send(b"x", 0, True).acknowledged and personal.network.wrongs == [], "the counters have a blob of their own"


def test_a_personalised_device_that_lost_its_counters_stays_silent(personal):
    uplink = personal.start(ABP)
    uplink.send(b"x", 0, False)
    uplink._mac.vault.save(uplink._mac.session)
    personal.store.blobs.pop("lw.fcnt")
    with pytest.raises(ConfigError, match="new session keys"):
        personal.start(ABP)


def test_new_session_keys_begin_anew(personal):
    personal.start(ABP).send(b"x", 0, False)
    personal.network.keys = (bytes(16), bytes(range(16, 32)))
    personal.network.counters = {}
    uplink = personal.start({**ABP, "nwk_s_key": bytes(16).hex()})
    assert isinstance(uplink._mac, Mac) and uplink.send(b"y", 0, True).acknowledged
    assert personal.network.received[-1]["fcnt"] == 0


@pytest.mark.parametrize("name", names())
def test_every_channel_of_a_plan_lies_in_its_band(name):
    table, network = region_table(name), whole_table(name)["network"]
    region = region_of(table)
    hears = [row[0] + i * row[1] for row in network["hears"] for i in range(row[2])]
    for hz in [channel[0] for channel in region.defaults] + network.get("cflist_hz", []) + hears:
        assert region.band(hz) >= 0 and region.tunable(hz), hz
    assert region.tunable(region.rx2[0]) and region.heard(region.rx2[1], 0)
    assert set(network.get("cflist_hz", [])) <= set(hears), "the gateway hears what the join accept promises"
