"""Class C: an ear that is open whenever the device does not send, for itself and for its groups."""

import pytest
from lorawan_ear import ClassC, Group, answers, say

# isort: split
from kerb.errors import RadioError
from kerbstone.build.regions import region_table

TABLE = region_table("EU868")


@pytest.fixture
def world():
    return ClassC(TABLE)


@pytest.fixture
def device(world):
    uplink = world.start()
    assert uplink.connect() and uplink.send(b"here", 1, False)
    return uplink


def test_a_message_between_two_uplinks_ends_the_wait_at_once(world, device):
    world.speak(world.network.downlink({"port": 10, "payload": b"\x32"}), wait_us=1_000_000)
    began = world.clock.us
    device.wait(60_000)
    assert device.receive() == (10, b"\x32")
    assert world.clock.us - began < 2_600_000, "1 s until it was sent, 1.5 s of SF12"


def test_a_confirmed_message_is_acknowledged_by_an_uplink_of_its_own(world, device):
    world.speak(world.network.downlink({"port": 10, "payload": b"\x32", "confirmed": True}))
    device.wait(10_000)
    assert device.due_ms() == 0
    device.tend()
    assert world.network.received[-1]["control"] & 0x20 and world.network.received[-1]["port"] is None
    assert device.due_ms() is None


def test_mac_commands_of_a_class_c_frame_are_answered_and_sticky_until_a_window_brings_something(world, device):
    world.speak(world.network.downlink({"fopts": b"\x08\x02"}))
    device.wait(10_000)
    world.network.delay_s = 2
    for _ in range(2):
        device.tend()
        device.send(b"x", 1, False)
    assert [frame["fopts"] for frame in world.network.received[-3:]] == [b"\x08"] * 3
    world.network.queue.append({})
    device.send(b"x", 1, False)
    device.send(b"x", 1, False)
    assert world.network.received[-1]["fopts"] == b""


def test_the_ear_moves_with_rx2(world, device):
    world.speak(world.network.downlink({"fopts": b"\x05\x03" + (8693500).to_bytes(3, "little")}))
    device.wait(5_000)
    assert world.ear.tuned[:2] == (869_350_000, 9)


def test_frames_outside_the_windows_leave_the_count_of_silence_alone(world, device):
    session = device.mac.session
    before = session.adr_count
    world.speak(world.network.downlink({"port": 10, "payload": b"x"}))
    device.wait(5_000)
    assert session.adr_count == before > 0


@pytest.mark.parametrize("window", ["rx1", "rx2"])
def test_an_acknowledgement_is_heard_in_either_window(world, device, window):
    world.network.plan = lambda kind, number: window
    genuine = world.network.hear

    def hear(phy, hz, sf, end_us):  # the second window is part of the listening
        genuine(phy, hz, sf, end_us)
        if window == "rx2":
            world.spoken += [packet for packet in world.network.on_air]

    world.network.hear = hear
    assert device.send(b"x", 1, True).acknowledged


def test_a_message_between_an_uplink_and_its_first_window_is_taken_and_flash_waits(world, device):
    genuine = world.network.hear
    world.network.delay_s = device.mac.session.rx_delay = 5

    def hear(phy, hz, sf, end_us):
        genuine(phy, hz, sf, end_us)
        world.spoken.append((end_us + 100_000, *world.network.rx2, world.network.downlink({"port": 9, "payload": b"between"})))

    world.network.hear = hear
    puts = world.store.puts
    device.send(b"x", 1, False)
    assert device.receive() == (9, b"between") and world.store.puts > puts


def test_a_replayed_or_foreign_frame_does_nothing(world, device):
    frame = world.network.downlink({"port": 10, "payload": b"\x01"})
    world.speak(frame)
    device.wait(3_000)
    assert device.receive() == (10, b"\x01")
    world.speak(frame)
    world.speak(frame[:1] + b"\1\2\3\4" + frame[5:], wait_us=3_000_000)
    device.wait(10_000)
    assert device.receive() is None


def test_class_a_keeps_its_radio_asleep():
    world = ClassC(TABLE, config={"class": "A"})
    device = world.start()
    assert device.connect()
    device.send(b"x", 1, False)
    device.wait(1000)
    assert world.ear.tuned is None


def test_more_that_the_network_holds_is_fetched_at_once_and_silence_ends_it(world, device):
    world.network.queue += [{"control": 0x10, "port": 9, "payload": b"1"}, {"control": 0x10, "port": 9, "payload": b"2"}]
    device.send(b"x", 1, False)
    sent = len(world.radio.sent)
    for _ in range(4):
        if device.due_ms() == 0:
            device.tend()
    assert len(world.radio.sent) == sent + 2, "one brought the second, one nothing"
    assert [device.receive(), device.receive(), device.receive()] == [(9, b"1"), (9, b"2"), None]


# -- groups ----------------------------------------------------------------------------------------------------------------


@pytest.fixture
def member():
    world = ClassC(TABLE, config={"packages": ["groups"]})
    device = world.start()
    assert device.connect() and device.send(b"here", 1, False)
    world.group = Group(world.network)
    say(world, device, 200, world.group.set_up())
    assert answers(world, 200)[-1] == b"\x02\x01"
    return world, device


