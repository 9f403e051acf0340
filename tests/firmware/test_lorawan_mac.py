"""The device against a small network in virtual time: join, data, losses, power cuts, time, air time."""

import datetime
import tomllib
from pathlib import Path

import pytest
from lorawan_world import APP_KEY, IDENTITY, PowerCut, World

# isort: split
from kerb.errors import ConfigError, RadioError, UplinkError
from kerb.uplink.lorawan import persist
from kerb.uplink.lorawan.uplink import Uplink

TABLE = tomllib.loads((Path(__file__).parents[2] / "protocols/lorawan/eu868.toml").read_text())


@pytest.fixture
def world():
    return World(TABLE)


@pytest.fixture
def device(world):
    uplink = world.start()
    assert uplink.connect()
    return uplink


def spreading(world):
    return [sent[3] for sent in world.radio.sent]


# -- join ------------------------------------------------------------------------------------------------------------------


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
    start = world.clock.us
    while world.clock.us < start + 48 * 3600 * 1000000:
        uplink.connect()
        world.pass_s(max(uplink.wait_ms() // 1000, 1))
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
    world.store.blobs["lw.join"] = persist.struct.pack(persist._JOIN, uplink._mac.session.owner, 0xFFFF, -1)
    with pytest.raises(UplinkError, match="DevNonce"):
        uplink.connect()
    assert world.radio.sent == []


# -- data ------------------------------------------------------------------------------------------------------------------


def test_confirmed_frame_is_acknowledged_and_arrives_whole(world, device):
    receipt = device.send(b"hello", 0, True)
    assert receipt.acknowledged and world.network.received[-1]["payload"] == b"hello" and world.network.received[-1]["port"] == 2
    assert abs(receipt.mono - world.radio.sent[-1][0] // 1000000) <= 1


def test_lost_acknowledgement_is_told_and_the_counter_moves_on(world, device):
    world.network.plan = lambda kind, number: None
    assert device.send(b"a", 0, True).acknowledged is False
    world.network.plan = lambda kind, number: "rx1"
    assert device.send(b"b", 0, True).acknowledged
    assert [frame["fcnt"] for frame in world.network.received] == [0, 1]


def test_repetitions_are_the_same_frame_and_end_with_the_acknowledgement(world, device):
    device._mac.session.nb_trans = 5
    world.network.plan = lambda kind, number: "rx1" if number == 3 else None
    assert device.send(b"again", 0, True).acknowledged
    frames = [sent[5] for sent in world.radio.sent[1:]]
    assert len(frames) == 3 and len(set(frames)) == 1
    gaps = [b[0] - a[0] - a[1] for a, b in zip(world.radio.sent[1:3], world.radio.sent[2:4], strict=True)]
    assert all(gap > 3_000_000 for gap in gaps), "RX2 plus at least one second"


def test_unconfirmed_repetitions_stop_at_any_downlink(world, device):
    device._mac.session.nb_trans = 4
    assert device.send(b"quiet", 0, False) and len(world.radio.sent) == 5
    world.network.queue.append({"port": 3, "payload": b"hi"})
    assert device.send(b"heard", 0, False) and len(world.radio.sent) == 6
    assert device.receive() == (3, b"hi") and device.receive() is None


def test_confirmed_downlink_is_acknowledged_once_in_the_next_uplink(world, device):
    world.network.queue.append({"port": 5, "payload": b"cmd", "confirmed": True})
    for _ in range(3):
        device.send(b"x", 0, False)
    assert [bool(frame["control"] & 0x20) for frame in world.network.received] == [False, True, False]


def test_frame_pending_is_told(world, device):
    world.network.queue.append({"control": 0x10})
    device.send(b"x", 0, False)
    assert device.more
    device.send(b"x", 0, False)
    assert device.more, "silence does not say that the network has nothing left"
    world.network.queue.append({})
    device.send(b"x", 0, False)
    assert not device.more


@pytest.mark.parametrize("dr", range(7))
@pytest.mark.parametrize("window", ["rx1", "rx2"])
@pytest.mark.parametrize("error_us", [-10000, 0, 10000])
def test_windows_catch_a_downlink_ten_milliseconds_off(world, device, dr, window, error_us):
    session = device._mac.session
    session.channels[0][3] = 6
    session.dr = dr
    world.network.error_us = error_us
    world.network.plan = lambda kind, number: window
    assert device.send(b"x", 0, True).acknowledged


def test_waiting_for_the_windows_is_left_to_the_board(world, device):
    before = world.board.idled_ms
    device.send(b"x", 0, False)
    assert 1850 < world.board.idled_ms - before < 2000


def test_silence_lowers_power_then_rate_on_air(world, device):
    session = device._mac.session
    session.dr, session.power = 5, 3
    for _ in range(162):
        assert device.send(b"x", 0, False)
        world.pass_s(120)
    data = world.radio.sent[1:]
    assert [sent[3] for sent in data[126:128]] == [7, 8] and [sent[3] for sent in data[158:160]] == [8, 9]
    assert [sent[4] for sent in data[94:96]] == [10, 16]
    asked = [bool(frame["control"] & 0x40) for frame in world.network.received]
    assert asked.index(True) == 63 and all(asked[63:])


# -- time ------------------------------------------------------------------------------------------------------------------


def test_network_time_becomes_utc_at_the_tick_the_uplink_ended(world, device):
    when = datetime.datetime(2026, 5, 4, 12, 0, 0, tzinfo=datetime.UTC)
    gps = int((when - datetime.datetime(1980, 1, 6, tzinfo=datetime.UTC)).total_seconds()) + 18
    world.network.queue.append({"fopts": b"\x0d" + gps.to_bytes(4, "little") + b"\x40"})
    device.ask_time()
    device.send(b"x", 0, False)
    assert world.network.received[-1]["fopts"] == b"\x0d"
    seconds, ms, ticks = device.take_time()
    assert (seconds, ms) == (int(when.timestamp()), 250)
    ended = (world.radio.sent[-1][0] + world.radio.sent[-1][1]) // 1000
    assert abs(world.clock.ticks_diff(ticks, ended % (1 << 30))) <= 1
    assert device.take_time() is None


def test_a_time_nobody_asked_for_is_not_believed(world, device):
    world.network.queue.append({"fopts": b"\x0d\0\0\0\x40\0"})
    device.send(b"x", 0, False)
    assert device.take_time() is None


# -- air time --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dr", [0, 5])
def test_no_hour_holds_more_than_one_percent(world, device, dr):
    device._mac.session.dr = dr
    device._mac.link.adr = False
    start = world.clock.us
    while world.clock.us < start + 4 * 3600 * 1000000:
        if device.send(bytes(40), 0, False) is None:
            assert device.wait_ms() > 0
            world.pass_s(device.wait_ms() // 1000)
            assert device.send(bytes(40), 0, False), "wait_ms told the truth"
    sent = world.radio.sent
    worst = 0
    for first in sent:
        worst = max(worst, sum(s[1] for s in sent if first[0] <= s[0] < first[0] + 3600 * 1000000))
    assert 27e6 < worst <= 36e6


def test_routine_frames_leave_room_for_an_alarm(world, device):
    device._mac.session.dr = 0
    device._mac.link.adr = False
    while device.send(bytes(40), 2, False):
        pass
    assert device.send(bytes(40), 0, False)


def test_the_networks_own_limit_holds(world, device):
    world.network.queue.append({"fopts": b"\x04\x07"})
    device.send(b"x", 0, False)
    assert device.send(b"x", 0, False)
    assert device.send(b"x", 0, False) is None
    wait_ms = device.wait_ms()
    assert wait_ms // 1000 * 1000 >= world.radio.sent[-1][1] * 127 // 1000 - 3000 > 0
    world.pass_s(wait_ms // 1000)
    assert device.send(b"x", 0, False)


# -- power -----------------------------------------------------------------------------------------------------------------


def life(world, uplink):
    """Join and enough traffic to write every blob more than once; True when the last frame was acknowledged."""
    if not uplink.connect():
        return False
    queue = [{"fopts": b"\x08\x02"}, {"fopts": b"\x03\x52\x07\x00\x01"}, {"port": 4, "payload": b"c"}]
    acknowledged = False
    for number in range(40):
        world.network.queue = [queue.pop(0)] if queue and number % 3 == 0 else []
        receipt = uplink.send(bytes((number, world.store.puts & 255)), 0, number % 5 == 4)
        world.network.delay_s = uplink._mac.session.rx_delay
        acknowledged = bool(receipt and receipt.acknowledged)
        world.pass_s(60)
    return acknowledged


def test_power_cut_at_any_write_repeats_no_nonce_and_no_counter():
    rehearsal = World(TABLE)
    assert life(rehearsal, rehearsal.start())
    total = rehearsal.store.puts
    assert total > 10
    for cut in range(1, total + 1):
        for after in (False, True):
            world = World(TABLE)
            world.store.cut, world.store.cut_after = cut, after
            with pytest.raises(PowerCut):
                life(world, world.start())
            world.network.queue = []
            assert life(world, world.start()), (cut, after)
            assert world.network.wrongs == [], (cut, after)


def test_a_cold_start_goes_on_from_the_lease_without_joining(world, device):
    for _ in range(3):
        device.send(b"x", 0, True)
    fresh = world.start()
    assert fresh.connect() and world.network.joins == 1
    assert fresh.send(b"y", 0, True).acknowledged
    assert world.network.received[-1]["fcnt"] == persist.LEASE


def test_an_old_downlink_is_not_taken_again_after_a_cold_start(world, device):
    old = world.network.downlink({"port": 4, "payload": b"open"})
    assert device._mac._take(old) is True
    device._mac.vault.save_downlink(device._mac.session)
    assert world.start()._mac._take(old) is False


def test_a_record_older_than_the_flash_is_refused(world, device):
    device.send(b"x", 0, False)
    record = device.pack()
    for _ in range(persist.LEASE):
        device.send(b"x", 0, False)
        world.pass_s(60)
    fresh = world.start()
    assert not fresh.unpack(record)
    assert fresh.send(b"y", 0, True).acknowledged and world.network.wrongs == []


def test_a_damaged_or_foreign_record_is_refused(world, device):
    record = device.pack()
    assert len(record) <= 400
    for place in range(0, len(record), 7):
        assert not world.start().unpack(record[:place] + bytes((record[place] ^ 1,)) + record[place + 1 :])
    assert not world.start().unpack(b"")
    other = Uplink(world.config, {**IDENTITY, "dev_eui": bytes(8)}, world.board, world.store, world.radio)
    assert not other.unpack(record) and not other._mac.session.joined


class Broken:
    """A radio that fails at the given call."""

    wake_ms = 13

    def __init__(self, call):
        self.call = call

    def __getattr__(self, name):
        def act(*arguments):
            if name == self.call:
                raise RadioError("sx1262 stayed busy")
            return 0

        return act


def test_a_failing_radio_is_an_uplink_error_and_its_counter_is_spent(world, device):
    record = device.pack()
    broken = Uplink(world.config, IDENTITY, world.board, world.store, Broken("transmit"))
    assert broken.unpack(record)
    with pytest.raises(UplinkError, match="stayed busy"):
        broken.send(b"x", 0, True)
    fresh = world.start()
    assert not fresh.unpack(record), "the lease on flash moved on"
    assert fresh.send(b"y", 0, True).acknowledged and world.network.wrongs == []


def test_a_radio_that_cannot_be_put_to_sleep_does_not_stop_the_node(world):
    Uplink(world.config, IDENTITY, world.board, world.store, Broken("sleep")).sleep()


def test_the_antenna_gain_is_taken_off_the_allowed_radiated_power():
    world = World(TABLE, config={"radio": {"antenna_gain_dbi": 2.15}})
    world.start().connect()
    assert world.radio.sent[0][4] == 16 - 3


def test_a_clock_that_starts_at_a_date_still_has_its_first_hour_of_joins(world):
    world.clock.us += 1_609_459_200 * 1_000_000  # the RP2040 wakes in 2021
    world.network.hears = lambda kind, number: False
    uplink = world.start()
    for _ in range(6):
        uplink.connect()
    assert sum(sent[1] for sent in world.radio.sent) > 8.7e6


# -- identity --------------------------------------------------------------------------------------------------------------


def test_a_bad_key_is_named_but_not_shown(world):
    for bad in (APP_KEY[:15], APP_KEY.hex()[:-2], "zz", None):
        with pytest.raises(ConfigError, match="app_key of 16 bytes") as caught:
            Uplink(world.config, {**IDENTITY, "app_key": bad}, world.board, world.store, world.radio)
        assert APP_KEY.hex()[:8] not in str(caught.value) and repr(APP_KEY)[2:12] not in str(caught.value)


def test_keys_as_hex_are_the_same_device(world, device):
    identity = {name: value.hex() for name, value in IDENTITY.items()}
    assert Uplink(world.config, identity, world.board, world.store, world.radio).unpack(device.pack())


def test_no_repr_shows_a_key(world, device):
    session = device._mac.session
    text = repr(session) + repr(device._mac) + repr(device)
    assert all(repr(key)[2:10] not in text and key.hex() not in text for key in session.keys)


def test_a_region_table_without_a_key_is_named(world):
    with pytest.raises(ConfigError, match="'bands'"):
        Uplink({"region": {k: v for k, v in TABLE.items() if k != "bands"}}, IDENTITY, world.board, world.store, world.radio)
