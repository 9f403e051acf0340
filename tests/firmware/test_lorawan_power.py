"""What survives: power cuts at every write, deep sleep, a failing radio, a bad identity."""


import pytest
from lorawan_world import APP_KEY, IDENTITY, PowerCut, World

# isort: split
from kerb.errors import ConfigError, RadioError, UplinkError
from kerb.identity import Identity
from kerb.uplink.lorawan import session as persist
from kerb.uplink.lorawan.uplink import Uplink
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
    device._mac.vault.save_counters(device._mac.session, 0)
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
    other = Uplink(world.config, Identity({**IDENTITY, "dev_eui": bytes(8).hex()}), world.board, world.store, world.radio)
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
    broken = Uplink(world.config, Identity(IDENTITY), world.board, world.store, Broken("transmit"))
    assert broken.unpack(record)
    with pytest.raises(UplinkError, match="stayed busy"):
        broken.send(b"x", 0, True)
    fresh = world.start()
    assert not fresh.unpack(record), "the lease on flash moved on"
    assert fresh.send(b"y", 0, True).acknowledged and world.network.wrongs == []


def test_a_radio_that_cannot_be_put_to_sleep_does_not_stop_the_node(world):
    Uplink(world.config, Identity(IDENTITY), world.board, world.store, Broken("sleep")).sleep()


def test_the_antenna_gain_is_taken_off_the_allowed_radiated_power():
    world = World(TABLE, config={"radio": {"antenna_gain_dbi": 2.15}})
    world.start().connect()
    assert world.radio.sent[0][4] == 16 - 3


# -- identity --------------------------------------------------------------------------------------------------------------


def test_a_bad_key_is_named_but_not_shown(world):
    for bad in (APP_KEY[:15].hex(), APP_KEY.hex()[:-1], "zz", None):
        with pytest.raises(ConfigError, match="app_key of 16 bytes") as caught:
            Uplink(world.config, Identity({**IDENTITY, "app_key": bad}), world.board, world.store, world.radio)
        assert APP_KEY.hex()[:8] not in str(caught.value) and repr(APP_KEY)[2:12] not in str(caught.value)


def test_no_repr_shows_a_key(world, device):
    session = device._mac.session
    text = repr(session) + repr(device._mac) + repr(device)
    assert all(repr(key)[2:10] not in text and key.hex() not in text for key in session.keys)


def test_a_region_table_without_a_key_is_named(world):
    with pytest.raises(ConfigError, match="'bands'"):
        Uplink({"region": {k: v for k, v in TABLE.items() if k != "bands"}}, Identity(IDENTITY), world.board, world.store, world.radio)
