"""The bench network server without sockets, against a small end device written here."""

import pytest
from lorawan_bench import DEV_EUI, JOIN_EUI, KEY, MiniDevice

from kerbstone.emulator.air import ns_adr, ns_mac
from kerbstone.emulator.air.ns_core import NetworkCore
from kerbstone.emulator.air.ns_duty import DutyCycle
from kerbstone.emulator.air.ns_reply import Uplink
from kerbstone.emulator.air.plan import EU868

DAY_US = 86_400_000_000


# -- rate adaptation and duty cycle --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dr", "power", "snr", "wanted"),
    [
        (0, 0, [-9.0], (0, 0)),  # 11 dB above the floor, margin 10: nothing to give
        (0, 0, [-20.0, -1.0, -15.0], (3, 0)),  # the best counts: 9 dB to give, three steps
        (0, 0, [10.0], (5, 1)),
        (5, 0, [30.0], (5, 7)),
        (5, 3, [-3.0], (5, 2)),  # 5.5 dB short of the margin: power comes back, one step for each whole 3 dB
        (5, 0, [-7.0], (5, 0)),
    ],
)
def test_rate_adaptation_spends_the_margin_on_rate_then_on_power(dr, power, snr, wanted):
    assert ns_adr.target(dr, power, snr) == wanted


def test_duty_cycle_is_a_budget_over_a_sliding_hour_per_sub_band():
    duty = DutyCycle()
    for i in range(36):
        assert duty.allows(868_100_000, 1_000_000, i)
        duty.spend(868_100_000, 1_000_000, i)
    assert not duty.allows(868_500_000, 1, 100)
    assert duty.allows(867_100_000, 1_000_000, 100)
    assert duty.allows(869_525_000, 300_000_000, 100)
    assert not duty.allows(869_525_000, 360_000_001, 100)
    assert duty.allows(868_500_000, 1_000_000, 3_600_000_000)
    assert not duty.allows(862_000_000, 1, 0)


# -- a device and the server ---------------------------------------------------------------------------------------------------


@pytest.fixture
def got():
    return []


@pytest.fixture
def core(got):
    core = NetworkCore(lambda *a: got.append(a), 0)
    core.register(DEV_EUI, JOIN_EUI, KEY, "bay-1")
    return core


@pytest.fixture
def device(core):
    device = MiniDevice(core)
    assert device.join()
    return device


def test_a_join_offers_rx1_on_the_uplink_channel_and_rx2_at_869_525(core):
    device = MiniDevice(core)
    device.dr = 4
    reply = device.join()
    rx1, rx2 = reply.slots
    assert (rx1.delay_us, rx1.freq_hz, rx1.dr) == (5_000_000, 868_100_000, 4)
    assert (rx2.delay_us, rx2.freq_hz, rx2.dr) == (6_000_000, 869_525_000, 0)
    assert [int.from_bytes(device.cf_list[i : i + 3], "little") * 100 for i in range(0, 15, 3)] == list(EU868.channels_hz[3:])
    assert device.cf_list[15] == 0


def test_a_used_dev_nonce_is_refused_and_the_join_nonce_grows(core):
    device = MiniDevice(core)
    device.join()
    first = device.join_nonce
    device.nonce -= 1
    assert device.join() is None
    device.nonce = 7
    device.join()
    assert device.join_nonce > first
    device.nonce = 6
    assert device.join() is None
    assert core.refused == {"devnonce": 2}


def test_a_join_with_the_wrong_key_or_from_a_stranger_is_refused(core):
    assert MiniDevice(core, bytes(16)).join() is None
    core.devices.clear()
    assert MiniDevice(core).join() is None
    assert core.refused == {"mic": 1, "device": 1}


def test_the_old_session_works_until_the_device_uses_the_new_one(core, device, got):
    device.send(b"old", 2)
    before = device.nwk, device.app, device.fcnt
    device.join()
    after = device.nwk, device.app
    device.nwk, device.app, device.fcnt = before
    device.send(b"old again", 2)
    device.nwk, device.app = after
    device.fcnt = 0
    device.send(b"new", 2)
    device.nwk, device.app, device.fcnt = before[0], before[1], 10
    device.send(b"too late", 2)
    assert [g[2] for g in got] == [b"old", b"old again", b"new"]
    assert core.refused == {"mic": 1}


