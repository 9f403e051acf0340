"""Over-the-air activation against a small network in virtual time."""


from struct import pack

import pytest
from lorawan_world import World

# isort: split
from kerb.errors import UplinkError
from kerb.uplink.lorawan import session as persist
from kerbstone.build.regions import region_table

TABLE = region_table("EU868")


@pytest.fixture
def world():
    return World(TABLE)


def spreading(world):
    return [sent[3] for sent in world.radio.sent]


def test_join_starts_at_the_fastest_rate_and_slows_down_call_after_call(world):
    world.network.hears = lambda kind, number: False
    uplink = world.start()
    assert not uplink.connect() and not uplink.connect() and not uplink.connect()
    assert spreading(world) == [7, 8, 9, 10, 11, 12, 7, 8, 9]
    pauses = [b[0] - a[0] - a[1] for a, b in zip(world.radio.sent[:2], world.radio.sent[1:3], strict=True)]
    assert 6e6 + 2e6 < pauses[0] < pauses[1] + 3e6 and pauses[1] > 6e6 + 4e6


def test_no_network_stays_within_the_join_backoff_for_two_days(world):
    world.network.hears = lambda kind, number: False
    uplink = world.start()
    start = world.board.mono() * 1000000  # the node counts whole seconds
    while world.clock.us < start + 48 * 3600 * 1000000:
        uplink.connect()
        world.pass_s(max(uplink.retry_after_s(), 1))
    spent = [0, 0, 0, 0]
    for sent in world.radio.sent:
        hours = (sent[0] - start) / 3.6e9
        spent[0 if hours < 1 else 1 if hours < 11 else 2 if hours < 35 else 3] += sent[1] / 1e6
    assert [value <= limit for value, limit in zip(spent, (36, 36, 8.7, 8.7), strict=True)] == [True] * 4
    assert min(spent[:3]) > 5 and world.network.wrongs == []


def test_join_accept_in_the_second_window_joins(world):
    world.network.plan = lambda kind, number: "rx2"
    assert world.start().connect()


def test_join_nonce_zero_is_accepted_once_and_its_replay_is_not(world):
    world.network.join_nonce = -1
    uplink = world.start()
    assert uplink.connect()
    world.network.join_nonce = -1
    world.store.blobs.pop("lw.session")
    world.config["join_attempts"] = 1
    assert not world.start().connect()
    assert world.start().connect(), "the next JoinNonce is taken"


def test_channels_of_the_join_accept_are_used(world):
    extra = (867100000, 867300000, 867500000, 867700000, 867900000)
    world.network.cf_list = b"".join((hz // 100).to_bytes(3, "little") for hz in extra) + b"\0"
    uplink = world.start()
    assert uplink.connect()
    for _ in range(60):
        assert uplink.send(b"x", 0, False)
        world.pass_s(60)
    assert {sent[2] for sent in world.radio.sent} == {868100000, 868300000, 868500000, *extra}


def test_a_channel_list_of_another_type_is_ignored(world):
    world.network.cf_list = bytes(15) + b"\x01"
    uplink = world.start()
    assert uplink.connect() and uplink._mac.session.mask == 7


def test_without_a_session_nothing_is_sent(world):
    uplink = world.start()
    assert uplink.mtu == 0 and uplink.send(b"x", 0, True) is None and world.radio.sent == []


def test_used_up_dev_nonce_is_said_and_sends_nothing(world):
    uplink = world.start()
    world.store.blobs["lw.join"] = pack(persist._JOIN, uplink._mac.vault.owner, 0xFFFF, -1)
    with pytest.raises(UplinkError, match="DevNonce"):
        uplink.connect()
    assert world.radio.sent == []


def test_a_clock_that_starts_at_a_date_still_has_its_first_hour_of_joins(world):
    world.clock.us += 1_609_459_200 * 1_000_000  # the RP2040 wakes in 2021
    world.network.hears = lambda kind, number: False
    uplink = world.start()
    for _ in range(6):
        uplink.connect()
    assert sum(sent[1] for sent in world.radio.sent) > 8.7e6
