"""The device against a small network in virtual time: data, losses, windows, time, air time."""

import datetime

import pytest
from lorawan_world import World

from kerbstone.build.regions import region_table

TABLE = region_table("EU868")


@pytest.fixture
def world():
    return World(TABLE)


@pytest.fixture
def device(world):
    uplink = world.start()
    assert uplink.connect()
    return uplink


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
    assert device._mac.pending
    device.send(b"x", 0, False)
    assert device._mac.pending, "silence does not say that the network has nothing left"
    world.network.queue.append({})
    device.send(b"x", 0, False)
    assert not device._mac.pending


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
            assert device.retry_after_s() > 0
            world.pass_s(device.retry_after_s())
            assert device.send(bytes(40), 0, False), "retry_after_s told the truth"
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
    wait_s = device.retry_after_s()
    assert wait_s * 1000 >= world.radio.sent[-1][1] * 127 // 1000 - 3000 > 0
    world.pass_s(wait_s)
    assert device.send(b"x", 0, False)