def test_an_uplink_is_decrypted_and_delivered_with_how_it_arrived(device, got):
    device.dr = 3
    device.fcnt = 9
    assert device.send(b"\x12\x34", 2) is None
    meta = {"t_us": device.t_us, "tmst": device.t_us, "freq_hz": 868_100_000, "dr": 3, "rssi_dbm": -100.0, "snr_db": 5.0}
    assert got == [("bay-1", 2, b"\x12\x34", 9, meta)]


def test_the_frame_counter_is_followed_over_its_sixteen_bits(device, got):
    for fcnt in (0, 65_000, 65_535, 65_536, 65_537, 131_072):
        device.fcnt = fcnt
        device.send(b"x", 2)
    assert [g[3] for g in got] == [0, 65_000, 65_535, 65_536, 65_537, 131_072]


def test_a_replayed_or_forged_frame_is_refused(core, device, got):
    old = device.frame(b"one", 2)
    device.up(old)
    device.fcnt = 1
    device.send(b"two", 2)
    device.up(old)
    forged = bytearray(device.frame(b"six", 2))
    forged[-6] ^= 1
    device.up(bytes(forged))
    assert [g[2] for g in got] == [b"one", b"two"]
    assert core.refused == {"mic": 2}


def test_a_repeated_frame_is_acknowledged_again_but_delivered_once(device, got):
    frame = device.frame(b"door", 2, confirmed=True)
    counters = [device.read(device.up(frame))[0] for _ in range(3)]
    assert counters == [0, 1, 2]
    assert len(got) == 1


def test_copies_of_one_frame_from_two_gateways_count_once(core, device, got):
    phy = device.frame(b"x", 2, confirmed=True)
    here = Uplink(b"1" * 8, phy, 1, 5_000_000_000, 868_100_000, 0, -100.0, 5.0)
    there = Uplink(b"2" * 8, phy, 9, 5_000_030_000, 868_100_000, 0, -110.0, -5.0)
    assert core.uplink(here) and core.uplink(there) is None
    assert len(got) == 1


def test_a_confirmed_uplink_is_acknowledged_and_an_unconfirmed_one_costs_no_downlink(device):
    assert device.send(b"x", 2) is None
    fcnt, control, fopts, port, _, _ = device.read(device.send(b"x", 2, confirmed=True))
    assert (fcnt, control & 0x20, fopts, port) == (0, 0x20, b"", None)


def test_link_check_and_device_time_are_answered_in_the_order_asked(device):
    device.snr = -7.4
    reply = device.send(fopts=b"\x0d\x02")
    _, _, fopts, _, _, _ = device.read(reply)
    assert fopts == ns_mac.device_time_ans(device.t_us) + bytes([2, 13, 1])


def test_commands_on_port_0_are_read_too(device):
    reply = device.send(b"\x02", 0)
    assert device.read(reply)[2][0] == 2


def test_an_adr_ack_request_gets_some_downlink(device):
    assert device.send(b"x", 2, adr=True) is None
    assert device.read(device.send(b"x", 2, adr=True, adr_ack_req=True))[1] & 0x0F == 0


def test_adr_asks_once_takes_the_answer_and_is_content(device):
    device.snr = 5.0
    replies = [device.send(b"x", 2, adr=True) for _ in range(ns_adr.ENOUGH)]
    assert replies[:-1] == [None] * (ns_adr.ENOUGH - 1)
    assert device.read(replies[-1])[2] == bytes([3, 5 << 4, 0xFF, 0x00, 1])  # 15 dB to give: five rates
    device.dr, device.snr = 5, 3.0
    device.send(b"x", 2, adr=True, fopts=b"\x03\x07")
    assert all(device.send(b"x", 2, adr=True) is None for _ in range(25))