def test_a_member_hears_its_group_and_nothing_old_or_beyond_its_life(member):
    world, device = member
    frame = world.group.frame(10, b"all")
    world.speak(frame)
    device.wait(5_000)
    assert device.receive() == (10, b"all")
    world.speak(frame)
    world.speak(world.group.frame(10, b"confirmed", kind=0xA0), wait_us=2_000_000)
    world.group.count = 1001
    world.speak(world.group.frame(10, b"late"), wait_us=4_000_000)
    device.wait(9_000)
    assert device.receive() is None


def test_a_session_tunes_the_ear_for_its_time_and_the_group_survives_a_loss_of_power(member):
    world, device = member
    start = world.wall.true_gps() + 60
    say(world, device, 200, bytes((4, 1)) + start.to_bytes(4, "little") + b"\x06" + (8691000).to_bytes(3, "little") + b"\x05")
    answer = answers(world, 200)[-1]
    assert answer[:2] == b"\x04\x01" and 55 <= int.from_bytes(answer[2:5], "little") <= 60
    frame = world.group.frame(10, b"fast")
    assert world.ear.tuned[:2] == (869_525_000, 12)
    world.pass_s(60)
    device.tend()
    world.speak(frame, 869_100_000, 7)
    device.wait(2_000)
    assert device.receive() == (10, b"fast") and world.ear.tuned[:2] == (869_100_000, 7)
    world.pass_s(64)
    device.tend()
    device.wait(100)
    assert world.ear.tuned[:2] == (869_525_000, 12)
    again = world.start()
    assert again.connect()
    world.speak(frame)
    world.speak(world.group.frame(10, b"new"), wait_us=2_000_000)
    again.wait(9_000)
    assert again.receive() == (10, b"new"), "the counter was kept too"


def test_a_class_a_member_listens_for_the_session_only():
    world = ClassC(TABLE, config={"class": "A", "packages": ["groups"]})
    device = world.start()
    assert device.connect()
    group = Group(world.network)
    start = world.wall.true_gps() + 100
    session = bytes((4, 1)) + start.to_bytes(4, "little") + b"\x05" + (8691000).to_bytes(3, "little") + b"\x05"
    world.network.queue.append({"port": 200, "payload": group.set_up() + session})
    device.send(b"x", 1, False)
    assert device.receive() is None and world.ear.tuned is None
    device.tend()
    world.pass_s(device.due_ms() // 1000)
    device.tend()
    world.speak(group.frame(10, b"now"), 869_100_000, 7)
    device.wait(2_000)
    assert device.receive() == (10, b"now")
    world.pass_s(40)
    device.tend()
    device.wait(100)
    assert world.ear.tuned is None


@pytest.mark.parametrize(
    ("request_", "want"),
    [
        (b"\x01\x0f", b"\x01\x12\x01\x01\x00\xaa\x26"),  # McGroupStatusReq: one group
        (b"\x03\x02", b"\x03\x06"),  # McGroupDeleteReq of a group there is not
        (b"\x03\x01", b"\x03\x01"),
        (b"\x04\x02" + bytes(9), b"\x04\x1a"),  # no such group, no such frequency
        (b"\x04\x01" + bytes(5) + (8691000).to_bytes(3, "little") + b"\x0f", b"\x04\x05"),  # a rate there is not
        (b"\x05\x01" + bytes(5) + (8691000).to_bytes(3, "little") + b"\x05", b"\x05\x05"),  # class B
        (b"\x04\x01" + bytes(5) + (8691000).to_bytes(3, "little") + b"\x05", b"\x04\x21"),  # long over
        (b"\x00", b"\x00\x02\x02"),
    ],
)
def test_group_commands_are_answered_as_ts005_says(member, request_, want):
    world, device = member
    say(world, device, 200, request_)
    assert answers(world, 200)[-1] == want


def test_what_a_group_may_not_say_to_its_members_is_left_alone(member):
    """The keys of a group are in many hands: only fragments, their status, and the application's messages are taken from it."""
    world, device = member
    for wait, (port, payload) in enumerate([(200, b"\x03\x01"), (224, b"\x01"), (201, b"\x08"), (10, b"ok")]):
        world.speak(world.group.frame(port, payload), wait_us=2_000_000 * wait + 50_000)
    for _ in range(4):
        device.wait(3_000)
    assert [device.receive(), device.receive()] == [(201, b"\x08"), (10, b"ok")], "without its package 201 is a port like others"
    assert device.packages[200]._groups


def test_a_group_frame_with_one_wrong_bit_is_not_taken(member):
    world, device = member
    whole = world.group.frame(10, b"all of you")
    before = device.mac.session.pack()
    for place in range(8 * len(whole)):
        bent = bytearray(whole)
        bent[place // 8] ^= 1 << place % 8
        assert not device.listener.take(bytes(bent)), place
    assert device.mac.session.pack() == before and device.receive() is None
    assert device.listener.take(whole) and device.receive() == (10, b"all of you")


def test_a_radio_that_fails_while_it_listens_is_tried_again(world, device, capsys):
    broken = [True]
    genuine = world.ear.heard

    def heard(radio):
        if broken:
            broken.pop()
            raise RadioError("sx1262 stayed busy")
        return genuine(radio)

    world.ear.heard = heard
    device.wait(1_000)
    assert "kerb note sx1262 stayed busy" in capsys.readouterr().out
    world.speak(world.network.downlink({"port": 10, "payload": b"x"}))
    device.wait(5_000)
    assert device.receive() == (10, b"x")