def lowered(device):
    """Brings the device to DR5 and the lowest power."""
    device.dr, device.snr = 5, 30.0
    replies = [device.send(b"x", 2, adr=True) for _ in range(ns_adr.ENOUGH)]
    assert device.read(replies[-1])[2][1] == 5 << 4 | 7
    assert device.send(b"x", 2, adr=True, fopts=b"\x03\x07") is None


def test_adr_judges_a_new_power_by_new_uplinks_only(device):
    lowered(device)
    device.snr = -6.5  # 9 dB short of the margin
    replies = [device.send(b"x", 2, adr=True) for _ in range(ns_adr.ENOUGH)]
    assert replies[:-1] == [None] * (ns_adr.ENOUGH - 1)
    assert device.read(replies[-1])[2][1] == 5 << 4 | 4


def test_a_device_that_backs_off_is_taken_to_send_at_full_power(device):
    lowered(device)
    device.dr, device.snr = 4, -9.0  # short of the margin at any power
    assert all(device.send(b"x", 2, adr=True) is None for _ in range(8))


def test_commands_take_their_room_from_the_data(core, device):
    core.enqueue(DEV_EUI, 10, bytes(49), False)
    assert device.read(device.send(fopts=b"\x02"))[3] is None  # 51 bytes at DR0, three of them taken
    assert device.read(device.send())[3] == 10


def test_a_device_with_a_larger_margin_keeps_its_rate(core, device):
    core.devices[DEV_EUI].adr_margin_db = 25.0
    assert all(device.send(b"x", 2, adr=True) is None for _ in range(10))


def test_adr_rests_after_a_refusal_and_is_silent_without_the_adr_bit(device):
    for _ in range(10):
        assert device.send(b"x", 2) is None
    assert device.read(device.send(b"x", 2, adr=True))[2][0] == 3
    assert device.send(b"x", 2, adr=True, fopts=b"\x03\x05") is None
    assert [device.send(b"x", 2, adr=True) is None for _ in range(20)] == [True] * 19 + [False]


def test_the_status_is_asked_once_a_day(core, device):
    assert device.send(b"x", 2) is None
    device.t_us += DAY_US
    assert device.read(device.send(b"x", 2))[2] == b"\x06"
    device.send(b"x", 2, fopts=b"\x06\xfe\x3f")
    assert (core.devices[DEV_EUI].battery, core.devices[DEV_EUI].margin_db) == (254, -1)
    assert device.send(b"x", 2) is None


def test_queued_downlinks_come_one_by_one_and_say_that_more_wait(core, device):
    core.enqueue(DEV_EUI, 10, b"first", False)
    core.enqueue(DEV_EUI, 11, b"second", False)
    first, second = device.read(device.send()), device.read(device.send())
    assert (first[3], first[4], first[1] & 0x10) == (10, b"first", 0x10)
    assert (second[3], second[4], second[1] & 0x10) == (11, b"second", 0)
    assert (first[0], second[0]) == (0, 1)
    assert device.send() is None


def test_a_downlink_too_long_for_the_slot_waits_for_a_faster_one(core, device):
    core.enqueue(DEV_EUI, 10, bytes(60), False)
    reply = device.send()
    assert device.read(reply, 0, sent=False)[3] is None  # RX1 at DR0 takes 51 bytes
    assert device.read(reply, 1)[3] == 10  # RX2 at DR3 takes 115
    assert not core.devices[DEV_EUI].queue


def test_a_confirmed_downlink_is_repeated_until_acknowledged_three_times_at_most(core, device):
    core.enqueue(DEV_EUI, 10, b"open", True)
    assert device.read(device.send())[5]
    assert device.read(device.send())[4] == b"open"
    assert device.send(ack=True) is None
    core.enqueue(DEV_EUI, 10, b"shut", True)
    assert [device.read(r)[4] if (r := device.send()) else None for _ in range(5)] == [b"shut"] * 3 + [None] * 2


def test_keys_stay_out_of_reprs(core, device):
    text = repr(core.devices[DEV_EUI])
    device.send(b"x", 2)
    text += repr(core.devices[DEV_EUI])
    for secret in (KEY, device.nwk, device.app):
        assert repr(secret) not in text and secret.hex() not in text
